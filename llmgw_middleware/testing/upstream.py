"""An upstream on a real socket that does exactly what a test tells it, and reports what its callers did.

::

    with ScriptedUpstream() as upstream:
        upstream.script(chat("hello"), stream("a", "b", cut_after=1))   # one script per expected request
        ...                                                            # call upstream.url
        assert upstream.requests[0].json["model"] == "mock-model"
        upstream.wait_left(1)                                          # the caller of the second request closed

It listens on 127.0.0.1, on a port the system chose, in a thread with an event loop of its own, so it serves
blocking and asynchronous callers alike. The ``wait_…`` methods block: in an asynchronous test call them as
``await asyncio.to_thread(upstream.wait_left, 0)``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from llmgw_middleware.testing.answers import answer, chat, error, error_body
from llmgw_middleware.testing.connection import Connection, Play, Seen
from llmgw_middleware.testing.script import (
    Action,
    Close,
    Pause,
    Reset,
    Script,
    Send,
    Silence,
    Wait,
    raw,
)
from llmgw_middleware.testing.streams import sse, stream, stream_chunk, stream_chunks

__all__ = [
    "Action",
    "Close",
    "Pause",
    "Play",
    "Reset",
    "Script",
    "ScriptedUpstream",
    "Seen",
    "Send",
    "Silence",
    "Wait",
    "answer",
    "chat",
    "error",
    "error_body",
    "raw",
    "sse",
    "stream",
    "stream_chunk",
    "stream_chunks",
]

STEP = 0.05
"""Seconds between two looks at what no event announces."""


class ScriptedUpstream:
    """An HTTP/1.1 server that plays one script per request. Start it with ``with`` or ``start()`` and ``stop()``.

    ``tls`` makes it an HTTPS server. A request that no script was queued for gets the default script, and without
    one a 500 whose message says so.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._changed = threading.Condition()
        self._queue: deque[Play] = deque()
        self._default: Play = _unscripted
        self._connections: set[Connection] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._events: dict[str, asyncio.Event] = {}
        self._released: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._failure: OSError | None = None
        self.port = 0
        self.requests: list[Seen] = []
        """Every request, in the order of arrival."""
        self.left: dict[int, float] = {}
        """For each request whose caller closed before its script ended: when that was seen, by ``time.monotonic``."""
        self.accepted = 0
        """Connections made so far."""
        self.bytes_sent = 0
        """Bytes of all sends that the kernel has taken whole."""

    # The test's side.

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        """Connections that neither side has closed."""
        return len(self._connections)

    def script(self, *plays: Play) -> None:
        """Queue one script for each of the next requests."""
        with self._changed:
            self._queue.extend(plays)

    def default(self, play: Play) -> None:
        """Play this for every request that nothing was queued for."""
        with self._changed:
            self._default = play

    def release(self, event: str) -> None:
        """Let scripts that ``Wait(event)`` go on, now and later."""
        with self._changed:
            self._released.add(event)
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._set, event)

    def wait_request(self, n: int = 1, timeout: float = 5.0) -> Seen:
        """Wait until ``n`` requests have arrived and return the ``n``-th. Raises TimeoutError."""
        self._until(lambda: len(self.requests) >= n, timeout, f"request number {n}")
        return self.requests[n - 1]

    def wait_left(self, index: int = 0, timeout: float = 5.0) -> float:
        """Return when the caller of ``requests[index]`` was seen to close before the script ended.

        The time is of ``time.monotonic``. Raises TimeoutError.
        """
        self._until(lambda: index in self.left, timeout, f"the caller of request {index} leaving")
        return self.left[index]

    def wait_open(self, count: int, timeout: float = 5.0) -> None:
        """Wait until exactly ``count`` connections are open. Raises TimeoutError."""
        self._until(lambda: len(self._connections) == count, timeout, f"{count} open connections")

    def wait_sent(self, count: int, timeout: float = 5.0) -> None:
        """Wait until the kernel has taken ``count`` bytes in all. Raises TimeoutError."""
        self._until(lambda: self.bytes_sent >= count, timeout, f"{count} bytes sent")

    def wait_stalled(self, quiet: float = 0.3, timeout: float = 10.0) -> None:
        """Wait until a caller has taken nothing for ``quiet`` seconds although there is something to send.

        Raises TimeoutError.
        """
        self._until(
            lambda: self._blocked_for() >= quiet, timeout, f"a caller who reads nothing for {quiet} s"
        )

    def start(self) -> Self:
        """Listen. Raises OSError when there is no free port."""
        if self._thread is not None:
            raise RuntimeError("this upstream is started already")
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(ready,), name="scripted-upstream", daemon=True
        )
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Close the port and every connection. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stopping is None:
            return
        if thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = self.url if self._thread else "stopped"
        return (
            f"<ScriptedUpstream {state} [requests: {len(self.requests)}, scripts queued: {len(self._queue)}, "
            f"connections: {len(self._connections)}, callers left: {len(self.left)}]>"
        )

    def _until(self, true: Callable[[], bool], timeout: float, what: str) -> None:
        end = time.monotonic() + timeout
        with self._changed:
            while not true():
                if time.monotonic() >= end:
                    raise TimeoutError(f"{what} did not come within {timeout:g} s: {self!r}")
                self._changed.wait(STEP)

    def _blocked_for(self) -> float:
        since = [each.blocked_since for each in self._connections if each.blocked_since is not None]
        return time.monotonic() - min(since) if since else 0.0

    # The thread's side: what a Connection asks and tells.

    def opened(self, connection: Connection) -> None:
        """Count a new connection."""
        with self._changed:
            self.accepted += 1
            self._connections.add(connection)
            self._changed.notify_all()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def arrived(self, seen: Seen) -> int:
        """Note a request and return its index."""
        with self._changed:
            self.requests.append(seen)
            self._changed.notify_all()
            return len(self.requests) - 1

    def abandoned(self, index: int) -> None:
        """Note that the caller of that request closed before its script ended."""
        with self._changed:
            self.left[index] = time.monotonic()
            self._changed.notify_all()

    def sent(self, count: int) -> None:
        """Count bytes that the kernel has taken."""
        with self._changed:
            self.bytes_sent += count
            self._changed.notify_all()

    def next_play(self) -> Play:
        """Return the next script, or the default."""
        with self._changed:
            return self._queue.popleft() if self._queue else self._default

    def event(self, name: str) -> asyncio.Event:
        """Return the event that ``release(name)`` sets."""
        with self._changed:
            event = self._events.setdefault(name, asyncio.Event())
            if name in self._released:
                event.set()
            return event

    def _set(self, name: str) -> None:
        self.event(name).set()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._listen(ready))
        except OSError as failure:
            self._failure = failure
        finally:
            ready.set()

    async def _listen(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            listener.setblocking(False)  # noqa: FBT003 -- the socket module's signature
            self.port = listener.getsockname()[1]
            self._loop.add_reader(listener, self._accept, self._loop, listener)
            ready.set()
            await self._stopping.wait()
            self._loop.remove_reader(listener)
        await self._clear()

    def _accept(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        """Take the next caller in.

        Not by ``asyncio.Server``: on Python 3.11 its ``close`` loses callers it has accepted but not yet announced,
        with their sockets open.
        """
        try:
            caller, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        caller.setblocking(False)  # noqa: FBT003 -- as above
        made = loop.create_task(self._connect(loop, caller))
        self._handshakes.add(made)
        made.add_done_callback(self._handshakes.discard)

    async def _connect(self, loop: asyncio.AbstractEventLoop, caller: socket.socket) -> None:
        with suppress(OSError):  # TLS that fails is the caller's affair
            await loop.connect_accepted_socket(lambda: Connection(self), caller, ssl=self._tls)

    async def _clear(self) -> None:
        """Close what is open until nothing is, callers included whose connection is still being made."""
        mine = asyncio.current_task()
        # A task that is cancelled before its first step drops the socket it was to accept: let them all begin.
        for _ in range(2):
            await asyncio.sleep(0)
        while self._connections or len(asyncio.all_tasks()) > 1:
            for connection in list(self._connections):
                connection.dismiss()
            for task in asyncio.all_tasks() - {mine}:
                task.cancel()
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # a transport closes its socket one turn after it said so


def _unscripted(seen: Seen) -> Script:
    text = f"No script was queued for {seen.method} {seen.path}."
    return error(500, message=text, kind="test_error", code="unscripted")
