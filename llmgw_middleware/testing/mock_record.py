"""What arrived at the mock, so that a test or a demo can prove it. Credentials are shown as fingerprints only."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llmgw_middleware.model.http import Header

KEPT = 200
"""Requests that are remembered."""

MAX_BODY = 10_000
"""Characters of a body that are kept."""

_SECRET = ("authorization", "cookie", "api-key", "apikey", "token", "secret", "password")


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request. ``outcome``: open, served, failed (an error answer), cut, reset, or left (the caller did).

    ``began`` and ``ended`` are seconds since the mock was made; ``waited`` the seconds that the answer was delayed
    on purpose; ``words`` how many were sent.
    """

    number: int
    method: str
    path: str
    query: str
    headers: Sequence[Header]
    body: bytes
    began: float
    ended: float | None = None
    outcome: str = "open"
    status: int | None = None
    model: str | None = None
    stream: bool = False
    words: int = 0
    waited: float = 0.0

    def describe(self) -> dict[str, Any]:
        """Return the visit as JSON."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": [[name, masked(name, value)] for name, value in _text(self.headers)],
            "body": self.body.decode("utf-8", "replace")[:MAX_BODY],
            "model": self.model,
            "stream": self.stream,
            "status": self.status,
            "outcome": self.outcome,
            "words": self.words,
            "waited": round(self.waited, 3),
            "began": round(self.began, 3),
            "ended": None if self.ended is None else round(self.ended, 3),
        }


@dataclass(slots=True)
class VisitorBook:
    """The last visits, oldest first."""

    visits: deque[Visit] = field(default_factory=lambda: deque(maxlen=KEPT))
    count: int = 0
    _start: float = field(default_factory=time.monotonic)

    def enter(self, scope: dict[str, Any], body: bytes) -> Visit:
        """Write down a request that has arrived."""
        self.count += 1
        visit = Visit(
            number=self.count,
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=tuple((bytes(name), bytes(value)) for name, value in scope["headers"]),
            body=body,
            began=self.now(),
        )
        self.visits.append(visit)
        return visit

    def now(self) -> float:
        """Return the seconds since the book was opened."""
        return time.monotonic() - self._start

    def describe(self) -> dict[str, Any]:
        """Return all visits as JSON."""
        return {"count": self.count, "requests": [visit.describe() for visit in self.visits]}

    def clear(self) -> None:
        """Forget the visits; the numbers go on."""
        self.visits.clear()


def masked(name: str, value: str) -> str:
    """Return a header's value, or for a credential its scheme and a fingerprint: the same key, the same print."""
    if not any(part in name.lower() for part in _SECRET):
        return value
    scheme, _, secret = value.rpartition(" ")
    return f"{scheme} ***{fingerprint(secret)}".strip()


def fingerprint(secret: str) -> str:
    """Return eight characters that tell one credential from another and give neither away."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def _text(headers: Sequence[Header]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
