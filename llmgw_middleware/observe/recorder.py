"""The last decisions, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from llmgw_middleware.model.decision import Decision


class Recorder:
    """A ring of the last ``size`` finished decisions, newest first when read. They hold no bodies."""

    def __init__(self, size: int = 1000) -> None:
        self._ring: deque[Decision] = deque(maxlen=size)

    def __repr__(self) -> str:
        return f"<Recorder {len(self._ring)} of {self._ring.maxlen}>"

    def __len__(self) -> int:
        return len(self._ring)

    def __iter__(self) -> Iterator[Decision]:
        return reversed(tuple(self._ring))

    def finished(self, decision: Decision) -> None:
        """Keep ``decision``."""
        self._ring.append(decision)

    def find(self, request_id: str) -> Decision | None:
        """Return the decision of one request, or None if it is not, or no longer, kept."""
        return next((d for d in self if d.request_id == request_id), None)
