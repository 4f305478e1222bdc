"""One background event loop per process, for hosts that have none.

Nothing exists before the first use: no thread, no loop, no socket. A forked child starts its own. A call through the
thread costs tens of microseconds; a stream is pulled, one step in flight per chunk, so a caller who stops reading
stops the upstream, and a step that waits can be cancelled.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from llmgw_middleware.errors import ConfigError, Unavailable
from llmgw_middleware.model.http import Stream

T = TypeVar("T")
Gone = Callable[[], bool]
"""Asks whether the caller has left; cheap, and never blocks."""

POLL = 0.25
"""Seconds between two looks at the caller while nothing else happens."""
GRACE = 3.0
"""Seconds that stopping may take."""
HEARTBEAT = b": keep-alive\n\n"
"""An SSE comment (WHATWG HTML §9.2.6): readers ignore it, a broken connection does not."""

_EVENT_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")


class CallerGone(Exception):
    """The caller left before there was an answer."""


class LoopThread:
    """An event loop on a daemon thread, started by the first use in each process.

    ``at_end`` is awaited on the loop before it stops, as a gateway's ``aclose``.
    """

    def __init__(self, *, at_end: Callable[[], Awaitable[None]] | None = None) -> None:
        self._at_end = at_end
        self._abandoned: list[asyncio.AbstractEventLoop] = []
        self._reset()
        _after_fork(self)

    def _reset(self) -> None:
        """Forget what belongs to another process; its loop shares kernel objects with ours and is not touched."""
        loop: asyncio.AbstractEventLoop | None = getattr(self, "_loop", None)
        if loop is not None:
            self._abandoned.append(loop)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._streams: weakref.WeakSet[SyncStream] = weakref.WeakSet()
        self._stopped = False

    def __repr__(self) -> str:
        if self._pid != os.getpid():
            state = "not started in this process"
        elif self._stopped:
            state = "stopped"
        elif self._thread is None:
            state = "not started"
        else:
            state = f"running, {len(self._streams)} streams"
        return f"<LoopThread {state}>"

    @property
    def started(self) -> bool:
        """Whether this process has the thread."""
        return self._pid == os.getpid() and self._thread is not None

    @property
    def stopped(self) -> bool:
        """Whether the process is on its way out; nothing can be started any more."""
        return self._stopped

    @property
    def inside(self) -> bool:
        """Whether the caller runs on this very thread, where waiting for it would never end."""
        return self._thread is threading.current_thread()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start ``coroutine`` on the loop; raises Unavailable once the process is stopping."""
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._running())
        except BaseException:
            coroutine.close()
            raise

    def run(self, coroutine: Coroutine[Any, Any, T], *, gone: Gone | None = None, poll: float = POLL) -> T:
        """Run ``coroutine`` on the loop and wait for its result.

        ``gone`` is asked every ``poll`` seconds; once it says so the coroutine is cancelled and CallerGone raised.
        """
        future = self.submit(coroutine)
        try:
            while not _finished(future, None if gone is None else poll):
                if gone is not None and gone():
                    raise CallerGone
            return future.result()
        except concurrent.futures.CancelledError:
            raise Unavailable("The server is stopping.", code="draining") from None
        finally:
            future.cancel()

    def iterate(
        self,
        stream: Stream,
        *,
        gone: Gone | None = None,
        heartbeat: float | None = None,
        poll: float = POLL,
        on_close: Callable[[], None] | None = None,
    ) -> SyncStream:
        """Return ``stream`` as a plain iterator.

        ``heartbeat``: after so many seconds of silence an SSE comment is sent, between events only; None for bodies
        that are no event streams. ``on_close`` is called once when the iterator is closed.
        """
        iterator = SyncStream(self, stream, gone=gone, heartbeat=heartbeat, poll=poll, on_close=on_close)
        with self._lock:
            self._streams.add(iterator)
        return iterator

    def stop(self) -> None:
        """Cancel what runs, close streams, await ``at_end`` and end the thread, within ``GRACE`` seconds."""
        with self._lock:
            loop, thread = self._loop, self._thread
            if self._pid != os.getpid() or self._stopped:
                return
            self._stopped = True
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._wind_up(), loop)
        thread.join(GRACE)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._pid != os.getpid():  # a server that forks without telling Python
            self._reset()
        with self._lock:
            if self._stopped:
                raise Unavailable("The server is stopping.", code="draining")
            if self._loop is None:
                self._loop = self._start()
            return self._loop

    def _start(self) -> asyncio.AbstractEventLoop:
        refuse_green_threads()
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_serve, args=(loop,), name="llmgw-loop", daemon=True)
        self._thread.start()
        atexit.register(_stop_at_exit, weakref.ref(self))
        return loop

    async def _wind_up(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            streams = list(self._streams)
        try:
            for stream in streams:
                await stream.cut()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            if self._at_end is not None:
                await self._at_end()
            await loop.shutdown_asyncgens()
        finally:
            loop.stop()


class SyncStream(Iterator[bytes]):
    """The chunks of a streamed answer for a host that iterates on its own thread.

    Ends early, without a word, when the caller is gone. ``close`` is idempotent, does not block and may be called from
    any thread: it cancels the step that waits and then closes the upstream.
    """

    def __init__(
        self,
        thread: LoopThread,
        stream: Stream,
        *,
        gone: Gone | None,
        heartbeat: float | None,
        poll: float,
        on_close: Callable[[], None] | None,
    ) -> None:
        self._thread = thread
        self._stream = stream
        self._gone = gone
        self._heartbeat = heartbeat
        self._poll = poll if heartbeat is None else min(poll, heartbeat)
        self._pid = os.getpid()
        self._pending: concurrent.futures.Future[bytes | None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._closed = False
        self._cut = False
        self._tail = b""
        self._on_close = on_close

    def __repr__(self) -> str:
        state = "closed" if self._closed else "waiting" if self._pending is not None else "open"
        return f"<SyncStream {state}>"

    def __iter__(self) -> SyncStream:
        return self

    def __next__(self) -> bytes:
        chunk = self._pull()
        if chunk is None:
            self.close()
            raise StopIteration
        self._tail = (self._tail + chunk[-4:])[-4:]
        return chunk

    def close(self) -> None:
        """Stop the upstream."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
        if self._closed:
            return
        self._closed = True
        if self._pid != os.getpid():  # the parent's stream; it closes it
            return
        try:
            self._thread.submit(self.finish())
        except (Unavailable, RuntimeError):  # the loop has ended and took the stream with it
            return

    def __del__(self) -> None:
        if hasattr(self, "_on_close"):
            self.close()

    async def cut(self) -> None:
        """End before the end, as the process does: a reader who goes on is told. On the loop only."""
        self._cut = not self._closed
        await self.finish()

    async def finish(self) -> None:
        """Cancel the step that waits, let it end, then close the upstream. On the loop only."""
        self._closed = True
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        await self._stream.aclose()

    def _pull(self) -> bytes | None:
        """Wait for the next chunk, or for the moment to say something else; None ends the body."""
        if self._cut:  # never a clean end: the answer is not complete
            raise Unavailable("The server is stopping.", code="draining")
        if self._closed:
            return None
        future = self._pending = self._pending or self._thread.submit(self._step())
        silent_since = time.monotonic()
        try:
            while not _finished(future, self._poll):
                if self._gone is not None and self._gone():
                    return None
                if self._heartbeat is not None and time.monotonic() - silent_since >= self._heartbeat:
                    if self._tail.endswith(_EVENT_ENDS):
                        return HEARTBEAT
                    silent_since = time.monotonic()
            self._pending = None
            return future.result()
        except concurrent.futures.CancelledError:
            if self._thread.stopped:
                raise Unavailable("The server is stopping.", code="draining") from None
            return None

    async def _step(self) -> bytes | None:
        self._task = asyncio.current_task()
        return None if self._closed else await anext(self._stream, None)


def refuse_green_threads() -> None:
    """Raise ConfigError where gevent has replaced threads: the loop would share its greenlets and stop them all."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise ConfigError(
            "gevent has replaced threads, on which the gateway's event loop cannot run; "
            "serve the application with threads (gunicorn --worker-class gthread) or under ASGI"
        )


def _finished(future: concurrent.futures.Future[Any], timeout: float | None) -> bool:
    """Wait; unlike ``result(timeout)`` this cannot take a TimeoutError of the work for the end of the wait."""
    try:
        future.exception(timeout)
    except TimeoutError:
        return False
    return True


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _after_fork(thread: LoopThread) -> None:
    """Have a forked child forget the thread it has not; the registry of the interpreter must not keep it alive."""
    reference = weakref.ref(thread)

    def forget() -> None:
        alive = reference()
        if alive is not None:
            alive._reset()  # noqa: SLF001 - part of the class that needs a weak self

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


def _stop_at_exit(reference: weakref.ref[LoopThread]) -> None:
    thread = reference()
    if thread is not None:
        thread.stop()
