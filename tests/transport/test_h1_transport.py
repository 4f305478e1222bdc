"""The gateway's own client over real sockets: what the contract suite does not ask of every transport."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS
from llmgw_middleware.testing.upstream import (
    Close,
    Script,
    ScriptedUpstream,
    Silence,
    answer,
    chat,
    raw,
    sse,
    stream,
)
from llmgw_middleware.transport import port
from llmgw_middleware.transport.h1_reply import H1Reply
from llmgw_middleware.transport.h1_transport import H1Transport
from llmgw_middleware.transport.port import Call, Unreachable

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"content-length: 0\r\n\r\n"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream
        upstream.wait_open(0)


def later(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def send(
    transport: H1Transport, url: str, *, method: str = "POST", body: bytes = b"{}", **limits: Any
) -> H1Reply:
    call = Call(method=method, url=url, headers=(), body=body)
    return await transport.send(call, timeouts=replace(DEFAULT_TIMEOUTS, **limits), deadline=later())


async def text(reply: H1Reply) -> bytes:
    parts = []
    try:
        while part := await reply.receive(later()):
            parts.append(part)
    finally:
        await reply.aclose()
    return b"".join(parts)


async def fetch(transport: H1Transport, url: str, **call: Any) -> bytes:
    return await text(await send(transport, url, **call))


# Loops

Runner = Callable[[Coroutine[Any, Any, None]], None]


def runners() -> dict[str, Runner]:
    found: dict[str, Runner] = {"asyncio": asyncio.run}
    try:
        import uvloop
    except ImportError:
        return found
    return {**found, "uvloop": uvloop.run}


@pytest.fixture(params=[*runners().values()], ids=[*runners()])
def run(request: pytest.FixtureRequest) -> Runner:
    """Runs a test on each kind of loop."""
    runner: Runner = request.param
    return runner


def test_all_kinds_of_answers_arrive_on_every_loop(run: Runner, upstream: ScriptedUpstream):
    big = bytes(range(256)) * 10_000
    upstream.script(answer(body=big), answer(body=big, chunked=True), chat(), raw(OK + b"\r\nend", Close()))

    async def main() -> None:
        transport = H1Transport()
        assert await fetch(transport, upstream.url, body=big) == big
        assert await fetch(transport, upstream.url) == big
        assert b"choices" in await fetch(transport, upstream.url)
        assert await fetch(transport, upstream.url) == b"end"
        assert upstream.accepted == 1
        await transport.aclose()

    run(main())


def test_deadlines_hold_on_every_loop(run: Runner, upstream: ScriptedUpstream):
    upstream.script(sse(["a"], done=False, finish=False) + raw(Silence()), raw(Silence()))

    async def main() -> None:
        transport = H1Transport()
        reply = await send(transport, upstream.url)
        assert b"a" in await reply.receive(later())
        for seconds in (0.02, 0.0, -1.0):
            with pytest.raises(TimeoutError):
                await reply.receive(later(seconds))
        await reply.aclose()
        with pytest.raises(TimeoutError):
            await transport.send(
                Call(method="GET", url=upstream.url, headers=()),
                timeouts=DEFAULT_TIMEOUTS,
                deadline=later(0.02),
            )
        await transport.aclose()

    run(main())


def test_a_stale_connection_is_replaced_on_every_loop(run: Runner, upstream: ScriptedUpstream):
    upstream.script(chat(), raw(Close()), answer(body="fresh"))

    async def main() -> None:
        transport = H1Transport()
        await fetch(transport, upstream.url)
        assert await fetch(transport, upstream.url) == b"fresh"
        await transport.aclose()

    run(main())


# Callers who leave


def sockets() -> int:
    """Open sockets of this process."""
    gc.collect()
    return sum(link.startswith("socket:") for link in map(link_of, Path("/proc/self/fd").iterdir()))


def link_of(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:  # closed meanwhile: the folder's own
        return ""


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="open files are counted in /proc, which this system lacks"
)


class Crowd:
    """Callers who come 25 at a time to a pool of ten, and leave together: 10 in some phase, 15 in the queue."""

    def __init__(self, transport: H1Transport, upstream: ScriptedUpstream) -> None:
        self._transport = transport
        self._upstream = upstream
        self._heard = asyncio.Queue[bytes]()

    async def leave(self, phase: str, count: int) -> None:
        """Let ``count`` callers come and leave."""
        self._upstream.default(PHASES[phase])
        for batch in range(count // 25):
            tasks = [asyncio.create_task(self._call()) for _ in range(25)]
            await self._reached(phase, batch)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)

    async def _call(self) -> None:
        reply = await send(self._transport, self._upstream.url)
        while part := await reply.receive(later()):
            self._heard.put_nowait(part)

    async def _reached(self, phase: str, batch: int) -> None:
        if phase == "connecting":
            for _ in range(batch % 12):  # so each batch leaves some turns later than the one before
                await asyncio.sleep(0)
        elif phase == "amid the body":
            for _ in range(10):
                await self._heard.get()
        else:
            await asyncio.to_thread(self._upstream.wait_request, (batch + 1) * 10)


PHASES: dict[str, Script] = {
    "connecting": stream("a", "b", stall_after=1),
    "before the headers": raw(Silence()),
    "amid the headers": raw(OK + b"x-a: 1\r\nx", Silence()),
    "amid the body": raw(OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n1", Silence()),
}


@needs_proc
@pytest.mark.parametrize("phase", PHASES)
def test_1250_callers_who_leave_in_each_phase_leave_a_pool_of_ten_whole(
    run: Runner, upstream: ScriptedUpstream, phase: str
):
    async def main() -> None:
        transport = H1Transport(limit=10)
        before = sockets()
        await Crowd(transport, upstream).leave(phase, 1250)
        assert repr(transport) == "<H1Transport [origins: 1 | connections: 0 active, 0 idle, 0 waiting]>"
        await ten_at_once(transport, upstream)
        await transport.aclose()
        await asyncio.to_thread(upstream.wait_open, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert sockets() <= before

    run(main())


async def ten_at_once(transport: H1Transport, upstream: ScriptedUpstream) -> None:
    """See that a pool of ten serves ten at once, and no more."""
    upstream.default(stream("a", stall_after=1))
    replies = await asyncio.gather(*(send(transport, upstream.url) for _ in range(10)))
    with pytest.raises(Unreachable, match="became free"):
        await send(transport, upstream.url, pool=0.01)
    for reply in replies:
        await reply.aclose()


@needs_proc
def test_5000_callers_who_leave_while_their_answers_come_leave_a_pool_of_ten_whole(
    upstream: ScriptedUpstream,
):
    upstream.default(stream("a", "b", "c"))

    async def one(transport: H1Transport, turns: int) -> None:
        task = asyncio.create_task(fetch(transport, upstream.url))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))

    async def main() -> None:
        transport = H1Transport(limit=10)
        before = sockets()
        for begin in range(0, 5000, 50):
            await asyncio.gather(*(one(transport, (begin + number) % 37) for number in range(50)))
        bodies = await asyncio.gather(*(fetch(transport, upstream.url) for _ in range(10)))
        assert all(body.endswith(b"data: [DONE]\n\n") for body in bodies)
        await transport.aclose()
        await asyncio.to_thread(upstream.wait_open, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert sockets() <= before

    asyncio.run(main())


# Places


async def test_ten_places_serve_a_hundred(upstream: ScriptedUpstream):
    upstream.default(lambda seen: answer(body=seen.body))
    transport = H1Transport(limit=10)
    bodies = [b"%d" % number for number in range(100)]
    got = await asyncio.gather(*(fetch(transport, upstream.url, body=body) for body in bodies))
    assert (got, upstream.accepted) == (bodies, 10)
    await transport.aclose()


async def test_a_stale_connection_at_the_limit_is_replaced(upstream: ScriptedUpstream):
    upstream.script(chat(), raw(Close()), answer(body="fresh"))
    transport = H1Transport(limit=1)
    await fetch(transport, upstream.url)
    assert await fetch(transport, upstream.url) == b"fresh"
    assert repr(transport) == "<H1Transport [origins: 1 | connections: 0 active, 1 idle, 0 waiting]>"
    await transport.aclose()


async def test_what_follows_a_stale_connection_is_not_called_unsent():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)  # noqa: FBT003 -- the socket module's signature
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    transport, loop = H1Transport(), asyncio.get_running_loop()
    first = asyncio.create_task(fetch(transport, url))
    peer, _ = await loop.sock_accept(listener)
    await loop.sock_recv(peer, 65_536)
    await loop.sock_sendall(peer, OK + EMPTY)
    await first
    second = asyncio.create_task(fetch(transport, url))
    await loop.sock_recv(peer, 65_536)
    listener.close()  # nobody listens any more, and then the used connection ends
    peer.close()
    with pytest.raises(port.Reset, match="a resting connection was closed, and then"):
        await second
    await transport.aclose()


async def test_keep_alive_ends(upstream: ScriptedUpstream):
    upstream.default(chat())
    transport = H1Transport()
    await fetch(transport, upstream.url, idle=0.01)
    await asyncio.to_thread(upstream.wait_open, 0)
    assert repr(transport) == "<H1Transport [origins: 1 | connections: 0 active, 0 idle, 0 waiting]>"
    await fetch(transport, upstream.url, idle=0.0)
    await asyncio.to_thread(upstream.wait_open, 0)
    assert upstream.accepted == 2
    await transport.aclose()


async def test_each_origin_has_places_of_its_own(upstream: ScriptedUpstream):
    with ScriptedUpstream() as other:
        transport = H1Transport(limit=1)
        replies = []
        for each in (upstream, other):
            each.default(stream("a", stall_after=1))
            replies.append(await send(transport, each.url))
        assert repr(transport) == "<H1Transport [origins: 2 | connections: 2 active, 0 idle, 0 waiting]>"
        await transport.aclose()
        for reply in replies:
            with pytest.raises(port.Reset):
                await text(reply)


async def test_a_name_is_resolved_and_its_addresses_tried(upstream: ScriptedUpstream):
    upstream.default(chat())
    transport = H1Transport()
    assert b"choices" in await fetch(transport, upstream.url.replace("127.0.0.1", "localhost"))
    assert upstream.requests[0].header("host") == f"localhost:{upstream.port}"
    await transport.aclose()


# Answers


@pytest.mark.parametrize("count", [1, 3], ids=["one read", "several"])
async def test_the_connection_is_free_with_the_last_of_the_body(upstream: ScriptedUpstream, count: int):
    upstream.default(answer(body=bytes(50_000 * count)))
    transport = H1Transport()
    reply, size = await send(transport, upstream.url), 0
    while size < 50_000 * count:
        size += len(await reply.receive(later()))
    assert repr(reply) == "<H1Reply 200 complete>"
    assert repr(transport) == "<H1Transport [origins: 1 | connections: 0 active, 1 idle, 0 waiting]>"
    assert await reply.receive(later()) == b""
    await transport.aclose()


SMUGGLED = OK + b"content-length: 5\r\n\r\nstole"
BEHIND = {
    "a length": OK + b"content-length: 1\r\n\r\nx",
    "chunks": OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("first", BEHIND.values(), ids=BEHIND.keys())
async def test_an_answer_with_bytes_behind_its_end_is_refused(upstream: ScriptedUpstream, first: bytes):
    upstream.script(raw(first + SMUGGLED), answer(body="right"))
    transport = H1Transport()
    with pytest.raises(port.Malformed, match="behind the answer's end"):
        await fetch(transport, upstream.url)
    assert (await fetch(transport, upstream.url), upstream.accepted) == (b"right", 2)
    await transport.aclose()


async def test_requests_over_a_kept_connection_make_no_task(upstream: ScriptedUpstream):
    upstream.default(stream("a", "b", "c"))
    transport, loop, made = H1Transport(), asyncio.get_running_loop(), []
    await fetch(transport, upstream.url)

    def counted(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(work)
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(counted)
    for _ in range(5):
        await fetch(transport, upstream.url)
    loop.set_task_factory(None)
    assert (made, upstream.accepted) == ([], 1)
    await transport.aclose()


async def test_nothing_can_be_received_from_a_reply_that_was_closed_early(upstream: ScriptedUpstream):
    upstream.script(answer(body="unread"))
    transport = H1Transport()
    reply = await send(transport, upstream.url)
    await reply.aclose()
    assert repr(reply) == "<H1Reply 200 closed>"
    with pytest.raises(RuntimeError, match="closed"):
        await reply.receive(later())
    await transport.aclose()


async def test_leaving_while_receiving_closes_the_connection(upstream: ScriptedUpstream):
    upstream.script(stream("a", stall_after=0))
    transport = H1Transport()
    reply = await send(transport, upstream.url)
    task = asyncio.create_task(drained(reply))
    await asyncio.wait((task,), timeout=0.05)
    task.cancel()
    await asyncio.wait((task,))
    await asyncio.to_thread(upstream.wait_left, 0, 1)
    with pytest.raises(port.Reset, match="left"):
        await drained(reply)
    await transport.aclose()


async def drained(reply: H1Reply) -> None:
    while await reply.receive(later()):
        pass


@pytest.mark.parametrize(
    ("line", "kept"),
    [(b"keep-alive", True), (b"close", True), (b"X-Hop", False), (b"keep-alive, X-Hop", False)],
    ids=["keep-alive", "close", "a header", "both"],
)
async def test_headers_that_connection_names_are_dropped(upstream: ScriptedUpstream, line: bytes, kept: bool):  # noqa: FBT001
    upstream.script(raw(OK + b"connection: " + line + b"\r\nx-hop: 1\r\n" + EMPTY))
    transport = H1Transport()
    reply = await send(transport, upstream.url)
    assert ((b"x-hop", b"1") in reply.headers) is kept
    assert b"connection" not in dict(reply.headers)
    await reply.aclose()
    await transport.aclose()


# What cannot be said

UNSAYABLE = {
    "a line break in a header": Call(method="POST", url="URL/", headers=((b"x-a", b"1\r\nx-b: 2"),)),
    "a space in a header name": Call(method="POST", url="URL/", headers=((b"x a", b"1"),)),
    "a port of letters": Call(method="POST", url="http://127.0.0.1:nine/", headers=()),
    "a control character in the url": Call(method="POST", url="URL/\n", headers=()),
    "another scheme": Call(method="POST", url="ftp://127.0.0.1/", headers=()),
    "a tunnel": Call(method="CONNECT", url="URL/", headers=()),
}


@pytest.mark.parametrize("call", UNSAYABLE.values(), ids=UNSAYABLE.keys())
async def test_what_http_cannot_carry_never_reaches_the_upstream(upstream: ScriptedUpstream, call: Call):
    transport = H1Transport()
    call = msgspec.structs.replace(call, url=call.url.replace("URL", upstream.url))
    with pytest.raises(ValueError, match="cannot carry"):
        await transport.send(call, timeouts=DEFAULT_TIMEOUTS, deadline=later())
    await transport.aclose()
    assert upstream.accepted == 0


# What it says of itself


async def test_it_says_what_it_does_and_nothing_of_what_it_sends(upstream: ScriptedUpstream):
    upstream.default(stream("a", stall_after=1))
    transport = H1Transport(limit=2)
    assert repr(transport) == "<H1Transport [origins: 0 | connections: 0 active, 0 idle, 0 waiting]>"
    tasks = [asyncio.create_task(send(transport, upstream.url, body=b"a secret")) for _ in range(3)]
    await asyncio.wait(tasks[:2])
    assert repr(transport) == "<H1Transport [origins: 1 | connections: 2 active, 0 idle, 1 waiting]>"
    await transport.aclose()
    assert repr(transport) == "<H1Transport closed [origins: 1 | connections: 0 active, 0 idle, 0 waiting]>"
    with pytest.raises(Unreachable):
        await tasks[2]


async def test_closing_ends_what_is_being_connected():
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, and says nothing of TLS
        transport = H1Transport()
        task = asyncio.create_task(fetch(transport, f"https://127.0.0.1:{listener.getsockname()[1]}"))
        await asyncio.wait((task,), timeout=0.1)
        await transport.aclose()
        with pytest.raises(Unreachable, match="closed"):
            await task
