"""One backend, two ways to say the same: which is taken depends on the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from llmgw_middleware.dialect.port import Asked, Conversation, Outgoing, Receipt, StreamTap
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header

MOST_KNOWN = 1000
"""Models that are remembered; their names come from callers."""


class ByModel:
    """Takes ``special`` for the models that ``is_special`` names, else ``usual``. Implements ``port.Conversation``."""

    __slots__ = ("_is_special", "_known", "_special", "_usual")

    def __init__(
        self, usual: Conversation, special: Conversation, is_special: Callable[[str | None], bool]
    ) -> None:
        self._usual = usual
        self._special = special
        self._is_special = is_special
        self._known: dict[str | None, bool] = {}

    def __repr__(self) -> str:
        return f"<ByModel {self._usual!r}, or {self._special!r}>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request in the way that its model wants."""
        special = self._known.get(asked.model)
        if special is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            special = self._known[asked.model] = self._is_special(asked.model)
        if not special:
            return self._usual.outgoing(asked)
        outgoing = self._special.outgoing(asked)
        return replace(outgoing, remember=_Special(outgoing))

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:
        """Return a fresh tap of that way."""
        if isinstance(outgoing.remember, _Special):
            return self._special.tap(outgoing.remember.outgoing, content_type, show_usage=show_usage)
        return self._usual.tap(outgoing, content_type, show_usage=show_usage)

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:
        """Read an answer of that way; raises MalformedReply."""
        if isinstance(outgoing.remember, _Special):
            return self._special.read_reply(outgoing.remember.outgoing, body, content_type)
        return self._usual.read_reply(outgoing, body, content_type)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer: both ways lead to one server, whose errors are alike."""
        return self._usual.read_error(status, headers, body, now=now)


class _Special:
    """Marks what went the special way, and keeps it."""

    __slots__ = ("outgoing",)

    def __init__(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
