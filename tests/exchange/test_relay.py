"""The relay against a scripted reply: the order of events is given, time is the loop's."""

import asyncio
from collections.abc import Sequence

import pytest

from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.dialect.openai_stream import ChatTap
from llmgw_middleware.dialect.port import Piece
from llmgw_middleware.errors import GatewayError, Unavailable
from llmgw_middleware.exchange import patience
from llmgw_middleware.exchange.relay import Relay
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.model.usage import Usage
from llmgw_middleware.transport.port import Reset

TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
STALL = TimeoutError()


class ScriptedReply:
    """Hands out what it was given, then silence."""

    status = 200
    headers = ()

    def __init__(self, *said: bytes | Exception) -> None:
        self.said = list(said)
        self.closed = 0
        self.over = False

    def whole(self) -> bytes | None:
        return b"" if self.over else None

    async def receive(self, deadline: float) -> bytes:
        if not self.said:
            await asyncio.get_running_loop().create_future()
        word = self.said.pop(0)
        if isinstance(word, Exception):
            raise word
        return word

    async def aclose(self) -> None:
        self.closed += 1


def relay(
    reply: ScriptedReply,
    *,
    drain: bool = False,
    timeouts: Timeouts | None = None,
    held: Sequence[Piece] = (),
    heard: bytes = b"",
) -> tuple[Relay, list[tuple[str, str | None]]]:
    ends: list[tuple[str, str | None]] = []
    tap = ChatTap(show_usage=False)
    made = Relay(
        reply=reply,
        held=(*held, *tap.feed(heard)),
        tap=tap,
        timeouts=timeouts or Timeouts(stream_idle=60.0, caller_stall=60.0),
        caller=OpenAICaller(),
        drain=drain,
        ended=lambda outcome, code: ends.append((outcome, code)),
    )
    return made, ends


async def test_a_whole_stream_is_served_and_the_connection_given_back():
    reply = ScriptedReply(TEXT, FINISH, DONE, b"")
    stream, ends = relay(reply)
    assert b"".join([chunk async for chunk in stream]) == TEXT + FINISH + DONE
    assert (ends, reply.closed) == ([("served", None)], 1)


async def test_an_end_that_is_here_already_is_not_waited_for():
    reply = ScriptedReply(TEXT + FINISH + DONE, Reset("nobody asks for it"))
    stream, ends = relay(reply)
    assert await anext(stream) == TEXT + FINISH + DONE
    reply.over = True
    assert [chunk async for chunk in stream] == []
    assert (ends, len(reply.said)) == ([("served", None)], 1)


async def test_a_chunk_with_the_end_behind_it_is_the_last_and_settles_the_order():
    reply = ScriptedReply(TEXT, FINISH + DONE)
    stream, ends = relay(reply)
    assert (await anext(stream), stream.last, ends) == (TEXT, False, [])
    reply.over = True
    assert (await anext(stream), stream.last, ends) == (FINISH + DONE, True, [("served", None)])
    await stream.aclose()
    assert ends == [("served", None)]


async def test_a_terminator_whose_body_goes_on_is_not_known_to_be_the_last():
    stream, ends = relay(ScriptedReply(TEXT + FINISH + DONE))
    assert (await anext(stream), stream.last, ends) == (TEXT + FINISH + DONE, False, [])
    await stream.aclose()


async def test_what_was_held_comes_first():
    stream, _ = relay(ScriptedReply(TEXT, FINISH, DONE, b""), held=[Piece(b": role\n\n", content=False)])
    assert await anext(stream) == b": role\n\n"
    await stream.aclose()


@pytest.mark.parametrize("end", [b"", Reset("cut")], ids=["clean end", "reset"])
async def test_a_stream_without_its_end_is_told_in_band_and_is_no_success(end):
    stream, ends = relay(ScriptedReply(TEXT, end))
    said = b"".join([chunk async for chunk in stream])
    assert b"upstream_stream_truncated" in said
    assert b"[DONE]" not in said
    assert b"finish_reason" not in said
    assert ends == [("truncated", "upstream_stream_truncated")]


async def test_an_error_event_after_content_is_told_and_ends_the_stream():
    error = b'data: {"error":{"message":"boom at http://10.0.0.1","type":"server_error"}}\n\n'
    stream, ends = relay(ScriptedReply(TEXT + error, DONE))
    said = b"".join([chunk async for chunk in stream])
    assert b'"error"' in said
    assert b"10.0.0.1" not in said
    assert b"[DONE]" not in said
    assert ends[0][0] == "truncated"


async def test_a_finish_without_its_terminator_is_complete():
    stream, ends = relay(ScriptedReply(TEXT, FINISH, b""))
    assert b"".join([chunk async for chunk in stream]) == TEXT + FINISH + DONE
    assert ends == [("served", None)]


async def test_a_finish_is_not_waited_upon_for_ever():
    stream, ends = relay(ScriptedReply(TEXT, FINISH, STALL, STALL))
    assert b"".join([chunk async for chunk in stream]).endswith(DONE)
    assert ends == [("served", None)]


async def test_a_finish_that_came_with_the_first_content_is_not_waited_upon_for_ever():
    stream, ends = relay(
        ScriptedReply(STALL, STALL), timeouts=Timeouts(stream_idle=1e-9), heard=TEXT + FINISH
    )
    assert b"".join([chunk async for chunk in stream]) == TEXT + FINISH + DONE
    assert ends == [("served", None)]


async def test_a_short_silence_gets_a_comment_and_the_stream_goes_on(monkeypatch):
    monkeypatch.setattr(patience, "HEARTBEAT", 0.0)
    stream, ends = relay(ScriptedReply(TEXT, STALL, FINISH, DONE, b""))
    chunks = [chunk async for chunk in stream]
    assert chunks[1] == b": keep-alive\n\n"
    assert ends == [("served", None)]


async def test_silence_beyond_its_limit_is_told_in_band():
    stream, ends = relay(ScriptedReply(TEXT, STALL), timeouts=Timeouts(stream_idle=1e-9))
    said = b"".join([chunk async for chunk in stream])
    assert b"upstream_timeout" in said
    assert ends == [("truncated", "upstream_timeout")]


async def test_a_stream_may_be_bounded_as_a_whole():
    stream, ends = relay(
        ScriptedReply(TEXT, TEXT, TEXT), timeouts=Timeouts(stream_idle=60.0, stream_total=1e-9)
    )
    said = b"".join([chunk async for chunk in stream])
    assert said.startswith(TEXT + b'data: {"error"')
    assert ends == [("truncated", "upstream_timeout")]


async def test_a_caller_who_leaves_lets_go_of_the_upstream_once():
    reply = ScriptedReply(TEXT)
    stream, ends = relay(reply)
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert (ends, reply.closed) == ([("cancelled", None)], 1)


async def test_being_cancelled_in_silence_lets_go_of_the_upstream():
    reply = ScriptedReply(TEXT)
    stream, ends = relay(reply)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (ends, reply.closed) == ([("cancelled", None)], 1)


async def test_a_caller_who_leaves_with_the_terminator_in_hand_was_served():
    stream, ends = relay(ScriptedReply(TEXT + FINISH + DONE))
    assert (await anext(stream)).endswith(DONE)
    await stream.aclose()
    assert ends == [("served", None)]


async def test_a_caller_who_takes_nothing_is_given_up():
    reply = ScriptedReply(TEXT)
    stream, ends = relay(reply, timeouts=Timeouts(stream_idle=60.0, caller_stall=0.0))
    await anext(stream)
    for _ in range(5):
        await asyncio.sleep(0)
    assert (ends, reply.closed) == ([("cancelled", "caller_stalled")], 1)
    with pytest.raises(GatewayError, match="took nothing"):
        await anext(stream)


async def test_a_door_that_can_cut_a_stalled_caller_is_told():
    told = []
    stream, _ = relay(ScriptedReply(TEXT), timeouts=Timeouts(stream_idle=60.0, caller_stall=0.0))
    stream.on_stall = lambda: told.append("stalled")
    await anext(stream)
    for _ in range(5):
        await asyncio.sleep(0)
    assert told == ["stalled"]


async def test_a_stream_can_be_ended_from_outside_amid_silence():
    reply = ScriptedReply(TEXT)
    stream, ends = relay(reply)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.interrupt(Unavailable("Shutting down.", code="draining"))
    assert b"draining" in await waiting
    assert (ends, reply.closed) == ([("truncated", "draining")], 1)
    assert [chunk async for chunk in stream] == []


async def test_a_stream_that_is_drained_goes_on_for_the_account():
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    reply = ScriptedReply(TEXT, TEXT, FINISH, usage, DONE, b"")
    stream, ends = relay(reply, drain=True)
    await anext(stream)
    await stream.aclose()
    assert ends == []
    for _ in range(5):
        await asyncio.sleep(0)
    assert (ends, reply.closed) == ([("cancelled", None)], 1)
    assert stream._tap.usage == Usage(input=3, output=4)


async def test_who_has_left_a_drained_stream_cannot_stall_it():
    reply = ScriptedReply(TEXT)
    stream, ends = relay(reply, drain=True, timeouts=Timeouts(stream_idle=60.0, caller_stall=1e-9))
    await anext(stream)
    await stream.aclose()
    stream._look_at_caller()
    await asyncio.sleep(0)
    assert (ends, reply.closed) == ([], 0)
    stream.interrupt(Unavailable("Shutting down.", code="draining"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ends == [("cancelled", None)]
