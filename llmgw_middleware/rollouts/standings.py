"""Where canaries stand, kept outside of the machines that judge them."""

from __future__ import annotations

import threading
from typing import Protocol

from llmgw_middleware.policy.rollout import Standing


class Standings(Protocol):
    """Keeps where canaries stand. Every process that shares one sees the same stages."""

    def load(self, name: str) -> Standing | None:
        """Return where a canary stands, or None if nothing is known of it."""
        ...

    def save(self, name: str, standing: Standing, *, expected: int) -> bool:
        """Keep ``standing`` if the one kept has the epoch ``expected`` (0: none is kept); return whether it did."""
        ...


class MemoryStandings:
    """Keeps them for as long as the process lives."""

    def __init__(self) -> None:
        self._kept: dict[str, Standing] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<MemoryStandings of {list(self._kept)}>"

    def load(self, name: str) -> Standing | None:
        """Return what is kept."""
        return self._kept.get(name)

    def save(self, name: str, standing: Standing, *, expected: int) -> bool:
        """Keep ``standing`` unless somebody was faster."""
        with self._lock:
            kept = self._kept.get(name)
            if (0 if kept is None else kept.epoch) != expected:
                return False
            self._kept[name] = standing
            return True
