"""What is special about httpx. What holds for every transport is in the contract suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS, Timeouts
from llmgw_middleware.testing.upstream import ScriptedUpstream, Silence, answer, chat, raw, stream
from llmgw_middleware.transport import port
from llmgw_middleware.transport.httpx_faults import NO_ANSWER, fault_of
from llmgw_middleware.transport.httpx_reply import has_unread
from llmgw_middleware.transport.httpx_transport import HttpxTransport
from llmgw_middleware.transport.httpx_wire import WatchedTransport
from llmgw_middleware.transport.port import Call, Malformed, Reply, TransportError, Unreachable

CALL = Call(method="POST", url="http://upstream.test/v1", headers=((b"x-a", b"1"),), body=b"{}")


def later(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def send(transport: HttpxTransport, call: Call = CALL, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> Reply:
    return await transport.send(call, timeouts=timeouts, deadline=later())


async def text(reply: Reply) -> bytes:
    parts = []
    while part := await reply.receive(later()):
        parts.append(part)
    await reply.aclose()
    return b"".join(parts)


def to(upstream: ScriptedUpstream) -> Call:
    return Call(method="POST", url=upstream.url, headers=(), body=b"{}")


def connections(transport: HttpxTransport) -> int:
    """How many connections httpcore believes in."""
    pools = [pool for pool in transport._pools.values() if isinstance(pool, WatchedTransport)]
    return sum(len(pool._pool.connections) for pool in pools)


# Another httpx transport


def mock(answering: Any) -> HttpxTransport:
    return HttpxTransport(httpx.MockTransport(answering))


async def test_any_httpx_transport_may_carry_the_calls():
    transport = mock(
        lambda request: httpx.Response(201, headers={"X-B": request.headers["x-a"]}, content=request.content)
    )
    reply = await send(transport)
    assert (reply.status, await text(reply)) == (201, b"{}")
    assert (b"x-b", b"1") in reply.headers
    await transport.aclose()


async def test_a_given_transport_is_closed_with_it():
    closed = []

    class Given(httpx.MockTransport):
        async def aclose(self) -> None:
            closed.append(self)

    given = Given(lambda _: httpx.Response(200))
    await HttpxTransport(given).aclose()
    assert closed == [given]


class Endless(httpx.AsyncByteStream):
    """A body that is silent after its first part, and notes when it is given up."""

    def __init__(self) -> None:
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""  # an empty part is not the end
        yield b"first"
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


async def test_a_body_of_a_given_transport_is_given_up_by_cancelling():
    body = Endless()
    transport = mock(lambda _: httpx.Response(200, stream=body))
    reply = await send(transport)
    assert await reply.receive(later()) == b"first"
    with pytest.raises(TimeoutError):
        await reply.receive(later(0.01))
    await reply.aclose()
    assert body.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_of_a_given_transport_is_given_up_by_cancelling():
    async def silent(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    transport = mock(silent)
    with pytest.raises(TimeoutError):
        await transport.send(CALL, timeouts=DEFAULT_TIMEOUTS, deadline=later(0.01))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_answer_that_comes_in_the_moment_of_leaving_is_closed():
    body, asked = Endless(), asyncio.Event()

    async def stubborn(_: httpx.Request) -> httpx.Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return httpx.Response(200, stream=body)
        raise AssertionError

    task = asyncio.create_task(send(mock(stubborn)))
    await asked.wait()
    task.cancel()
    await asyncio.wait((task,))
    assert (task.cancelled(), body.closed) == (True, True)


# Foreign exceptions

FAULTS: list[tuple[httpx.HTTPError, type[TransportError]]] = [
    (httpx.ConnectError("x"), Unreachable),
    (httpx.ConnectTimeout("x"), Unreachable),
    (httpx.PoolTimeout("x"), Unreachable),
    (httpx.ProxyError("x"), Unreachable),
    (httpx.UnsupportedProtocol("x"), Unreachable),
    (httpx.ReadError("x"), port.Reset),
    (httpx.WriteError("x"), port.Reset),
    (httpx.WriteTimeout("x"), port.Reset),
    (httpx.ReadTimeout("x"), port.Reset),
    (httpx.CloseError("x"), port.Reset),
    (httpx.RemoteProtocolError(NO_ANSWER), port.Reset),
    (httpx.RemoteProtocolError("illegal status line"), Malformed),
    (httpx.DecodingError("x"), Malformed),
    (httpx.HTTPError("x"), port.Reset),
]


@pytest.mark.parametrize(("error", "fault"), FAULTS, ids=[f"{error!r}" for error, _ in FAULTS])
async def test_errors_of_httpx_are_said_in_the_words_of_the_port(
    error: httpx.HTTPError, fault: type[TransportError]
):
    def failing(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(fault, match=type(error).__name__) as caught:
        await send(mock(failing))
    assert type(caught.value) is fault


def test_a_call_that_cannot_be_said_is_the_fault_of_its_author():
    with pytest.raises(ValueError, match="cannot carry: line break"):
        fault_of(httpx.LocalProtocolError("line break"))


UNSAYABLE = {
    "a line break in a header": Call(
        method="POST", url="http://127.0.0.1:9", headers=((b"x-a", b"1\r\nx-b: 2"),)
    ),
    "a space in a header name": Call(method="POST", url="http://127.0.0.1:9", headers=((b"x a", b"1"),)),
    "a port of letters": Call(method="POST", url="http://127.0.0.1:nine", headers=()),
    "a control character in the url": Call(method="POST", url="http://127.0.0.1:9/\n", headers=()),
}


@pytest.mark.parametrize("call", UNSAYABLE.values(), ids=UNSAYABLE.keys())
async def test_what_http_cannot_carry_never_reaches_the_upstream(call: Call):
    with ScriptedUpstream() as upstream:
        transport = HttpxTransport()
        with pytest.raises(ValueError, match="cannot carry"):
            await send(
                transport, Call(**{**fields(call), "url": call.url.replace(":9", f":{upstream.port}")})
            )
        await transport.aclose()
        assert upstream.requests == []


def fields(call: Call) -> dict[str, Any]:
    return {"method": call.method, "headers": call.headers, "body": call.body}


# httpcore's insides


async def test_the_way_to_the_parser_still_exists():
    with ScriptedUpstream() as upstream:
        upstream.default(answer(body="x"))
        pool = WatchedTransport(tls=httpx.create_ssl_context(), idle=5.0)
        response = await pool.handle_async_request(httpx.Request("GET", upstream.url))
        assert await response.aread() == b"x"
        assert has_unread(response) is False
        await response.aclose()
        await pool.aclose()


def test_where_the_way_to_the_parser_is_lost_connections_are_not_reused():
    lost = httpx.Response(200, extensions={"network_stream": object(), "http_version": b"HTTP/1.1"})
    assert has_unread(lost) is True


@pytest.mark.parametrize(
    "extensions",
    [{}, {"network_stream": object(), "http_version": b"HTTP/2"}],
    ids=["no connection", "HTTP/2"],
)
def test_only_answers_of_http_1_can_have_bytes_behind_them(extensions: dict[str, Any]):
    assert has_unread(httpx.Response(200, extensions=extensions)) is False


async def test_callers_who_leave_at_any_moment_take_no_place_in_the_pool():
    with ScriptedUpstream() as upstream:
        upstream.default(raw(Silence()))
        transport = HttpxTransport()
        tasks = [asyncio.create_task(send(transport, to(upstream))) for _ in range(100)]
        for task in tasks:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait(tasks)
        assert connections(transport) == 0
        await transport.aclose()


async def test_replies_that_are_closed_amid_their_body_take_no_place_in_the_pool():
    with ScriptedUpstream() as upstream:
        upstream.default(stream("a", stall_after=1))
        transport = HttpxTransport()
        for _ in range(5):
            await (await send(transport, to(upstream))).aclose()
        assert connections(transport) == 0
        await transport.aclose()


async def test_each_keep_alive_has_connections_of_its_own():
    with ScriptedUpstream() as upstream:
        upstream.default(chat())
        transport = HttpxTransport()
        for idle in (30.0, 60.0, 30.0, 60.0):
            await text(await send(transport, to(upstream), Timeouts(idle=idle)))
        assert upstream.accepted == 2
        await transport.aclose()


async def test_a_keep_alive_of_zero_keeps_no_connection():
    with ScriptedUpstream() as upstream:
        upstream.default(chat())
        transport = HttpxTransport()
        for _ in range(3):
            await text(await send(transport, to(upstream), Timeouts(idle=0.0)))
        assert (upstream.accepted, connections(transport)) == (3, 0)
        await transport.aclose()


# What it says of itself


async def test_it_says_what_it_does_and_nothing_of_what_it_sends():
    with ScriptedUpstream() as upstream:
        upstream.script(chat())
        transport = HttpxTransport()
        assert repr(transport) == "<HttpxTransport over httpx [sending: 0, closing: 0]>"
        reply = await send(transport, to(upstream))
        assert repr(reply) == "<HttpxReply 200 receiving>"
        await text(reply)
        assert repr(reply) == "<HttpxReply 200 closed>"
        await transport.aclose()
        assert repr(transport) == "<HttpxTransport over httpx [closed]>"


async def test_nothing_can_be_received_from_a_closed_reply():
    transport = mock(lambda _: httpx.Response(200, stream=Endless()))
    reply = await send(transport)
    await reply.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await reply.receive(later())
