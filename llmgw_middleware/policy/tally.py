"""What has been seen of one side of a split: requests, failures, times, tokens, dollars, signals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmgw_middleware.policy.evidence import Count

GAMMA = 1.02
"""Each bucket of times is 2 % wider than the one below."""

_LOG = math.log(GAMMA)
_SHORTEST, _LONGEST = 1e-4, 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one request on its side.

    ``failed`` is None where that cannot be told: the caller left, or asked for something nobody gives. ``latency`` is
    seconds to the first content of a stream, else to the whole answer; None where there was no answer. ``tokens`` and
    ``cost`` (dollars) are None where they are not known.
    """

    failed: bool | None = False
    latency: float | None = None
    tokens: int | None = None
    cost: float | None = None


class Spread:
    """Times in logarithmic buckets, none forgotten: some 900 of them from 0.1 ms to an hour."""

    __slots__ = ("_buckets", "total")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.total = 0

    def __repr__(self) -> str:
        return f"<Spread of {self.total} times>"

    def add(self, seconds: float) -> None:
        """Count one time."""
        bucket = math.ceil(math.log(min(max(seconds, _SHORTEST), _LONGEST)) / _LOG)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.total += 1

    @property
    def buckets(self) -> Mapping[int, int]:
        """How many times are in each bucket."""
        return self._buckets

    def merge(self, buckets: Mapping[int, int]) -> None:
        """Add what another process has counted."""
        for bucket, count in buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
            self.total += count

    def quantile(self, share: float) -> float | None:
        """Return the seconds within which this share was, ± 1 %; None where there is nothing."""
        wanted = max(1, math.ceil(share * self.total))
        for bucket, reached in self.cumulated():
            if reached >= wanted:
                return float(2 * GAMMA**bucket / (GAMMA + 1))
        return None

    def cumulated(self) -> list[tuple[int, int]]:
        """Return each bucket that holds something with the number of times in it and below."""
        found, reached = [], 0
        for bucket in sorted(self._buckets):
            reached += self._buckets[bucket]
            found.append((bucket, reached))
        return found

    def over(self, bucket: int) -> Count:
        """Count the times above the upper edge of ``bucket``."""
        return Count(sum(n for each, n in self._buckets.items() if each > bucket), self.total)


def buckets_above(increase: float) -> int:
    """Return how many buckets higher a time stands that is ``increase`` longer, rounded up: 0.5 is half as long again."""
    return math.ceil(math.log1p(increase) / _LOG - 1e-9)


@dataclass(slots=True)
class Moments:
    """Enough of a list of numbers for their mean and how sure it is."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Count one number."""
        self.count += 1
        self.total += value
        self.squares += value * value

    def merge(self, count: int, total: float, squares: float) -> None:
        """Add what another process has counted."""
        self.count += count
        self.total += total
        self.squares += squares

    @property
    def mean(self) -> float | None:
        """The mean, or None of nothing."""
        return self.total / self.count if self.count else None

    @property
    def variance(self) -> float:
        """The variance of the numbers; 0 of fewer than two."""
        if self.count < 2:  # noqa: PLR2004 - one number does not vary
            return 0.0
        return max(0.0, (self.squares - self.total**2 / self.count) / (self.count - 1))


class Tally:
    """The counts of one side. ``requests`` are all that were sent there, ``judged`` those that succeeded or failed."""

    __slots__ = ("_signals", "cost", "failed", "judged", "requests", "times", "tokens", "units")

    def __init__(self) -> None:
        self.requests = 0
        self.units = 0
        """Different users or sessions, as far as they are remembered."""
        self.judged = 0
        self.failed = 0
        self.times = Spread()
        self.tokens = Moments()
        self.cost = Moments()
        self._signals: dict[str, Moments] = {}

    def __repr__(self) -> str:
        return f"<Tally [{self.requests} requests, {self.failed} of {self.judged} failed]>"

    def add(self, outcome: Outcome) -> None:
        """Count one request that is over."""
        self.requests += 1
        if outcome.failed is not None:
            self.judged += 1
            self.failed += outcome.failed
        if outcome.latency is not None:
            self.times.add(outcome.latency)
        if outcome.tokens is not None:
            self.tokens.add(outcome.tokens)
        if outcome.cost is not None:
            self.cost.add(outcome.cost)

    def signal(self, name: str, value: float) -> None:
        """Count one signal. Of one request each signal is counted once; the caller sees to that."""
        self._signals.setdefault(name, Moments()).add(value)

    def counts(self) -> dict[str, Any]:
        """Return everything as plain values, for ``merge`` in another process."""
        return {
            **{name: getattr(self, name) for name in _NUMBERS},
            "times": {str(bucket): count for bucket, count in self.times.buckets.items()},
            "tokens": _plain(self.tokens),
            "cost": _plain(self.cost),
            "signals": {name: _plain(moments) for name, moments in self._signals.items()},
        }

    def merge(self, counts: Mapping[str, Any]) -> None:
        """Add the ``counts`` of another process. A caller whom two of them know counts twice."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + counts[name])
        self.times.merge({int(bucket): count for bucket, count in counts["times"].items()})
        self.tokens.merge(*counts["tokens"])
        self.cost.merge(*counts["cost"])
        for name, moments in counts["signals"].items():
            self._signals.setdefault(name, Moments()).merge(*moments)

    @property
    def failures(self) -> Count:
        """How many of those judged failed."""
        return Count(self.failed, self.judged)

    @property
    def signals(self) -> Mapping[str, Moments]:
        """The values of each signal."""
        return self._signals

    def signalled(self, name: str) -> Count:
        """How many of the requests got the signal."""
        found = self._signals.get(name)
        return Count(0 if found is None else min(found.count, self.requests), self.requests)


_NUMBERS = ("requests", "units", "judged", "failed")


def _plain(moments: Moments) -> list[float]:
    return [moments.count, moments.total, moments.squares]
