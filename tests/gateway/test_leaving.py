"""A caller who leaves stops the upstream, in every phase."""

import asyncio

import pytest

from llmgw_middleware.testing.upstream import (
    ScriptedUpstream,
    Silence,
    Wait,
    answer,
    raw,
    sse,
    stream,
    stream_chunks,
)
from tests.gateway.asking import ask, backend, chat_config, endpoint_of, gateway, stream_of

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PHASES = {
    "before any header": (raw(Silence()), False),
    "amid a whole answer": (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", Silence()), False),
    "before any event": (raw(HEAD, Silence()), True),
    "before the first content": (stream("a", stall_after=0), True),
}


@pytest.mark.parametrize(("script", "streamed"), PHASES.values(), ids=PHASES)
async def test_the_upstream_sees_a_caller_leave_before_the_answer_began(script, streamed):
    with ScriptedUpstream() as up:
        up.default(script)
        async with gateway(chat_config(backend("one", up.url))) as gw:
            asking = asyncio.create_task(ask(gw, stream=streamed))
            await asyncio.to_thread(up.wait_request)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.to_thread(up.wait_left, 0, 1.0)
            [decision] = gw.recorder
        assert (decision.outcome, [a.outcome for a in decision.attempts]) == ("cancelled", ["cancelled"])


async def test_the_upstream_sees_a_caller_leave_amid_a_silent_stream():
    with ScriptedUpstream() as up:
        up.default(stream("a", "b", stall_after=1))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            response = await ask(gw, stream=True)
            await anext(stream_of(response))
            waiting = asyncio.ensure_future(anext(stream_of(response)))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.to_thread(up.wait_left, 0, 1.0)
            [decision] = gw.recorder
        assert decision.outcome == "cancelled"


async def test_a_stream_that_is_closed_early_lets_the_upstream_go_and_returns_its_lease():
    with ScriptedUpstream() as up:
        up.default(sse(stream_chunks("a", finish=False), done=False, finish=False) + raw(Wait("never")))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            response = await ask(gw, stream=True)
            await anext(stream_of(response))
            endpoint = endpoint_of(gw)
            assert endpoint.in_flight == 1
            await stream_of(response).aclose()
            assert endpoint.in_flight == 0
            await asyncio.to_thread(up.wait_left, 0, 1.0)


async def test_in_flight_returns_to_zero_and_no_task_is_left_after_many_cancels():
    with ScriptedUpstream() as up:
        up.default(raw(Silence()))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            asking = [asyncio.create_task(ask(gw)) for _ in range(50)]
            await asyncio.to_thread(up.wait_request, 50)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await asyncio.to_thread(up.wait_open, 0)
            endpoint = endpoint_of(gw)
            assert endpoint.in_flight == 0
            up.default(answer(200, json={"choices": [], "object": "chat.completion"}))
            assert (await ask(gw)).status == 200
        assert asyncio.all_tasks() == {asyncio.current_task()}
