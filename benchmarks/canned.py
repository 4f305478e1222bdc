"""An upstream client that answers from memory: what is left is the gateway's own work."""

from __future__ import annotations

import re

from benchmarks.upstream import ANSWER, LAST, ROLE, content
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.transport.port import Call

_CHUNK = re.compile(rb"[0-9a-f]+\r\n(data: .*\n\n)\r\n")
JSON = ANSWER.partition(b"\r\n\r\n")[2]


def _plain(chunks: bytes) -> list[bytes]:
    return _CHUNK.findall(chunks)


class CannedReply:
    """Fulfils ``Reply``: gives one part at a time, without waiting."""

    status = 200

    def __init__(self, kind: bytes, parts: list[bytes]) -> None:
        self.headers: tuple[Header, ...] = ((b"content-type", kind),)
        self._parts = iter(parts)
        self._alone = len(parts) == 1

    def whole(self) -> bytes | None:
        """Return the body of one part."""
        return next(self._parts, b"") if self._alone else None

    async def receive(self, deadline: float) -> bytes:
        """Return the next part."""
        del deadline
        return next(self._parts, b"")

    async def aclose(self) -> None:
        """Have nothing to let go of."""


class CannedTransport:
    """Fulfils ``Transport``. ``events`` 0 answers JSON, else a stream of so many events, one part each."""

    def __init__(self, events: int = 0) -> None:
        self._kind = b"text/event-stream" if events else b"application/json"
        stream = [*_plain(ROLE), *(_plain(content())[0] for _ in range(events)), *_plain(LAST)]
        self._parts = stream if events else [JSON]

    async def send(self, call: Call, *, timeouts: Timeouts, deadline: float) -> CannedReply:
        """Answer."""
        del call, timeouts, deadline
        return CannedReply(self._kind, self._parts)

    async def aclose(self) -> None:
        """Have nothing to close."""
