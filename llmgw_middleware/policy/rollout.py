"""A canary on its way through its stages: when it gets more, and when it is taken back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from llmgw_middleware.model.trial import Canary
from llmgw_middleware.policy.evidence import Count, above, higher
from llmgw_middleware.policy.tally import Outcome, Spread, Tally, buckets_above

ALPHA = 0.01
"""Chance that a canary that is no worse than stable is ever taken back, over all stages and rules together."""

P90 = 0.9

Side = Literal["stable", "canary"]
Status = Literal["running", "paused", "rolled_back", "completed"]
Kind = Literal["started", "promoted", "paused", "resumed", "rolled_back", "completed"]


class Refused(ValueError):
    """What was asked of a canary cannot be done in its present state. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a canary stands: what a store keeps. ``elapsed`` is seconds in the stage, pauses left out.

    ``epoch`` grows with every change, so that of two that are made at once one is refused.
    """

    status: Status = "running"
    stage: int = 0
    elapsed: float = 0.0
    epoch: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happened to a canary. ``weight`` is its share from now on."""

    canary: str
    kind: Kind
    stage: int
    weight: float
    reason: str
    by: Literal["policy", "hand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule and what is known about it.

    ``canary`` and ``stable`` are rates, or seconds; ``limit`` is what the canary may not exceed. ``evidence`` is the
    logarithm of an e-value: from ``needed`` on the canary is taken back.
    """

    rule: str
    canary: float | None
    stable: float | None
    limit: float | None
    evidence: float
    needed: float

    @property
    def broken(self) -> bool:
        """Whether the canary has to go."""
        return self.evidence >= self.needed

    @property
    def doubtful(self) -> bool:
        """Whether more speaks against the canary than for it: it gets no more traffic now."""
        return self.evidence > 0


class Rollout:
    """One canary. Not thread-safe; ``now`` is seconds on any clock that does not go backwards.

    Requests are counted from the beginning of a stage. The chance of a false alarm is divided among the stages and the
    rules, so that it is at most ``ALPHA`` for the whole way.
    """

    def __init__(self, rules: Canary, *, now: float, standing: Standing | None = None) -> None:
        self.rules = rules
        self._standing = standing or Standing()
        self._resumed = now
        self.stable = Tally()
        self.canary = Tally()

    def __repr__(self) -> str:
        standing = self._standing
        return (
            f"<Rollout {self.rules.name} [{standing.status}, stage {standing.stage + 1} of {len(self.rules.stages)}, "
            f"{self.weight:.4g}]>"
        )

    @property
    def weight(self) -> float:
        """The canary's share of the route, from 0 to 1."""
        return 0.0 if self._standing.status == "rolled_back" else self._share

    @property
    def status(self) -> Status:
        """Whether it is under way."""
        return self._standing.status

    def standing(self, now: float) -> Standing:
        """Return what to keep of it."""
        return replace(self._standing, elapsed=self._elapsed(now))

    def record(self, side: Side, outcome: Outcome) -> None:
        """Count a request that is over."""
        (self.canary if side == "canary" else self.stable).add(outcome)

    def signal(self, side: Side, name: str, value: float) -> None:
        """Count a signal of the application."""
        (self.canary if side == "canary" else self.stable).signal(name, value)

    def adopt(self, standing: Standing, now: float) -> None:
        """Take up where somebody else has moved the canary to. Another stage is counted afresh."""
        moved = (standing.stage, standing.status == "rolled_back") != (
            self._standing.stage,
            self.status == "rolled_back",
        )
        self._standing, self._resumed = standing, now
        if moved:
            self.stable, self.canary = Tally(), Tally()

    def findings(self) -> tuple[Finding, ...]:
        """Return what each rule says of the stage so far."""
        needed = math.log(len(self.rules.stages) * self._rules_in_force / ALPHA)
        return tuple(self._findings(needed))

    def evaluate(self, now: float) -> Change | None:
        """Look at what has been counted; return what follows from it, if anything.

        May be called at any time and as often as wanted. A paused canary is not promoted, but still taken back.
        """
        if self.status not in ("running", "paused"):
            return None
        findings = self.findings()
        broken = [finding for finding in findings if finding.broken]
        if broken:
            return self._change("rolled_back", now, reason="; ".join(map(told, broken)), by="policy")
        if self.status == "paused" or self._elapsed(now) < self.rules.stage_duration:
            return None
        if self.canary.judged < self.rules.rollback.min_requests or any(f.doubtful for f in findings):
            return None
        return self._advance(now, reason="the stage passed without objection", by="policy")

    def waiting_for(self, now: float) -> str:
        """Say in a few words what has to happen before the next stage."""
        if self.status != "running":
            return self._standing.reason or self.status
        left = self.rules.stage_duration - self._elapsed(now)
        missing = self.rules.rollback.min_requests - self.canary.judged
        doubts = [told(finding) for finding in self.findings() if finding.doubtful]
        parts = [f"{left:.0f} s of the stage"] if left > 0 else []
        parts += [f"{missing} more requests on the canary"] if missing > 0 else []
        parts += [f"doubts to clear: {doubt}" for doubt in doubts]
        return ", ".join(parts) or "the next look"

    def pause(self, now: float) -> Change:
        """Keep the share as it is. Raises Refused unless it is running."""
        self._expect("running", to="be paused")
        return self._change("paused", now, by="hand")

    def resume(self, now: float) -> Change:
        """Go on after a pause, or from the first stage after a rollback. Raises Refused in any other state."""
        self._expect("paused", "rolled_back", to="be resumed")
        again = self.status == "rolled_back"
        return self._change("resumed", now, stage=0 if again else None, restart=again, by="hand")

    def promote(self, now: float) -> Change:
        """Go to the next stage now, or complete it in the last one. Raises Refused unless running or paused."""
        self._expect("running", "paused", to="be promoted")
        return self._advance(now, reason="by hand", by="hand")

    def roll_back(self, now: float, reason: str = "by hand") -> Change:
        """Give everything back to stable. Raises Refused if that has been done."""
        self._expect("running", "paused", "completed", to="be rolled back")
        return self._change("rolled_back", now, reason=reason, by="hand")

    @property
    def _share(self) -> float:
        return self.rules.stages[min(self._standing.stage, len(self.rules.stages) - 1)]

    @property
    def _rules_in_force(self) -> int:
        rules = self.rules.rollback
        limits = (rules.max_error_rate, rules.max_error_rate_increase, rules.max_latency_increase)
        return max(1, sum(limit is not None for limit in limits) + len(rules.signals))

    def _elapsed(self, now: float) -> float:
        passed = max(0.0, now - self._resumed) if self.status == "running" else 0.0
        return self._standing.elapsed + passed

    def _findings(self, needed: float) -> Iterator[Finding]:
        rules, canary, stable = self.rules.rollback, self.canary.failures, self.stable.failures
        if rules.max_error_rate is not None:
            evidence = above(canary, rules.max_error_rate)
            yield _rates(
                "error rate", canary, stable, limit=rules.max_error_rate, evidence=evidence, needed=needed
            )
        if rules.max_error_rate_increase is not None:
            yield self._increase("error rate increase", canary, stable, rules.max_error_rate_increase, needed)
        if rules.max_latency_increase is not None:
            yield self._latency(rules.max_latency_increase, needed)
        for name, margin in rules.signals.items():
            with_it, without = self.canary.signalled(name), self.stable.signalled(name)
            yield self._increase(f"signal {name}", with_it, without, margin, needed)

    def _increase(self, rule: str, canary: Count, stable: Count, margin: float, needed: float) -> Finding:
        evidence = higher(canary, stable, margin=margin, share=self._share)
        return _rates(rule, canary, stable, limit=stable.rate + margin, evidence=evidence, needed=needed)

    def _latency(self, increase: float, needed: float) -> Finding:
        canary, stable = self.canary.times, self.stable.times
        p90 = stable.quantile(P90)
        return Finding(
            rule="p90 latency increase",
            canary=canary.quantile(P90),
            stable=p90,
            limit=None if p90 is None else p90 * (1 + increase),
            evidence=slower(canary, stable, increase),
            needed=needed,
        )

    def _advance(self, now: float, *, reason: str, by: Literal["policy", "hand"]) -> Change:
        last = self._standing.stage >= len(self.rules.stages) - 1
        if last:
            return self._change("completed", now, reason=reason, by=by)
        stage, status = self._standing.stage + 1, self.status
        return self._change("promoted", now, stage=stage, restart=True, status=status, reason=reason, by=by)

    def _expect(self, *allowed: Status, to: str) -> None:
        if self.status not in allowed:
            state = self.status.replace("_", " ")
            raise Refused(f"canary {self.rules.name!r} is {state}: it cannot {to}")

    def _change(
        self,
        kind: Kind,
        now: float,
        *,
        by: Literal["policy", "hand"],
        stage: int | None = None,
        restart: bool = False,
        status: Status | None = None,
        reason: str = "",
    ) -> Change:
        self._standing = Standing(
            status=status or _STATUS[kind],
            stage=self._standing.stage if stage is None else stage,
            elapsed=0.0 if restart else self._elapsed(now),
            epoch=self._standing.epoch + 1,
            reason=reason,
        )
        self._resumed = now
        if restart:
            self.stable, self.canary = Tally(), Tally()
        return Change(
            canary=self.rules.name,
            kind=kind,
            stage=self._standing.stage,
            weight=self.weight,
            reason=reason,
            by=by,
        )


_STATUS: dict[Kind, Status] = {
    "started": "running",
    "promoted": "running",
    "paused": "paused",
    "resumed": "running",
    "rolled_back": "rolled_back",
    "completed": "completed",
}


def slower(canary: Spread, stable: Spread, increase: float) -> float:
    """Return the evidence that the canary's p90 is longer than stable's by more than ``increase``.

    Two claims together say so for some time T: nine in ten of stable's requests take at most T, and more than one in
    ten of the canary's take longer than T and the increase. Both move in one direction with T, so that looking for the
    best T costs nothing; each has half of the chance of a false alarm.
    """
    steps = stable.cumulated()
    if not steps or not canary.total:
        return 0.0
    further = buckets_above(increase)
    low, high = 0, len(steps) - 1
    best = -math.inf
    while low <= high:
        middle = (low + high) // 2
        bucket, reached = steps[middle]
        quick = above(Count(reached, stable.total), P90)
        late = above(canary.over(bucket + further), 1 - P90)
        best = max(best, min(quick, late))
        if quick < late:
            low = middle + 1
        else:
            high = middle - 1
    return best - math.log(2)


def told(finding: Finding) -> str:
    """Return a finding as people read it.

    >>> told(Finding(rule="error rate", canary=0.3, stable=0.1, limit=0.2, evidence=5.0, needed=4.6))
    'error rate 30 % (stable 10 %, limit 20 %)'
    """
    if "latency" in finding.rule:
        shown = [_seconds(value) for value in (finding.canary, finding.stable, finding.limit)]
    else:
        shown = [_percent(value) for value in (finding.canary, finding.stable, finding.limit)]
    return f"{finding.rule} {shown[0]} (stable {shown[1]}, limit {shown[2]})"


def _rates(
    rule: str, canary: Count, stable: Count, *, limit: float, evidence: float, needed: float
) -> Finding:
    return Finding(
        rule=rule,
        canary=canary.rate if canary.total else None,
        stable=stable.rate if stable.total else None,
        limit=limit,
        evidence=evidence,
        needed=needed,
    )


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value * 100:.3g} %"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g} s"
