"""How sure counts make us that one side is worse than the other, however often one looks.

Every function returns the logarithm of an e-value: a number that stays below ``1 / alpha`` for ever with probability
``1 - alpha`` when there is nothing to find, no matter when and how often it is looked at (Ville's inequality). So a
look every five seconds costs nothing, and one that reaches ``1 / alpha`` may be acted upon at once. The counts have to
be of requests whose chances of failing do not depend on which side they were sent to, other than through the side.

Sources: Robbins 1970 (mixtures); Ramdas, Grünwald, Vovk and Shafer 2023, "Game-theoretic statistics and safe
anytime-valid inference"; Turner, Ly and Grünwald 2024, "Generic E-variables for exact sequential k-sample tests".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SHIFTS = (0.25, 0.5, 0.9, 1.4, 2.2, 3.5)
"""The increases that are looked for, in log-odds: from a rate of 10 % that is to 12, 15, 21, 31, 50 and 79 %."""

UNLIKELY = 0.1
"""Share of the stake that is put on the supposed common rate being too low, or too high."""

_SMALLEST = 1e-9
_DEVIATIONS = 5.0
_GRID = 24
_NARROWINGS = 16
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Count:
    """So many of ``total`` had it: failed, were slow, got a signal."""

    hits: int
    total: int

    @property
    def rate(self) -> float:
        """The share of hits; 0 of nothing."""
        return self.hits / self.total if self.total else 0.0


def above(count: Count, limit: float) -> float:
    """Return the evidence that the rate behind ``count`` is above ``limit``, in (0, 1)."""
    if not count.total:
        return 0.0
    odds = _logit(limit)
    return _mean([_gain(count, odds, shift) for shift in SHIFTS])


def higher(count: Count, than: Count, *, margin: float = 0.0, share: float = 0.5) -> float:
    """Return the evidence that the rate of ``count`` is higher than that of ``than`` by more than ``margin``.

    ``margin`` is in [0, 1); ``share`` is the part of the requests that ``count``'s side is meant to get. It must not be
    worked out from the counts: it says only where is looked hardest.
    """
    if not count.total or not than.total:
        return 0.0
    null = _Null(count, than, margin, share)
    likely = null.evidence(_logit(_clipped(null.likely)))
    if likely <= 0:
        return likely  # the least over all common rates is lower still
    return min(likely, _least(null.evidence, *null.range))


def uneven(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the evidence that units are not dealt out in these ``shares`` (their sum is 1).

    Lindon and Malek 2022, "Anytime-valid inference for multinomial count data".
    """
    total = sum(counts)
    if not total:
        return 0.0
    certainty = _PRIOR_UNITS
    mixed = math.lgamma(certainty) - math.lgamma(certainty + total)
    mixed += sum(
        math.lgamma(certainty * share + count) - math.lgamma(certainty * share)
        for count, share in zip(counts, shares, strict=True)
    )
    return mixed - sum(count * math.log(share) for count, share in zip(counts, shares, strict=True) if count)


_PRIOR_UNITS = 1000.0
"""How strongly the shares are believed at first, in units; the test is keenest for gaps of about 1/√1000."""


class _Null:
    """All pairs of rates that lie exactly the margin apart: the hardest cases of "not higher"."""

    def __init__(self, count: Count, than: Count, margin: float, share: float) -> None:
        self._count = count
        self._than = than
        self._margin = margin
        # A difference is divided so that the common rate need not be learned: the smaller side takes the larger part.
        # Half of the stake is on sides that turn out to be equal after all.
        self._parts = dict.fromkeys((1 - share, 0.5))
        self._spared = Count(than.total - than.hits, than.total)
        total = count.total + than.total
        self.likely = (count.hits + than.hits - count.total * margin) / total

    @property
    def range(self) -> tuple[float, float]:
        """The common rates worth looking at, as log-odds: five deviations around what was seen."""
        rates = (_seen(self._count) - self._margin, _seen(self._than))
        total = self._count.total + self._than.total
        low, high = _clipped(min(rates)), _clipped(max(rates))
        below = _DEVIATIONS * math.sqrt(low * (1 - low) / total)
        over = _DEVIATIONS * math.sqrt(high * (1 - high) / total) + _DEVIATIONS / total
        return _logit(_clipped(max(low - below, low / 100))), _logit(_clipped(high + over))

    def evidence(self, odds: float) -> float:
        """Return the evidence against the pair whose lower rate has these log-odds.

        Each part of it holds, too, where the one rate is lower than in this pair and the other one higher.
        """
        rate = _rate(odds)
        raised = _clipped(rate + self._margin)
        odds_raised = _logit(raised)
        effect = _mean(
            [
                _gain(self._count, odds_raised, part * shift) + _gain(self._than, odds, (part - 1) * shift)
                for part in self._parts
                for shift in SHIFTS
            ]
        )
        too_low, too_high = above(self._count, raised), above(self._spared, 1 - rate)
        stake = math.log(UNLIKELY / 2)
        return _sum([math.log1p(-UNLIKELY) + effect, stake + too_low, stake + too_high])


def _gain(count: Count, odds: float, shift: float) -> float:
    """Return how much more likely the counts are at ``odds + shift`` than at ``odds``, as a logarithm."""
    return count.hits * shift - count.total * (_softplus(odds + shift) - _softplus(odds))


def _seen(count: Count) -> float:
    return (count.hits + 0.5) / (count.total + 1)


def _clipped(rate: float) -> float:
    return min(max(rate, _SMALLEST), 1 - _SMALLEST)


def _logit(rate: float) -> float:
    return math.log(rate / (1 - rate))


def _rate(odds: float) -> float:
    return _clipped(1 / (1 + math.exp(-odds)))


def _softplus(x: float) -> float:
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))


def _sum(logarithms: Sequence[float]) -> float:
    most = max(logarithms)
    return most + math.log(sum(math.exp(each - most) for each in logarithms))


def _mean(logarithms: Sequence[float]) -> float:
    return _sum(logarithms) - math.log(len(logarithms))


def _least(of: Callable[[float], float], low: float, high: float) -> float:
    """Return the least value between ``low`` and ``high``: the best place of a grid, narrowed by golden sections."""
    step = (high - low) / _GRID
    places = [low + step * index for index in range(_GRID + 1)]
    values = [of(place) for place in places]
    best = min(range(_GRID + 1), key=values.__getitem__)
    low, high = places[max(0, best - 1)], places[min(_GRID, best + 1)]
    for _ in range(_NARROWINGS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if of(left) < of(right):
            high = right
        else:
            low = left
    return min(values[best], of((low + high) / 2))
