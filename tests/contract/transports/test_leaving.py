"""Deadlines, cancellation and callers who do not read: what the upstream sees, and what stays behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from llmgw_middleware.testing.upstream import (
    Script,
    ScriptedUpstream,
    Send,
    Silence,
    Wait,
    answer,
    chat,
    raw,
    sse,
    stream,
)
from llmgw_middleware.transport.port import Reply, Transport
from tests.contract.transports.calls import body_of, fetch, full_port, leave, send, silent_port, soon, url_of

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
BIG = bytes(30_000_000)
Later = Callable[[float], None]


async def accepted(listener: socket.socket) -> socket.socket:
    """Return the first connection of the port."""
    listener.setblocking(False)  # noqa: FBT003 -- the socket module's signature
    connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    return connection


async def closed(connection: socket.socket) -> bool:
    """Whether the other side closes the connection within a second, once everything it sent is read."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(1):
        with connection:
            while await loop.sock_recv(connection, 65_536):
                pass
    return True


# Deadlines


async def test_a_deadline_that_has_passed_sends_nothing(transport: Transport, upstream: ScriptedUpstream):
    with pytest.raises(TimeoutError):
        await send(transport, upstream.url, deadline=soon(-1))
    assert upstream.accepted == 0


async def test_the_deadline_ends_connecting(transport: Transport):
    with full_port() as url, pytest.raises(TimeoutError):
        await send(transport, url, deadline=soon(0.1))


@pytest.mark.parametrize(("scheme", "body"), [("https", b"{}"), ("http", BIG)], ids=["handshake", "sending"])
async def test_the_deadline_ends_a_tls_handshake_and_sending(
    transport: Transport, later: Later, scheme: str, body: bytes
):
    with silent_port() as listener:
        limits = {"connect": 600.0, "write": 600.0}  # the deadline is to come first
        call = send(transport, url_of(listener, scheme), body=body, deadline=soon(60), limits=limits)
        task = asyncio.create_task(call)
        connection = await accepted(listener)
        later(60)
        with pytest.raises(TimeoutError):
            await task
        assert await closed(connection)


@pytest.mark.parametrize(
    "script",
    [
        raw(Silence()),
        raw(b"HTTP/1.1 200 OK\r\nx-a", Silence()),
        raw(b"HTTP/1.1 103 Early Hints\r\n\r\n", Silence()),
    ],
    ids=["nothing", "half a head", "an interim answer"],
)
async def test_the_deadline_ends_the_wait_for_headers(
    transport: Transport, upstream: ScriptedUpstream, later: Later, script: Script
):
    upstream.script(script)
    task = asyncio.create_task(send(transport, upstream.url, deadline=soon(60)))
    await asyncio.to_thread(upstream.wait_request)
    later(60)
    with pytest.raises(TimeoutError):
        await task
    await asyncio.to_thread(upstream.wait_left, 0, 1)


async def test_a_reply_stays_usable_after_its_deadline(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(
        sse(["one"], done=False, finish=False) + raw(Wait("more"), b"4\r\nmore\r\n0\r\n\r\n"), chat()
    )
    reply = await send(transport, upstream.url)
    assert await reply.receive(soon()) == b"data: one\n\n"
    for seconds in (0.05, 0, -1):
        with pytest.raises(TimeoutError):
            await reply.receive(soon(seconds))
    upstream.release("more")
    assert await body_of(reply) == b"more"
    await fetch(transport, upstream.url)
    assert upstream.accepted == 1


async def test_the_end_may_come_after_a_deadline(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(raw(CHUNKED, Wait("end"), b"0\r\n\r\n"))
    reply = await send(transport, upstream.url)
    with pytest.raises(TimeoutError):
        await reply.receive(soon(0.05))
    upstream.release("end")
    assert await body_of(reply) == b""


async def test_closing_after_a_deadline_closes_the_connection(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.script(stream("a", stall_after=1))
    reply = await send(transport, upstream.url)
    received = await reply.receive(soon())
    while b'"a"' not in received:  # where an answer is cut is the network's affair
        received += await reply.receive(soon())
    with pytest.raises(TimeoutError):
        await reply.receive(soon(0.1))
    await reply.aclose()
    await asyncio.to_thread(upstream.wait_left, 0, 1)


# Leaving


async def test_leaving_while_connecting_leaves_nothing(transport: Transport):
    with full_port() as url:
        task = asyncio.create_task(send(transport, url))
        await asyncio.wait((task,), timeout=0.1)
        await leave(task)


@pytest.mark.parametrize(("scheme", "body"), [("https", b"{}"), ("http", BIG)], ids=["handshake", "sending"])
async def test_leaving_amid_a_tls_handshake_and_while_sending_closes_the_connection(
    transport: Transport, scheme: str, body: bytes
):
    with silent_port() as listener:
        task = asyncio.create_task(send(transport, url_of(listener, scheme), body=body))
        connection = await accepted(listener)
        await asyncio.wait((task,), timeout=0.1)
        await leave(task)
        assert await closed(connection)


async def test_leaving_before_the_headers_closes_the_connection(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.script(raw(Silence()))
    task = asyncio.create_task(send(transport, upstream.url))
    await asyncio.to_thread(upstream.wait_request)
    await leave(task)
    await asyncio.to_thread(upstream.wait_left, 0, 1)


async def test_leaving_amid_a_body_closes_the_connection(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(stream("a", stall_after=1))
    task = asyncio.create_task(fetch(transport, upstream.url))
    await asyncio.to_thread(upstream.wait_sent, 500)
    await leave(task)
    await asyncio.to_thread(upstream.wait_left, 0, 1)


async def test_closing_an_unfinished_reply_closes_the_connection(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.script(stream("a", stall_after=1), chat())
    reply = await send(transport, upstream.url)
    await reply.receive(soon())
    await reply.aclose()
    await asyncio.to_thread(upstream.wait_left, 0, 1)
    assert (await fetch(transport, upstream.url))[0] == 200
    assert upstream.accepted == 2


async def test_closing_an_unread_reply_closes_the_connection(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.script(answer(body=bytes(100_000)), chat())
    await (await send(transport, upstream.url)).aclose()
    await fetch(transport, upstream.url)
    assert upstream.accepted == 2


async def impatient(work: Awaitable[None], turns: int) -> None:
    """Cancel the work in each of its first turns, again and again."""
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait((task,))


@pytest.mark.parametrize("turns", range(1, 6))
async def test_closing_goes_on_to_its_end_when_it_is_cancelled_repeatedly(
    transport: Transport, upstream: ScriptedUpstream, turns: int
):
    upstream.script(stream("a", stall_after=1))
    reply: Reply = await send(transport, upstream.url)
    await impatient(reply.aclose(), turns)
    await asyncio.to_thread(upstream.wait_left, 0, 1)


@pytest.mark.parametrize("turns", range(2, 8))
async def test_leaving_repeatedly_closes_the_connection_too(
    transport: Transport, upstream: ScriptedUpstream, turns: int
):
    upstream.script(raw(Silence()))
    task = asyncio.create_task(send(transport, upstream.url))
    await asyncio.to_thread(upstream.wait_request)
    for _ in range(turns):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait((task,))
    await asyncio.to_thread(upstream.wait_left, 0, 1)


async def test_closing_the_transport_ends_what_is_under_way(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(stream("a", stall_after=1))
    reply = await send(transport, upstream.url)
    await transport.aclose()
    await asyncio.to_thread(upstream.wait_left, 0, 1)
    await reply.aclose()


async def test_200_callers_who_leave_at_any_moment_leave_nothing(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.default(stream("a", "b", stall_after=1))
    tasks = [asyncio.create_task(fetch(transport, upstream.url)) for _ in range(200)]
    for task in tasks:
        await asyncio.sleep(0)  # so each is some turns further than the next
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.to_thread(upstream.wait_open, 0)
    upstream.default(chat())
    assert (await fetch(transport, upstream.url))[0] == 200


async def test_200_callers_who_leave_amid_their_answers_leave_nothing(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.default(stream("a", stall_after=1))
    tasks = [asyncio.create_task(fetch(transport, upstream.url)) for _ in range(200)]
    await asyncio.to_thread(upstream.wait_request, 200, 30)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.to_thread(upstream.wait_open, 0)
    upstream.default(chat())
    assert (await fetch(transport, upstream.url))[0] == 200


# Back-pressure


async def test_an_upstream_is_not_read_while_nobody_receives(
    transport: Transport, upstream: ScriptedUpstream
):
    chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
    upstream.script(raw(CHUNKED) + Script((Send(chunk),) * 3000))
    reply = await send(transport, upstream.url)
    await reply.receive(soon())
    await asyncio.to_thread(upstream.wait_stalled)
    assert upstream.bytes_sent < 300 * len(chunk)
    await reply.aclose()
    await asyncio.to_thread(upstream.wait_left, 0, 1)
