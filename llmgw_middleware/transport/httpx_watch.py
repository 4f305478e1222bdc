"""One request of httpx on its way.

httpcore loses connections, with their sockets, when a task is cancelled at the wrong moment: amid a TLS handshake,
or before it takes its own locks (encode/httpcore#1093). So a request is not given up by cancelling its task but by
an error of the network operation it is in, or comes to next: errors are what httpcore tidies up after.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import httpcore

T = TypeVar("T")

_ABANDONED = "the request was given up"


class Carrier(Protocol):
    """What a watch wants to know of a connection."""

    answers: int
    """Answers received so far, 1xx not counted."""
    received: int
    """Bytes received since the last write."""


class Watch:
    """What is known of a request's connection, and the way to give the request up.

    ``seam``: whether its network operations are watched. If they are not, giving up is plain cancellation.
    """

    __slots__ = ("_cancellable", "abandoned", "carrier")

    def __init__(self, *, seam: bool) -> None:
        self._cancellable = not seam
        self.abandoned = False
        self.carrier: Carrier | None = None
        """The connection, once a byte of the request was handed to it."""

    @property
    def stale(self) -> bool:
        """Whether the request went out on a connection that had served before, and not one byte came back."""
        return (
            not self.abandoned
            and self.carrier is not None
            and self.carrier.answers > 0
            and self.carrier.received == 0
        )

    def abandon(self, task: asyncio.Task[Any]) -> None:
        """Give up the request that ``task`` sends."""
        self.abandoned = True
        if self._cancellable:
            task.cancel()

    async def network(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Do what uses the network. Raises ReadError when the request is given up."""
        if self.abandoned:
            raise httpcore.ReadError(_ABANDONED)
        self._cancellable = True
        try:
            return await operation()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.abandoned or task is None:
                raise
            task.uncancel()
            raise httpcore.ReadError(_ABANDONED) from None
        finally:
            self._cancellable = False


WATCH: ContextVar[Watch] = ContextVar("llmgw_httpx_watch")
"""The watch of the task that sends: how a connection knows which request it serves."""


async def network(operation: Callable[[], Awaitable[T]]) -> T:
    """Do what uses the network, watched if a request is on its way. Raises httpcore's errors for TLS's, too."""
    watch = WATCH.get(None)
    try:
        return await (operation() if watch is None else watch.network(operation))
    except ssl.SSLError as error:  # a broken record is let through by anyio and httpcore
        raise httpcore.ReadError(f"TLS: {error}") from error
