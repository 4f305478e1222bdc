"""What is held back until the commit point: from then on an answer is the caller's and can no longer be replaced."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.dialect.port import Piece
from llmgw_middleware.model.policy import CommitRules

WINDOW_BYTES = 64 * 1024
"""A window closes when so much is held, however young it is."""

FULL_BYTES = 16 * 1024 * 1024
"""A whole answer is held up to here; one that is longer is committed as it stands."""


class Hold:
    """Holds pieces; ``add`` says whether they are the caller's now.

    First token: at the first content. Window: at the first event that comes ``window`` seconds or more after the
    first content; silence alone never closes it. Full: never before the end, which the owner knows.
    """

    __slots__ = ("_opened", "_rules", "_size", "pieces")

    def __init__(self, rules: CommitRules) -> None:
        self._rules = rules
        self._opened: float | None = None
        self._size = 0
        self.pieces: list[Piece] = []

    def __repr__(self) -> str:
        return f"<Hold {self._rules.kind} [{len(self.pieces)} pieces, {self._size} bytes]>"

    @property
    def has_content(self) -> bool:
        """Whether anything held is content."""
        return self._opened is not None

    def add(self, pieces: Sequence[Piece], *, now: float) -> bool:
        """Hold ``pieces`` and return whether the commit point is reached."""
        due = bool(pieces) and self._opened is not None and now - self._opened >= self._rules.window
        for piece in pieces:
            self.pieces.append(piece)
            self._size += len(piece.data)
            if piece.content and self._opened is None:
                self._opened = now
        if self._opened is None:
            return False
        if self._rules.kind == "first_token":
            return True
        if self._rules.kind == "window":
            return due or self._size >= WINDOW_BYTES
        return self._size >= FULL_BYTES
