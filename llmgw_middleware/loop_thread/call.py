"""A coroutine that runs on the loop while a thread of the host's waits for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
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


class ThreadCall(Generic[T]):
    """A call that a thread of the operating system waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._future = asyncio.run_coroutine_threadsafe(coroutine, loop)

    def __repr__(self) -> str:
        return f"<ThreadCall {'ended' if self._future.done() else 'running'}>"

    def wait(self, timeout: float | None) -> bool:
        """Wait; unlike the future's ``result`` this cannot take a TimeoutError of the work for the end of the wait."""
        try:
            self._future.exception(timeout)
        except TimeoutError:
            return False
        except Cancelled:
            return True
        return True

    def result(self) -> T:
        """Return what came out, or raise it."""
        return self._future.result()

    def cancel(self) -> None:
        """Have the coroutine cancelled."""
        self._future.cancel()
