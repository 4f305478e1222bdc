"""One connection of a scripted upstream: reads requests, plays scripts, notices that its peer closed."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from llmgw_middleware.model.http import Header
from llmgw_middleware.testing.answers import error
from llmgw_middleware.testing.script import Action, Close, Pause, Reset, Script, Send, Silence, Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it arrived. Header names are lower case; ``body`` is unchunked, empty for an early script."""

    method: str
    path: str
    query: str
    headers: list[Header]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of the header, or None."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), None)

    @property
    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


Play = Script | Callable[[Seen], Script]
"""A script, or what makes one from a request that has arrived whole."""


class Stage(Protocol):
    """What a connection asks of its upstream, and tells it."""

    def opened(self, connection: Connection) -> None:
        """Take note of a caller who connected."""
        ...

    def closed(self, connection: Connection) -> None:
        """Take note that the connection is gone."""
        ...

    def next_play(self) -> Play:
        """Return what the request that has begun to arrive is answered with."""
        ...

    def arrived(self, seen: Seen) -> int:
        """Take note of a request and return its index."""
        ...

    def abandoned(self, index: int) -> None:
        """Take note that this request's caller closed before its script ended."""
        ...

    def sent(self, count: int) -> None:
        """Take note of bytes that the kernel has taken."""
        ...

    def event(self, name: str) -> asyncio.Event:
        """Return the event that scripts wait for under this name."""
        ...


class Connection(asyncio.Protocol):
    """A caller's connection. One task reads and plays; losing the peer cancels it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._playing: int | None = None
        self._last = False
        self.blocked_since: float | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def transport(self) -> asyncio.Transport:
        """The connection's transport. Raises RuntimeError before it is made."""
        if self._transport is None:
            raise RuntimeError("the connection is not made yet")
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1, low=0)  # asyncio's TLS cannot do with 0
        self._stage.opened(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Keep what came for the task."""
        self._received += data
        self._arrived.set()

    def eof_received(self) -> None:
        """Count a caller who closes, even half, as gone."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """Stop the task and tell the upstream."""
        self._leave()
        self._stage.closed(self)

    def pause_writing(self) -> None:
        """Note since when the caller has not read."""
        self.blocked_since = time.monotonic()
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on writing."""
        self.blocked_since = None
        self._writable.set()

    def dismiss(self) -> None:
        """Break off because the upstream stops: this is not the caller leaving."""
        self._playing = None
        self.transport.abort()
        self._leave()

    def _leave(self) -> None:
        # A caller may close on the last byte before this side has drawn breath: that script was played whole.
        complete = self._last and self._writable.is_set()
        if self._playing is not None and not complete:
            self._stage.abandoned(self._playing)
            self._playing = None
        if self.task is not None:
            self.task.cancel()

    async def _serve(self) -> None:
        try:
            while await self._exchange():
                pass
        except asyncio.CancelledError:
            pass  # the peer closed, or the upstream stops: there is nobody to tell
        except ValueError as problem:
            await self._send(_refusal(str(problem)))
        finally:
            self.transport.close()

    async def _exchange(self) -> bool:
        """Read one request and play its script. Returns whether the connection is kept."""
        head = await self._head()
        seen, play = _parse(head), self._stage.next_play()
        early = isinstance(play, Script) and play.early
        if not early:
            seen = _parse(head, await self._body(seen))
        self._playing = self._stage.arrived(seen)
        script = play if isinstance(play, Script) else play(seen)
        for position, action in enumerate(script.actions, 1):
            self._last = position == len(script.actions) and isinstance(action, Send)
            await self._play(action)
            if isinstance(action, Close | Reset):
                return False
        self._playing = None
        if early:
            await self._body(seen)
        return (seen.header("connection") or "").lower() != "close"

    async def _play(self, action: Action) -> None:
        match action:
            case Send(data):
                await self._send(data)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Wait(name):
                await self._stage.event(name).wait()
            case Silence():
                await asyncio.Event().wait()
            case Close():
                self._playing = None
            case Reset():
                self._playing = None
                self._reset()

    async def _send(self, data: bytes) -> None:
        self.transport.write(data)
        await asyncio.sleep(0)  # a caller who left is noticed even while nothing blocks
        await self._writable.wait()
        self._stage.sent(len(data))

    def _reset(self) -> None:
        # A linger time of zero turns the close into a reset.
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    async def _until(self, enough: Callable[[bytearray], int]) -> bytes:
        """Take from what was received as much as ``enough`` says; it says 0 while it wants more."""
        while not (count := enough(self._received)):
            self._arrived.clear()
            await self._arrived.wait()
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    async def _head(self) -> bytes:
        return await self._until(_head_end)

    async def _line(self) -> bytes:
        return await self._until(lambda data: data.find(b"\r\n") + 2 if b"\r\n" in data else 0)

    async def _exactly(self, count: int) -> bytes:
        return await self._until(lambda data: count if len(data) >= count else 0) if count else b""

    async def _body(self, seen: Seen) -> bytes:
        if (seen.header("transfer-encoding") or "").lower() != "chunked":
            return await self._exactly(int(seen.header("content-length") or 0))
        body = b""
        while size := int((await self._line()).split(b";")[0], 16):
            body += (await self._exactly(size + 2))[:-2]
        while await self._line() != b"\r\n":
            pass
        return body

    def __repr__(self) -> str:
        doing = "waits for a request" if self._playing is None else f"plays request {self._playing}"
        return f"<Connection {doing}>"


def _head_end(received: bytearray) -> int:
    if received[:1] == b"\x16":
        raise ValueError("this upstream does not speak TLS")
    end = received.find(b"\r\n\r\n")
    return 0 if end < 0 else end + 4


def _parse(head: bytes, body: bytes = b"") -> Seen:
    first, *lines = head[:-4].split(b"\r\n")
    method, target, _ = first.decode("latin-1").split(" ")
    path, _, query = target.partition("?")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return Seen(method=method, path=path, query=query, headers=headers, body=body)


def _refusal(problem: str) -> bytes:
    [action] = error(400, message=problem, headers={"connection": "close"}).actions
    return action.data if isinstance(action, Send) else b""
