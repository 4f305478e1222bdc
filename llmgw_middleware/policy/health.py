"""When active checks take an endpoint out, and when they let it back in."""

from __future__ import annotations


class HealthVerdict:
    """Counts results in a row: ``unhealthy_after`` bad ones take it out, ``healthy_after`` good ones let it in."""

    __slots__ = ("_healthy_after", "_streak", "_unhealthy_after", "healthy", "recovered_at")

    def __init__(self, *, unhealthy_after: int = 3, healthy_after: int = 2) -> None:
        self._unhealthy_after = unhealthy_after
        self._healthy_after = healthy_after
        self._streak = 0
        self.healthy = True
        self.recovered_at = float("-inf")
        """When it was last let in again; minus infinity if it was never out."""

    def __repr__(self) -> str:
        return f"<HealthVerdict {'healthy' if self.healthy else 'unhealthy'}, {self._streak} against it>"

    def record(self, *, good: bool, now: float) -> bool:
        """Take one result; return whether the verdict changed."""
        if good == self.healthy:
            self._streak = 0
            return False
        self._streak += 1
        if self._streak < (self._unhealthy_after if self.healthy else self._healthy_after):
            return False
        self.healthy, self._streak = good, 0
        if good:
            self.recovered_at = now
        return True
