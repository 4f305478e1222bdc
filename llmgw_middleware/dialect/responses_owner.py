"""Which backend keeps a response: what leans on it can be answered there only."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.dialect.port import Fields

MOST_KNOWN = 10_000
"""Responses whose backends are remembered; the oldest are forgotten first."""

_NOTHING = frozenset({b"", b"null"})


class Owners:
    """Backends by the ids of the responses that they keep, in this process. Shared by all conversations."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Owners of {len(self._by_id)} responses>"

    def remember(self, identity: object, backend: str) -> None:
        """Note that ``backend`` keeps the response of that id."""
        if isinstance(identity, str) and identity:
            if len(self._by_id) >= MOST_KNOWN:
                del self._by_id[next(iter(self._by_id))]
            self._by_id[identity] = backend

    def elsewhere(self, fields: Fields, backend: str) -> bool:
        """Whether a request leans on a response that another backend is known to keep."""
        return any(self._by_id.get(identity, backend) != backend for identity in leaned_on(fields))


def leaned_on(fields: Fields) -> Iterable[str]:
    """Return the ids of what a request leans on."""
    for name in ("previous_response_id", "conversation"):
        raw = bytes(fields.get(name, b"")).strip()
        if raw not in _NOTHING:
            yield raw.strip(b'"').decode(errors="replace")
