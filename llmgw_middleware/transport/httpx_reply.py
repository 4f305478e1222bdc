"""An answer that httpx receives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, cast

import h11
import httpx

from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.coding import Inflater, inflater_for
from llmgw_middleware.transport.hop import end_to_end
from llmgw_middleware.transport.httpx_faults import fault_of
from llmgw_middleware.transport.port import MAX_HEAD, Malformed, TransportError

_VERSIONS = frozenset({b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2", b"HTTP/3"})
_WAY_TO_PARSER = ("_httpcore_stream", "_stream", "_connection", "_h11_state")


class Farewells:
    """Closing work that goes on to its end even when whoever asked for it is cancelled, once or repeatedly."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def see_off(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` and wait for it. A cancellation stops the waiting, not the work."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def all_done(self) -> None:
        """Wait until nothing is left to do."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)


class HttpxReply:
    """Fulfils ``Reply``. Reads by a task, because httpcore gives a connection up when a read is cancelled."""

    def __init__(self, response: httpx.Response, farewells: Farewells) -> None:
        check(response)
        raw = [(name.lower(), value) for name, value in response.headers.raw]
        self._inflater: Inflater | None = inflater_for(raw)
        self._response = response
        self._farewells = farewells
        self._chunks: AsyncIterator[bytes] = cast("httpx.AsyncByteStream", response.stream).__aiter__()
        self._pending: asyncio.Task[bytes] | None = None
        self._fault: TransportError | None = None
        self._ended = False
        self._closed = False
        coded = (b"content-encoding", b"content-length") if self._inflater else (b"content-encoding",)
        self.status: int = response.status_code
        """The status code."""
        self.headers: tuple[Header, ...] = tuple(line for line in end_to_end(raw) if line[0] not in coded)
        """Lower-case names, without those of the connection and without content-encoding."""

    def whole(self) -> None:
        """Return None: httpx gives a body piece by piece. See ``Reply``."""

    async def receive(self, deadline: float) -> bytes:
        """Return the next bytes of the body, or ``b""`` at its end. See ``Reply``."""
        if self._inflater is None:
            return await self._read(deadline)
        try:
            return await self._inflated(self._inflater, deadline)
        except Malformed as fault:
            self._fault = fault
            raise

    async def _inflated(self, inflater: Inflater, deadline: float) -> bytes:
        while not (plain := inflater.take()):
            coded = await self._read(deadline)
            if not coded:
                inflater.finish()
                return b""
            inflater.feed(coded)
        return plain

    async def _read(self, deadline: float) -> bytes:
        if self._fault is not None:
            raise type(self._fault)(*self._fault.args)
        if self._ended:
            return b""
        if self._closed:
            raise RuntimeError("this reply is closed: nothing can be received from it")
        loop = asyncio.get_running_loop()
        if self._pending is None:
            self._pending = loop.create_task(self._step())
        await asyncio.wait((self._pending,), timeout=max(0.0, deadline - loop.time()))
        if not self._pending.done():
            raise TimeoutError("no more of the body came before the deadline")
        step, self._pending = self._pending, None
        try:
            return step.result()
        except TransportError as fault:
            self._fault = fault
            raise

    async def _step(self) -> bytes:
        try:
            async for chunk in self._chunks:
                if chunk:
                    return chunk
        except httpx.HTTPError as error:
            raise fault_of(error) from error
        if has_unread(self._response):
            await drop(self._response)
        self._ended = True
        return b""

    async def aclose(self) -> None:
        """Let go of the connection. Idempotent; goes on to its end when cancelled."""
        if not self._closed:
            self._closed = True
            await self._farewells.see_off(self._close())

    async def _close(self) -> None:
        if not self._ended and not await drop(self._response) and self._pending is not None:
            self._pending.cancel()
        if self._pending is not None:
            await asyncio.wait((self._pending,))  # a dropped connection ends it with an error
            if not self._pending.cancelled():
                self._pending.exception()  # nobody asks for it any more
        await release(self._response)
        if isinstance(self._chunks, AsyncGenerator):
            with suppress(Exception):  # its connection is closed under it, which it may complain about
                await self._chunks.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "complete" if self._ended else "receiving"
        return f"<HttpxReply {self.status} {state}>"


def check(response: httpx.Response) -> None:
    """Raise Malformed for what h11 lets pass: both lengths, an upgrade nobody asked for, a strange version."""
    names = {name.lower() for name, _ in response.headers.raw}
    version = response.extensions.get("http_version", b"HTTP/1.1")
    if version not in _VERSIONS:
        raise Malformed(f"an answer of {version!r}")
    if response.status_code < 200:  # noqa: PLR2004
        raise Malformed(f"the connection was switched to another protocol: {response.status_code}")
    if b"transfer-encoding" in names and (b"content-length" in names or version == b"HTTP/1.0"):
        raise Malformed("the answer has a transfer-encoding beside a content-length, or in HTTP/1.0")
    if sum(len(name) + len(value) + 4 for name, value in response.headers.raw) > MAX_HEAD:
        raise Malformed(f"the answer's head is longer than {MAX_HEAD} bytes")


def has_unread(response: httpx.Response) -> bool:
    """Say whether bytes stand behind the end of a complete HTTP/1.1 answer, which httpcore would take for the next.

    Only httpcore's parser knows, and only private names lead to it. Where they lead nowhere the answer is yes: then
    connections are not reused, which is slow and safe. What arrives later is seen by httpcore before it reuses one.
    """
    if "network_stream" not in response.extensions or response.extensions.get("http_version") == b"HTTP/2":
        return False
    found: Any = response.stream
    for name in _WAY_TO_PARSER:
        found = getattr(found, name, None)
    return not isinstance(found, h11.Connection) or bool(found.trailing_data[0])


async def drop(response: httpx.Response) -> bool:
    """Close the connection under an answer, so that nothing more comes and nobody reuses it. Returns whether it could.

    An answer of HTTP/2 shares its connection, and one of another transport may have none.
    """
    stream = response.extensions.get("network_stream")
    if stream is None or response.extensions.get("http_version") == b"HTTP/2":
        return False
    with suppress(Exception):  # it may be broken already, and it is being given up
        await stream.aclose()
    return True


async def release(response: httpx.Response) -> None:
    """Give the answer's connection back to its pool, which closes it unless the answer was complete."""
    with suppress(Exception):  # as in drop
        await cast("httpx.AsyncByteStream", response.stream).aclose()


async def discard(response: httpx.Response) -> None:
    """Let go of an answer that nobody will read."""
    await drop(response)
    await release(response)
