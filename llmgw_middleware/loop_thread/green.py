"""The same where gevent has replaced threads and locks by greenlets and locks of its own.

The loop needs a thread of the operating system all the same: as a greenlet it would stop every other one whenever it
waits (asgiref #443, gevent #2026). And the two sides must share no patched lock: only a bell, the one thing that gevent
lets another thread ring.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from gevent import get_hub
from gevent.event import Event

from llmgw_middleware.loop_thread.call import LoopCall
from llmgw_middleware.loop_thread.unpatched import original

T = TypeVar("T")
P = ParamSpec("P")

WORKERS = 4
"""Threads that work off the loop at once."""


class SystemThreads(ThreadPoolExecutor):
    """Runs work on a few threads of the operating system's, where the pool's own would be greenlets.

    An event loop takes no other class for its executor. Name look-ups and the watch over configuration files use it.
    The threads stay, as each of them soon has gevent's own machinery, which is not to be torn down at a process's end.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=WORKERS)
        self._work: Any = original("queue", "SimpleQueue")()
        self._begun = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn`` called. From the loop only."""
        future: Future[T] = Future()
        self._work.put((future, partial(fn, *args, **kwargs)))
        if self._begun < WORKERS:
            self._begun += 1
            original("_thread", "start_new_thread")(self._serve, ())
        return future

    def _serve(self) -> None:
        while True:
            future, call = self._work.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 - whatever it is, who waits is told
                    future.set_exception(error)


def loop_of_a_thread() -> asyncio.AbstractEventLoop:
    """Return an event loop for a thread of the operating system: the one that the policy makes if it is uvloop's.

    asyncio's own would wait by gevent's selector, which gives way to greenlets and ends the thread where there are none.
    """
    loop = asyncio.new_event_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        loop.close()
        loop = asyncio.SelectorEventLoop(original("selectors", "DefaultSelector")())
    loop.set_default_executor(SystemThreads())
    return loop


class Bell:
    """Wakes greenlets of one thread from another."""

    def __init__(self, hub: Any) -> None:
        self._waiting: deque[Event] = deque()
        self._watcher = hub.loop.async_()
        self._watcher.start(self._wake)

    def __repr__(self) -> str:
        return f"<Bell {len(self._waiting)} to wake>"

    def ring(self, event: Event) -> None:
        """Have ``event`` set by the thread that it belongs to. From any thread."""
        self._waiting.append(event)
        self._watcher.send()

    def _wake(self) -> None:
        while self._waiting:
            self._waiting.popleft().set()


_bells: weakref.WeakKeyDictionary[Any, Bell] = weakref.WeakKeyDictionary()


def bell_here() -> Bell:
    """Return the bell of the calling thread."""
    hub = get_hub()
    bell = _bells.get(hub)
    if bell is None:
        bell = _bells[hub] = Bell(hub)
    return bell


class GreenCall(LoopCall[T]):
    """A call that a greenlet waits for: at an event, for which it has a bell."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._event: Event | None = None
        self._bell: Bell | None = None
        super().__init__(coroutine, loop)

    def wait(self, timeout: float | None) -> bool:
        """Wait while other greenlets run."""
        if self._done:
            return True
        if self._event is None:
            self._event, self._bell = Event(), bell_here()
        # Asked once more, as the end may have come before there was a bell to ring.
        if not self._done:
            self._event.wait(timeout)
        return self._done

    def _tell(self) -> None:
        if self._bell is not None and self._event is not None:
            self._bell.ring(self._event)
