"""How fast a backend has answered lately."""

from __future__ import annotations

import math

from llmgw_middleware.policy.window import BUCKETS

GAMMA = 1.02
"""Each bucket is 2 % wider than the one below: an estimate is off by (γ - 1) / (γ + 1), less than 1 %."""

SPAN = 60.0
"""Seconds that are remembered."""

HALF_LIFE = 10.0
"""Seconds after which a time counts half in the decayed mean."""

_WIDTH = SPAN / BUCKETS
_LOG = math.log(GAMMA)
_SHORTEST, _LONGEST = 1e-4, 3600.0


def _bucket(seconds: float) -> int:
    return math.ceil(math.log(min(max(seconds, _SHORTEST), _LONGEST)) / _LOG)


class Histogram:
    """Times over the last minute in logarithmic buckets, forgotten in slices of six seconds.

    Memory is bounded by the number of buckets, some 900 for 0.1 ms to an hour. Histograms of several processes on
    the same clock are merged without loss.
    """

    __slots__ = ("_counts", "_p90", "_slices", "_slot")

    def __init__(self) -> None:
        self._slices: dict[int, dict[int, int]] = {}
        self._counts: dict[int, int] = {}
        self._slot = -1
        self._p90: float | None = None

    def __repr__(self) -> str:
        return f"<Histogram of {sum(self._counts.values())} times>"

    def record(self, seconds: float, now: float) -> None:
        """Count one time."""
        self._advance(now)
        self._add(self._slot, _bucket(seconds), 1)

    def merge(self, other: Histogram) -> None:
        """Add what ``other`` has counted."""
        self._slot = max(self._slot, other._slot)
        for slot, counts in other._slices.items():
            for bucket, count in counts.items():
                self._add(slot, bucket, count)
        self._forget()

    def p90(self, now: float) -> float | None:
        """Return the seconds within which nine of ten were, ± 1 %; None when there were none in the last minute."""
        self._advance(now)
        if self._p90 is None and self._counts:
            self._p90 = self._estimate()
        return self._p90

    def stale(self, now: float) -> bool:
        """Whether nothing is known of the last minute."""
        self._advance(now)
        return not self._counts

    def _estimate(self) -> float:
        count = sum(self._counts.values())
        left = count // 10  # of so many slower ones the caller is not told
        for bucket in sorted(self._counts, reverse=True):
            left -= self._counts[bucket]
            if left < 0:
                break
        return float(2 * GAMMA**bucket / (GAMMA + 1))

    def _add(self, slot: int, bucket: int, count: int) -> None:
        into = self._slices.setdefault(slot, {})
        into[bucket] = into.get(bucket, 0) + count
        self._counts[bucket] = self._counts.get(bucket, 0) + count
        self._p90 = None

    def _advance(self, now: float) -> None:
        slot = int(now // _WIDTH)
        if slot > self._slot:
            self._slot = slot
            self._forget()

    def _forget(self) -> None:
        for slot in [slot for slot in self._slices if slot <= self._slot - BUCKETS]:
            for bucket, count in self._slices.pop(slot).items():
                self._counts[bucket] -= count
                if not self._counts[bucket]:
                    del self._counts[bucket]
            self._p90 = None


class DecayedMean:
    """A mean in which a time counts half after ten seconds."""

    __slots__ = ("_at", "_sum", "_weight")

    def __init__(self) -> None:
        self._sum = self._weight = 0.0
        self._at = 0.0

    def __repr__(self) -> str:
        return f"<DecayedMean {'unknown' if self.value is None else f'{self.value:.3g} s'}>"

    @property
    def value(self) -> float | None:
        """The mean in seconds; None before the first time."""
        return self._sum / self._weight if self._weight else None

    def record(self, seconds: float, now: float) -> None:
        """Count one time."""
        kept = 0.5 ** (max(0.0, now - self._at) / HALF_LIFE) if self._weight else 0.0
        self._sum, self._weight, self._at = self._sum * kept + seconds, self._weight * kept + 1.0, now
