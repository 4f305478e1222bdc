"""Conversations without a dialect: bytes in, bytes out, and no promise but the transport's."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.dialect.port import Fields, Outgoing, Piece, Receipt, StreamTap
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

    def outgoing(
        self,
        fields: Fields | None,  # noqa: ARG002 - nothing is read of a body without a dialect
        raw: bytes,
        *,
        headers: Sequence[Header],
        model: str | None,  # noqa: ARG002 - nor is it changed
        stream: bool,  # noqa: ARG002 - the caller's own accept header crosses
    ) -> Outgoing:
        """Send the caller's bytes. ``path`` is empty: only the caller's own path names the operation."""
        return Outgoing(path="", headers=tuple(h for h in headers if h[0] in _CROSSING), body=raw)

    def tap(self, *, show_usage: bool) -> StreamTap:  # noqa: ARG002 - it cannot tell usage from the rest
        """Return a fresh tap."""
        return OpaqueTap()

    def read_reply(self, body: bytes) -> Receipt:
        """Take the answer as it is."""
        return Receipt(body=body)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer as OpenAI-shaped, which falls back to its status."""
        return read_error(status, headers, body, now=now)
