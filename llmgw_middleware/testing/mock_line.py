"""The mock's end of one HTTP exchange: it sends, waits, and notices when the caller leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Self

from llmgw_middleware.testing.mock_faults import MockError
from llmgw_middleware.testing.mock_record import Visit
from llmgw_middleware.testing.mock_wire import OPENAI, Lines, Wire

_RETRY_AFTER = {429: b"1", 503: b"1", 529: b"1"}


class CallerLeft(Exception):
    """The caller closed the connection."""


class Line:
    """Bound to one exchange; a context that ends its watch.

    ``visit`` keeps the record, once there is one; ``wire`` words errors.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
        *,
        pace: float,
    ) -> None:
        self.visit: Visit | None = None
        self.wire: Wire = OPENAI
        self._receive = receive
        self._send = send
        self._pace = pace
        self._gone: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Line of {self.visit!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._gone is not None:
            self._gone.cancel()
            await asyncio.gather(self._gone, return_exceptions=True)

    async def body(self) -> bytes:
        """Return the request's body. Raises CallerLeft."""
        parts = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CallerLeft
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._gone = asyncio.ensure_future(self._watch())
                return b"".join(parts)

    async def pause(self, seconds: float) -> None:
        """Wait at the mock's pace. Raises CallerLeft as soon as the caller does."""
        if self.visit is not None:
            self.visit.waited += seconds
        if self._gone is not None:
            # A wait of nothing still lets the caller's leaving be seen.
            await asyncio.wait({self._gone}, timeout=seconds * self._pace)
            if self._gone.done():
                raise CallerLeft

    async def silence(self) -> None:
        """Send nothing more until the caller leaves; always raises CallerLeft."""
        if self._gone is not None:
            await asyncio.wait({self._gone})
        raise CallerLeft

    async def start(
        self,
        status: int,
        content_type: bytes,
        length: int | None = None,
        more: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        """Send status and headers, among them some that must not reach a gateway's caller."""
        headers = [
            (b"content-type", content_type),
            (b"x-request-id", b"req_mock_%d" % (self.visit.number if self.visit else 0)),
            (b"x-ratelimit-remaining-requests", b"9999"),
            (b"set-cookie", b"__mock=1; path=/; HttpOnly"),
            *more,
        ]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        if status in _RETRY_AFTER:
            headers.append((b"retry-after", _RETRY_AFTER[status]))
        if self.visit is not None:
            self.visit.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, outcome: str, data: bytes = b"") -> None:
        """End the answer in good order."""
        self.note(outcome)
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def note(self, outcome: str) -> None:
        """Write down how it ended. After ``reset`` nothing is sent: the server closes what was left unfinished."""
        if self.visit is not None:
            self.visit.outcome = outcome

    async def document(
        self, status: int, content: Any, outcome: str = "served", more: Lines | None = None
    ) -> None:
        """Answer with JSON; ``more`` are further headers."""
        data = json.dumps(content, ensure_ascii=False).encode()
        await self.start(status, b"application/json", len(data), more or ())
        await self.end(outcome, data)

    async def error(self, error: MockError) -> None:
        """Answer with an error, in the words of the API that was called."""
        status, more, body = self.wire.error(error)
        await self.document(status, body, "failed", more)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
