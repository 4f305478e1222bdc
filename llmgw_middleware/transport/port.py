"""What every upstream client offers, and how it fails. The only words of HTTP that ``exchange`` knows.

Deadlines are values of the running loop's clock (``loop.time()``). ``TimeoutError`` always means "the deadline
passed", never a broken connection.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from llmgw_middleware.model.http import Header
from llmgw_middleware.model.policy import Timeouts

MAX_HEAD = 64 * 1024
"""Bytes of an answer's status line and headers beyond which it is malformed."""


class TransportError(Exception):
    """The exchange with the upstream broke. The text is for logs only."""


class Unreachable(TransportError):
    """No connection: name, TCP, TLS, or no free connection in time. Nothing was sent."""


class NoCredential(TransportError):
    """There is no credential to send. Nothing was sent."""


class Reset(TransportError):
    """The connection broke, or sending made no progress, after something was sent."""


class Malformed(TransportError):
    """The answer is not HTTP: framing, lengths, chunks, too many or too long headers, bytes missing from the body."""


class Call(msgspec.Struct, kw_only=True, gc=False):
    """A request to an upstream. Header names are lower case; ``host`` and ``content-length`` are the transport's."""

    method: str
    url: str
    headers: tuple[Header, ...]
    body: bytes = b""


class Reply(Protocol):
    """An answer whose headers have arrived. Bodies come decoded (no content-encoding is left)."""

    @property
    def status(self) -> int:
        """The status code, 200 or above."""
        ...

    @property
    def headers(self) -> tuple[Header, ...]:
        """Lower-case names; hop-by-hop headers are already gone."""
        ...

    def whole(self) -> bytes | None:
        """Return all of the body if it is here already, and let go of the connection; else None, and nothing is done.

        What has been received before is not part of it.
        """
        ...

    async def receive(self, deadline: float) -> bytes:
        """Return the next bytes of the body, or ``b""`` once it is complete.

        Raises TimeoutError when the deadline passes first; the reply stays usable and may be asked again. Raises
        Reset or Malformed when the body ends before it is complete.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the connection: kept alive if the body was read to its end, else closed. Idempotent."""
        ...


class Transport(Protocol):
    """Sends calls over pooled connections. Bound to the event loop it is first used on."""

    async def send(self, call: Call, *, timeouts: Timeouts, deadline: float) -> Reply:
        """Send ``call`` and return when the answer's headers are there.

        ``timeouts`` gives ``pool``, ``connect``, ``write`` and ``idle`` (all set). Redirects are not followed.
        Raises Unreachable, Reset, Malformed, or TimeoutError at the deadline. Being cancelled closes the connection.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        ...


class Credential(Protocol):
    """What makes a call acceptable to its upstream. Thread-safe: one serves every event loop of a process."""

    async def authorize(self, call: Call) -> Call:
        """Return ``call`` with its credential. Raises NoCredential where there is none to be had."""
        ...
