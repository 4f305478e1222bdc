"""Counting over the last seconds: a ring of buckets whose oldest falls away as time goes on."""

from __future__ import annotations

BUCKETS = 10
"""Buckets of a window: what is counted is forgotten in tenths of its span."""


class RollingWindow:
    """Counters over the last ``span`` seconds, in ten buckets that begin at multiples of a tenth of it.

    Memory and work do not grow with what is counted. Time that goes backwards counts as standing still.
    """

    __slots__ = ("_ring", "_slot", "_until", "_width", "totals")

    def __init__(self, span: float, *, counters: int) -> None:
        if not span > 0:
            raise ValueError(f"a window must span some time, not {span} s")
        self._width = span / BUCKETS
        self._slot = -1
        self._until = 0.0
        self._ring = [[0] * counters for _ in range(BUCKETS)]
        self.totals = [0] * counters
        """The sums as of the last ``advance``. To be read only."""

    def __repr__(self) -> str:
        return f"<RollingWindow of {self._width * BUCKETS:g} s {self.totals}>"

    def advance(self, now: float) -> int:
        """Forget what is too old; return the number of the present bucket."""
        if now < self._until:
            return self._slot
        slot = int(now // self._width)
        if slot > self._slot:
            for passed in range(max(self._slot + 1, slot - BUCKETS + 1), slot + 1):
                self._drop(self._ring[passed % BUCKETS])
            self._slot = slot
            self._until = slot * self._width + self._width
        return self._slot

    def add(self, counter: int) -> None:
        """Count one in the present bucket."""
        self._ring[self._slot % BUCKETS][counter] += 1
        self.totals[counter] += 1

    def take_back(self, counter: int, slot: int) -> None:
        """Uncount one that was counted in bucket ``slot``, unless that is forgotten already."""
        if self._slot - BUCKETS < slot <= self._slot and self._ring[slot % BUCKETS][counter]:
            self._ring[slot % BUCKETS][counter] -= 1
            self.totals[counter] -= 1

    def clear(self) -> None:
        """Forget everything."""
        for bucket in self._ring:
            self._drop(bucket)

    def _drop(self, bucket: list[int]) -> None:
        for counter, count in enumerate(bucket):
            if count:
                self.totals[counter] -= count
                bucket[counter] = 0
