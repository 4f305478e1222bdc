"""Which backend keeps a response: what leans on it can be answered there only."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.dialect.port import Fields

MOST_KNOWN = 10_000
"""Responses whose backends are remembered; the oldest are forgotten first."""

FORGOTTEN_AT_ONCE = 100
"""How many are forgotten when there are too many: to look for the oldest takes time."""

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
                self._forget_oldest()
            self._by_id[identity] = backend

    def _forget_oldest(self) -> None:
        """Make room. Another event loop may do the same at the same time, so what is gone already is no error."""
        for identity in list(self._by_id)[:FORGOTTEN_AT_ONCE]:
            self._by_id.pop(identity, None)

    def elsewhere(self, fields: Fields, backend: str) -> bool:
        """Whether a request leans on a response that another backend is known to keep."""
        return any(self._by_id.get(identity, backend) != backend for identity in leaned_on(fields))


def leaned_on(fields: Fields) -> Iterable[str]:
    """Return the ids of what a request leans on."""
    for name in ("previous_response_id", "conversation"):
        raw = bytes(fields.get(name, b"")).strip()
        if raw not in _NOTHING:
            yield raw.strip(b'"').decode(errors="replace")
