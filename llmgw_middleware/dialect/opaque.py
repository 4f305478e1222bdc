"""Conversations without a dialect: bytes in, bytes out, and no promise but the transport's."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.dialect.port import Asked, Outgoing, Piece, Receipt, StreamTap
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.usage import Usage

_CROSSING = frozenset({b"accept", b"content-type", b"idempotency-key", b"openai-beta"})


class OpaqueTap:
    """Relays bytes as they come, each of them content. The end is the transport's. Implements ``port.StreamTap``."""

    __slots__ = ("done", "fault", "finished", "malformed", "model", "usage")

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.malformed = 0

    def __repr__(self) -> str:
        return f"<OpaqueTap {'done' if self.done else 'open'}>"

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Pass the bytes on."""
        return (Piece(data, content=True),) if data else ()

    def close(self) -> Sequence[Piece]:
        """Take the end as it is: complete."""
        self.finished = self.done = True
        return ()


class OpaqueConversation:
    """Any operation that no dialect knows. Implements ``port.Conversation``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<OpaqueConversation>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Send the caller's bytes. ``path`` is empty: only the caller's own path names the operation."""
        crossing = tuple(header for header in asked.headers if header[0] in _CROSSING)
        return Outgoing(path="", headers=crossing, body=asked.raw)

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap:  # noqa: ARG002 - it cannot tell anything from the rest
        """Return a fresh tap."""
        return OpaqueTap()

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - it reads nothing
        """Take the answer as it is."""
        return Receipt(body=body)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer as OpenAI-shaped, which falls back to its status."""
        return read_error(status, headers, body, now=now)
