"""A comparison of variants: what each was seen to do, and how sure the differences are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmgw_middleware.model.trial import Experiment
from llmgw_middleware.policy.evidence import Count, higher, uneven
from llmgw_middleware.policy.tally import Moments, Outcome, Tally

Z = 1.96
"""Standard deviations of an interval that holds the truth 95 times in 100."""

MISMATCH = 0.001
"""A p-value of the assignment below which an experiment is not to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measure of one variant: its value with a 95 % interval, of how many.

    ``p`` is the sequential p-value of its difference from the first variant: it holds however often it is looked at.
    None where there is nothing to compare, or nothing was measured.
    """

    measure: str
    value: float | None
    low: float | None
    high: float | None
    count: int
    p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One variant and its figures. ``units`` are different users or sessions."""

    variant: str
    share: float
    requests: int
    units: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an experiment knows. ``mismatch`` is the sequential p-value of the assignment (sample ratio mismatch)."""

    arms: tuple[Arm, ...]
    mismatch: float

    @property
    def trustworthy(self) -> bool:
        """Whether callers were assigned as the weights say."""
        return self.mismatch >= MISMATCH


class Comparison:
    """One experiment. Not thread-safe.

    A p-value is 1 over the largest evidence that was ever seen, so it only falls. ``look`` keeps that up to date.
    """

    def __init__(self, rules: Experiment) -> None:
        self.rules = rules
        total = sum(variant.weight for variant in rules.variants)
        self._shares = {variant.name: variant.weight / total for variant in rules.variants}
        self.tallies = {variant.name: Tally() for variant in rules.variants}
        self._most: dict[tuple[str, str], float] = {}
        self._mismatch = 0.0

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {tally.requests}" for name, tally in self.tallies.items())
        return f"<Comparison {self.rules.name} [{counts}]>"

    def record(self, variant: str, outcome: Outcome) -> None:
        """Count a request that is over."""
        self.tallies[variant].add(outcome)

    def signal(self, variant: str, name: str, value: float) -> None:
        """Count a signal of the application."""
        self.tallies[variant].signal(name, value)

    def look(self) -> None:
        """Take note of the evidence as it is now. May be called at any time and as often as wanted."""
        meant = {name: share for name, share in self._shares.items() if share > 0}
        units = [self.tallies[name].units for name in meant]
        self._mismatch = max(self._mismatch, uneven(units, list(meant.values())))
        first, *others = self.rules.variants
        for variant in others:
            share = self._shares[variant.name]
            between = share / (share + self._shares[first.name])
            for measure, evidence in self._evidence(
                self.tallies[variant.name], self.tallies[first.name], between
            ):
                key = variant.name, measure
                self._most[key] = max(self._most.get(key, 0.0), evidence)

    def report(self) -> Report:
        """Return all figures, after a look."""
        self.look()
        arms = tuple(
            Arm(
                variant=variant.name,
                share=self._shares[variant.name],
                requests=self.tallies[variant.name].requests,
                units=self.tallies[variant.name].units,
                figures=tuple(self._figures(variant.name)),
            )
            for variant in self.rules.variants
        )
        return Report(arms=arms, mismatch=_p(self._mismatch))

    def _evidence(self, of: Tally, than: Tally, share: float) -> Iterator[tuple[str, float]]:
        yield "errors", either(of.failures, than.failures, share)
        yield "p90 latency", _times_differ(of, than, share)
        yield "tokens", means_differ(of.tokens, than.tokens)
        yield "cost", means_differ(of.cost, than.cost)
        for name in dict.fromkeys((*of.signals, *than.signals)):
            yield f"signal {name}", either(of.signalled(name), than.signalled(name), share)

    def _figures(self, variant: str) -> Iterator[Figure]:
        tally = self.tallies[variant]
        yield self._rate(variant, "errors", tally.failures)
        low, high = _around(tally.times.total, 0.9)
        yield Figure(
            measure="p90 latency",
            value=tally.times.quantile(0.9),
            low=tally.times.quantile(low),
            high=tally.times.quantile(high),
            count=tally.times.total,
            p=self._p(variant, "p90 latency"),
        )
        yield self._mean(variant, "tokens", tally.tokens)
        yield self._mean(variant, "cost", tally.cost)
        for name in sorted({name for each in self.tallies.values() for name in each.signals}):
            yield self._rate(variant, f"signal {name}", tally.signalled(name))

    def _rate(self, variant: str, measure: str, count: Count) -> Figure:
        low, high = wilson(count) if count.total else (None, None)
        value = count.rate if count.total else None
        return Figure(
            measure=measure, value=value, low=low, high=high, count=count.total, p=self._p(variant, measure)
        )

    def _mean(self, variant: str, measure: str, numbers: Moments) -> Figure:
        mean = numbers.mean
        reach = Z * math.sqrt(numbers.variance / numbers.count) if numbers.count else 0.0
        return Figure(
            measure=measure,
            value=mean,
            low=None if mean is None else mean - reach,
            high=None if mean is None else mean + reach,
            count=numbers.count,
            p=self._p(variant, measure),
        )

    def _p(self, variant: str, measure: str) -> float | None:
        found = self._most.get((variant, measure))
        return None if found is None else _p(found)


def wilson(count: Count, z: float = Z) -> tuple[float, float]:
    """Return Wilson's interval of a rate. ``count`` is not empty.

    >>> [round(edge, 3) for edge in wilson(Count(10, 100))]
    [0.055, 0.174]
    """
    n, rate = count.total, count.rate
    middle = rate + z * z / (2 * n)
    reach = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def either(one: Count, other: Count, share: float) -> float:
    """Return the evidence that two rates differ, in whichever direction."""
    up, down = higher(one, other, share=share), higher(other, one, share=1 - share)
    most = max(up, down)
    return most + math.log((math.exp(up - most) + math.exp(down - most)) / 2)


def means_differ(one: Moments, other: Moments) -> float:
    """Return the evidence that two means differ: a mixture over differences of a tenth of a standard deviation.

    It holds for many numbers, not for few: below thirty on a side there is none (Johari and others 2022, "Always
    valid inference").
    """
    if min(one.count, other.count) < 30:  # noqa: PLR2004 - where a mean is nearly normal
        return 0.0
    spread = (one.variance + other.variance) / 2
    noise = one.variance / one.count + other.variance / other.count
    if spread <= 0 or noise <= 0:
        return 0.0
    sought = spread / 100
    gap = (one.mean or 0.0) - (other.mean or 0.0)
    return 0.5 * math.log(noise / (noise + sought)) + gap**2 * sought / (2 * noise * (noise + sought))


def _times_differ(of: Tally, than: Tally, share: float) -> float:
    """Return the evidence that more of one side is slower than the time within which nine in ten of both are.

    The time is one of a few fixed ones, whichever tells the most; that costs the logarithm of their number.
    """
    if not of.times.total or not than.times.total:
        return 0.0
    found = [either(of.times.over(edge), than.times.over(edge), share) for edge in _EDGES]
    most = max(found)
    return most + math.log(sum(math.exp(each - most) for each in found) / len(found))


_EDGES: Sequence[int] = range(-240, 321, 20)
"""Buckets of times whose edges are compared: from 9 ms to 560 s, each half as long again as the one before."""


def _around(count: int, share: float) -> tuple[float, float]:
    """Return the shares between which a quantile's true place lies, by Wilson's interval."""
    return wilson(Count(round(share * count), count)) if count else (share, share)


def _p(evidence: float) -> float:
    return min(1.0, math.exp(-evidence))
