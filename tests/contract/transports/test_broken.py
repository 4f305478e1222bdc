"""No connection, a connection that breaks, and the stale connection that may be replaced unseen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from llmgw_middleware.testing.upstream import (
    Close,
    Reset,
    Script,
    ScriptedUpstream,
    Silence,
    answer,
    chat,
    raw,
    stream,
)
from llmgw_middleware.transport import port
from llmgw_middleware.transport.port import Transport, Unreachable
from tests.contract.transports.calls import body_of, fetch, full_port, send, silent_port, soon, url_of

OK = b"HTTP/1.1 200 OK\r\n"


async def test_a_port_that_nobody_listens_on_is_unreachable(transport: Transport):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = url_of(listener)
    with pytest.raises(Unreachable):
        await send(transport, url)


@pytest.mark.parametrize(
    "host", ["nothing.invalid", "a..b", "x" * 70 + ".invalid"], ids=["unknown", "empty label", "long label"]
)
async def test_a_name_that_does_not_resolve_is_unreachable(transport: Transport, host: str):
    with pytest.raises(Unreachable):
        await send(transport, f"http://{host}:9")


async def test_connecting_is_given_up_in_its_own_time(transport: Transport):
    with full_port() as url, pytest.raises(Unreachable):
        await send(transport, url, limits={"connect": 0.1})


async def test_a_tls_handshake_is_given_up_in_the_time_of_connecting(transport: Transport):
    with silent_port() as listener, pytest.raises(Unreachable):
        await send(transport, url_of(listener, "https"), limits={"connect": 0.1})


async def test_an_upstream_without_tls_behind_an_https_url_is_unreachable(
    transport: Transport, upstream: ScriptedUpstream
):
    with pytest.raises(Unreachable):
        await send(transport, upstream.url.replace("http:", "https:"))
    assert upstream.requests == []


async def test_an_upstream_that_takes_nothing_is_reset(transport: Transport):
    with silent_port() as listener, pytest.raises(port.Reset):
        await send(transport, url_of(listener), body=bytes(30_000_000), limits={"write": 0.1})


BEFORE_THE_HEAD = {
    "closed": raw(Close()),
    "reset": raw(Reset()),
    "closed amid the head": raw(OK + b"content-le", Close()),
    "reset amid the head": raw(OK + b"content-le", Reset()),
    "closed after an interim answer": raw(b"HTTP/1.1 100 Continue\r\n\r\n", Close()),
}


@pytest.mark.parametrize("script", BEFORE_THE_HEAD.values(), ids=BEFORE_THE_HEAD.keys())
async def test_a_first_connection_that_breaks_before_its_answer_is_not_tried_again(
    transport: Transport, upstream: ScriptedUpstream, script: Script
):
    upstream.script(script, chat())
    with pytest.raises(port.Reset):
        await send(transport, upstream.url)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("count", [0, 1])
async def test_a_reset_amid_the_body_is_a_reset(transport: Transport, upstream: ScriptedUpstream, count: int):
    upstream.script(stream("a", reset_after=count))
    reply = await send(transport, upstream.url)
    with pytest.raises(port.Reset):
        await body_of(reply)
    with pytest.raises(port.Reset):
        await reply.receive(soon())


@pytest.mark.parametrize("ending", [Close(), Reset()], ids=["closed", "reset"])
async def test_a_stale_connection_is_replaced_unseen(
    transport: Transport, upstream: ScriptedUpstream, ending: Close | Reset
):
    upstream.script(chat(), raw(ending), answer(body="fresh"))
    await fetch(transport, upstream.url)
    assert await fetch(transport, upstream.url, body=b'{"n":2}') == (200, b"fresh")
    assert [seen.body for seen in upstream.requests[1:]] == [b'{"n":2}', b'{"n":2}']
    assert upstream.accepted == 2


async def test_a_stale_connection_is_replaced_once(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(chat(), raw(Close()), raw(Close()), chat())
    await fetch(transport, upstream.url)
    with pytest.raises(port.Reset):
        await send(transport, upstream.url)
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("script", [*BEFORE_THE_HEAD.values()][2:], ids=[*BEFORE_THE_HEAD][2:])
async def test_a_used_connection_that_gave_as_much_as_a_byte_is_not_stale(
    transport: Transport, upstream: ScriptedUpstream, script: Script
):
    upstream.script(chat(), script, chat())
    await fetch(transport, upstream.url)
    with pytest.raises(port.Reset):
        await send(transport, upstream.url)
    assert len(upstream.requests) == 2


async def test_silence_on_a_used_connection_is_not_staleness(
    transport: Transport, upstream: ScriptedUpstream, later: Callable[[float], None]
):
    upstream.script(chat(), raw(Silence()), chat())
    await fetch(transport, upstream.url)
    task = asyncio.create_task(send(transport, upstream.url, deadline=soon(60)))
    await asyncio.to_thread(upstream.wait_request, 2)
    later(60)
    with pytest.raises(TimeoutError):
        await task
    assert len(upstream.requests) == 2


async def test_a_closed_transport_sends_nothing(transport: Transport, upstream: ScriptedUpstream):
    await transport.aclose()
    await transport.aclose()
    with pytest.raises(Unreachable):
        await send(transport, upstream.url)
    assert upstream.accepted == 0
