"""A coroutine that runs on the loop while a thread of the host's waits for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Cancelled = concurrent.futures.CancelledError
"""Raised by ``result`` of a call that was cancelled: nobody's cancellation of the waiting side."""


class Call(Protocol[T_co]):
    """What the waiting side has of it."""

    def wait(self, timeout: float | None) -> bool:
        """Wait up to ``timeout`` seconds (None: for ever) for the end; return whether it has come."""
        ...

    def result(self) -> T_co:
        """Return what came out, or raise it; raises ``Cancelled``. Call it after the end only."""
        ...

    def cancel(self) -> None:
        """Have the coroutine cancelled, if it has not ended. Does not wait."""
        ...


class LoopCall(ABC, Generic[T]):
    """What every call does on the loop. How the waiting side waits and is woken is its kind's: ``wait`` and ``_tell``."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        self._done = False
        self._cancelled = False
        loop.call_soon_threadsafe(self._begin)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'ended' if self._done else 'running'}>"

    def result(self) -> T:
        """Return what came out, or raise it."""
        if self._task is None or self._task.cancelled():
            raise Cancelled
        return self._task.result()

    def cancel(self) -> None:
        """Have the coroutine cancelled."""
        if not self._done:
            self._cancelled = True
            with suppress(RuntimeError):  # the loop has ended, and the coroutine with it
                self._loop.call_soon_threadsafe(self._stop)

    # On the loop.

    def _begin(self) -> None:
        if self._cancelled:
            self._coroutine.close()
            self._ended()
            return
        self._task = self._loop.create_task(self._coroutine)
        self._task.add_done_callback(self._ended)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[T] | None = None) -> None:
        if task is not None and not task.cancelled():
            task.exception()  # known to the waiting side, if it still waits: no loop shall complain that nobody asked
        self._done = True
        self._tell()

    @abstractmethod
    def _tell(self) -> None:
        """Wake the waiting side."""


class ThreadCall(LoopCall[T]):
    """A call that a thread of the operating system waits for: at a lock that is opened at the end."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        super().__init__(coroutine, loop)

    def wait(self, timeout: float | None) -> bool:
        """Wait. One thread waits at a time."""
        if not self._done:
            self._lock.acquire(timeout=-1 if timeout is None else timeout)
        return self._done

    def _tell(self) -> None:
        self._lock.release()
