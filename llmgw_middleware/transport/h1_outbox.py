"""What a connection has to send: long bodies in pieces, and whether sending makes progress."""

from __future__ import annotations

import asyncio

from llmgw_middleware.transport.h1_tls import Tls

PIECE = 64 * 1024
"""Bytes of a request handed to the socket at once: a longer one is sent in pieces."""

LOOKS = 4
"""How often per write timeout it is looked whether sending makes progress."""


class Outbox:
    """Writes requests to ``wire``, sealed by ``tls`` if there is one. Without a wire nothing is written."""

    __slots__ = ("_body", "_choked", "_left", "_stalls_at", "_tls", "limit", "look_at", "watched", "wire")

    def __init__(self, tls: Tls | None) -> None:
        self._tls = tls
        self._body = memoryview(b"")
        self._choked = False
        self._left = 0
        self._stalls_at = 0.0
        self.wire: asyncio.Transport | None = None
        self.limit = 0.0
        """Seconds without progress after which sending is stalled."""
        self.look_at = 0.0
        """The loop's time of the next look."""
        self.watched = False
        """Whether it is looked: something was left at the last look, and no answer has come."""

    @property
    def left(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return len(self._body) + (0 if self.wire is None else self.wire.get_write_buffer_size())

    def send(self, head: bytes, body: bytes) -> bool:
        """Send a request; return whether the kernel has not taken all of it. Raises Reset if TLS does not take it."""
        wire = self.wire
        if wire is None:
            return False
        if len(body) <= PIECE:
            data = head + body
            wire.write(data if self._tls is None else self._tls.seal(data))
            return wire.get_write_buffer_size() > 0
        whole = memoryview(body)
        self._body = whole[PIECE:]
        self.put(head + body[:PIECE])
        self._more()
        return self.left > 0

    def put(self, data: bytes | memoryview) -> None:
        """Send bytes at once. Raises Reset if TLS does not take them."""
        if self.wire is not None:
            self.wire.write(data if self._tls is None else self._tls.seal(data))

    def put_tls(self) -> None:
        """Send what TLS itself has to say."""
        if self.wire is not None and self._tls is not None:
            self.wire.write(self._tls.outgoing())

    def choke(self) -> None:
        """Send no more for now."""
        self._choked = True

    def unchoke(self) -> None:
        """Go on sending. Raises Reset if TLS does not take it."""
        self._choked = False
        self._more()

    def drop(self) -> None:
        """Send no more at all."""
        self._body = memoryview(b"")
        self.watched = False

    def watch(self, now: float, limit: float) -> None:
        """Begin to look for progress."""
        self._left, self.limit = self.left, limit
        self.watched = self._left > 0
        self._stalls_at, self.look_at = now + limit, now + limit / LOOKS

    def stalled(self, now: float) -> bool:
        """Look whether there was progress. The wire's own buffer counts, so the last bytes are watched too."""
        left = self.left
        if left < self._left:
            self._stalls_at = now + self.limit
        self._left, self.look_at, self.watched = left, now + self.limit / LOOKS, left > 0
        return left > 0 and now >= self._stalls_at

    def _more(self) -> None:
        while self._body and not self._choked:
            piece, self._body = self._body[:PIECE], self._body[PIECE:]
            self.put(piece)

    def __repr__(self) -> str:
        return f"<Outbox [left: {self.left}]>"
