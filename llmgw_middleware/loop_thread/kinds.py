"""Which kind of threads the host has: the operating system's, or gevent's in their place."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from llmgw_middleware.errors import ConfigError
from llmgw_middleware.loop_thread.call import Call, ThreadCall
from llmgw_middleware.loop_thread.unpatched import original, patched_by_gevent

T = TypeVar("T")


class Lock(AbstractContextManager[bool], Protocol):
    """What ``threading.Lock()`` returns."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool:  # noqa: FBT001 - the standard library's
        """Take it; return whether that was possible in ``timeout`` seconds."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


def refuse_eventlet() -> None:
    """Raise ConfigError where eventlet has replaced threads: the loop would share its greenlets and stop them all."""
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        raise ConfigError(
            "eventlet has replaced threads, on which the gateway's event loop cannot run; "
            "serve the application with threads (gunicorn --worker-class gthread), with gevent, or under ASGI"
        )


def new_lock() -> Lock:
    """Return a lock between the host's threads and the loop's. It is held for moments only."""
    lock: Lock = original("_thread", "allocate_lock")()
    return lock


class Thread:
    """A thread of the operating system that no process waits for at its end."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._begun, self._ended = new_lock(), new_lock()
        self._begun.acquire()
        self._ended.acquire()
        self.number = 0
        self._thread: threading.Thread | None = None
        if patched_by_gevent():
            original("_thread", "start_new_thread")(self._run, ())
        else:
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()
        self._begun.acquire()

    def __repr__(self) -> str:
        return f"<Thread {self.number}>"

    def join(self, seconds: float) -> None:
        """Wait up to ``seconds`` for its end. Greenlets wait as well meanwhile."""
        if self._thread is not None:
            self._thread.join(seconds)
        else:
            self._ended.acquire(timeout=seconds)

    def _run(self) -> None:
        self.number = this_thread()
        self._begun.release()
        try:
            self._work()
        finally:
            self._ended.release()


def this_thread() -> int:
    """Return the number of the operating system's thread that calls."""
    number: int = original("_thread", "get_ident")()
    return number


def begin(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Call[T]:
    """Start ``coroutine`` on ``loop``, which runs on another thread."""
    if patched_by_gevent():
        from llmgw_middleware.loop_thread.green import GreenCall

        return GreenCall(coroutine, loop)
    return ThreadCall(coroutine, loop)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop that can wait on a thread of the operating system.

    It is the one that the policy makes, but where that is asyncio's own and uvloop is installed (the extra ``fast``),
    uvloop's, as uvicorn has it. ``LLMGW_LOOP`` in the environment is stronger: ``asyncio`` or ``uvloop``; raises
    ConfigError for anything else. Under gevent the policy alone decides.
    """
    if patched_by_gevent():
        from llmgw_middleware.loop_thread.green import loop_of_a_thread

        return loop_of_a_thread()
    match os.environ.get("LLMGW_LOOP") or "auto":
        case "auto":
            loop = asyncio.new_event_loop()
            better = _uvloop() if type(loop) is asyncio.SelectorEventLoop else None
            if better is None:
                return loop
            loop.close()
            return better
        case "asyncio":
            return asyncio.SelectorEventLoop()
        case "uvloop":
            wanted = _uvloop()
            if wanted is None:
                raise ConfigError(
                    "LLMGW_LOOP asks for uvloop, which is not installed: pip install 'llmgw-middleware[fast]'"
                )
            return wanted
        case other:
            raise ConfigError(f"LLMGW_LOOP is {other!r}; it can be auto, asyncio or uvloop")


def _uvloop() -> asyncio.AbstractEventLoop | None:
    """Return a loop of uvloop's, None where it is not installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop()
