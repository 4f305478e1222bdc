"""The thread with the loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from llmgw_middleware.errors import Unavailable
from llmgw_middleware.loop_thread.call import Call, Cancelled
from llmgw_middleware.loop_thread.kinds import (
    Thread,
    begin,
    new_lock,
    new_loop,
    refuse_eventlet,
    this_thread,
)
from llmgw_middleware.loop_thread.stream import POLL, CallerGone, Gone, SyncStream
from llmgw_middleware.model.http import Stream

T = TypeVar("T")

GRACE = 3.0
"""Seconds that stopping may take."""


class LoopThread:
    """An event loop on a thread of the operating system, started by the first use in each process.

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
        self._lock = new_lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
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
        return self._thread is not None and self._thread.number == this_thread()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Call[T]:
        """Start ``coroutine`` on the loop; raises Unavailable once the process is stopping."""
        try:
            return begin(coroutine, self._running())
        except BaseException:
            coroutine.close()
            raise

    def run(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        gone: Gone | None = None,
        poll: float = POLL,
        discard: Callable[[T], Coroutine[Any, Any, None]] | None = None,
    ) -> T:
        """Run ``coroutine`` on the loop and wait for its result.

        ``gone`` is asked every ``poll`` seconds; once it says so the coroutine is cancelled and CallerGone raised.
        ``discard`` gets the result that came in that very moment, on the loop: nobody else will have it.
        """
        came: list[T] = []
        try:
            call = self.submit(coroutine if discard is None else _kept(coroutine, came))
        except BaseException:
            coroutine.close()
            raise
        waited = False
        try:
            while not call.wait(None if gone is None else poll):
                if gone is not None and gone():
                    raise CallerGone
            waited = True
            return call.result()
        except Cancelled:
            raise Unavailable("The server is stopping.", code="draining") from None
        finally:
            call.cancel()
            if not waited and discard is not None:
                # The loop does first what it was told first: by then the call has its result, or will have none.
                with suppress(Unavailable):
                    self.submit(_discarded(came, discard))

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
        begin(self._wind_up(), loop)
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
        refuse_eventlet()
        loop = new_loop()
        self._thread = Thread(lambda: _serve(loop), "llmgw-loop")
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


async def _kept(coroutine: Coroutine[Any, Any, T], came: list[T]) -> T:
    found = await coroutine
    came.append(found)
    return found


async def _discarded(came: list[T], discard: Callable[[T], Coroutine[Any, Any, None]]) -> None:
    for found in came:
        await discard(found)


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
