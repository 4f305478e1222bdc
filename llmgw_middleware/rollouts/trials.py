"""Canaries and experiments at work: they hear of every request that is over, and every few seconds draw conclusions."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmgw_middleware.callables import function_named
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Side
from llmgw_middleware.model.trial import Canary, Experiment
from llmgw_middleware.policy.experiment import Comparison
from llmgw_middleware.policy.rollout import Change, Rollout, Standing
from llmgw_middleware.policy.split import Dial, Splitter
from llmgw_middleware.rollouts.exposures import Exposure, Exposures
from llmgw_middleware.rollouts.outcomes import outcome_of
from llmgw_middleware.rollouts.standings import Listener, MemoryStandings, Standings
from llmgw_middleware.rollouts.status import canary_status, experiment_status, line

log = logging.getLogger("llmgw")

INTERVAL = 5.0
"""Seconds between two looks."""


class Course:
    """One canary: the machine that judges it, and the split that it moves."""

    def __init__(self, rules: Canary, *, now: float, standing: Standing | None) -> None:
        self.rules = rules
        self.machine = Rollout(rules, now=now, standing=standing)
        self.dial = Dial(_splitter(rules, self.machine.weight))
        self.listener: Listener | None = None

    def turn(self) -> None:
        """Give the canary the share that it has now."""
        self.dial.splitter = _splitter(self.rules, self.machine.weight)


class Kept:
    """What outlives a reload: where canaries stand, and who was on which side."""

    def __init__(self, standings: Standings) -> None:
        self.standings = standings
        self.exposures = Exposures()
        self.lock = threading.RLock()


class Rollouts:
    """The canaries and experiments of one configuration. Thread-safe.

    What goes on unchanged in ``before``, the one of the configuration before, keeps its counts and its place. ``clock``
    gives seconds that do not go backwards. ``listeners`` hear of every change, on a thread of their own.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        before: Rollouts | None = None,
        standings: Standings | None = None,
        listeners: tuple[Listener, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._listeners = listeners
        self.kept: Kept = Kept(standings or MemoryStandings()) if before is None else before.kept
        self.courses = {rules.name: self._course(rules, before) for rules in plan.canaries}
        self.comparisons = {rules.name: _comparison(rules, before) for rules in plan.experiments}
        self._dials = {rules.name: Dial(_dealt(rules)) for rules in plan.experiments}
        self._targets = {
            **{(c.name, "stable"): c.stable for c in plan.canaries},
            **{(c.name, "canary"): c.canary for c in plan.canaries},
            **{(e.name, v.name): v.target for e in plan.experiments for v in e.variants},
        }

    def __repr__(self) -> str:
        return f"<Rollouts [{len(self.courses)} canaries, {len(self.comparisons)} experiments]>"

    def __bool__(self) -> bool:
        return bool(self.courses or self.comparisons)

    def open(self) -> None:
        """Find the functions that ``notify`` names. Raises ValueError for one that is not there."""
        for course in self.courses.values():
            if course.rules.notify is not None and course.listener is None:
                course.listener = function_named(course.rules.notify, key="notify")

    def dial(self, trial: str) -> Dial:
        """Return what divides the route of a canary or experiment."""
        course = self.courses.get(trial)
        return self._dials[trial] if course is None else course.dial

    def finished(self, decision: Decision) -> None:
        """Hear of a request that is over."""
        split = decision.split
        target = None if split is None else self._targets.get((split.name, split.variant))
        if split is None or target is None:
            return
        outcome = outcome_of(decision, target)
        if outcome is None:
            return
        exposure = Exposure(trial=split.name, side=split.variant)
        with self.kept.lock:
            unit = split.key or decision.request_id
            fresh = self.kept.exposures.add(exposure, unit, decision.request_id, decision.identity.id)
            course = self.courses.get(split.name)
            if course is not None:
                course.machine.record("canary" if split.variant == "canary" else "stable", outcome)
            else:
                comparison = self.comparisons[split.name]
                comparison.record(split.variant, outcome)
                comparison.tallies[split.variant].units += fresh

    def signal(
        self, name: str, *, user: str | None = None, request_id: str | None = None, value: float = 1.0
    ) -> int:
        """Count what the application says of an answer; return of how many canaries and experiments it tells.

        Of one request a signal counts once. With ``user`` it is about their last request in each of them.
        """
        with self.kept.lock:
            found = self.kept.exposures.of(name, user=user, request_id=request_id)
            for exposure in found:
                course = self.courses.get(exposure.trial)
                if course is not None:
                    if value > 0:  # a rate is of those who said so
                        course.machine.signal(
                            "canary" if exposure.side == "canary" else "stable", name, value
                        )
                elif (comparison := self.comparisons.get(exposure.trial)) is not None:
                    comparison.signal(exposure.side, name, value)
            return len(found)

    def evaluate(self) -> list[Change]:
        """Draw the conclusions that are due, and act upon them. May be called at any time."""
        with self.kept.lock:
            for comparison in self.comparisons.values():
                comparison.look()
            changes = [self._look(course) for course in self.courses.values()]
        return [change for change in changes if change is not None]

    async def run(self, *_: Any) -> None:
        """Evaluate every few seconds, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                self.evaluate()
            except Exception:
                log.exception("%r could not be evaluated", self)

    def pause(self, name: str) -> Change:
        """Keep a canary's share as it is. Raises LookupError for no such canary, Refused where it cannot be."""
        return self._command(name, lambda machine, now: machine.pause(now))

    def resume(self, name: str) -> Change:
        """Let it go on, after a rollback from its first stage. Raises as ``pause`` does."""
        return self._command(name, lambda machine, now: machine.resume(now))

    def promote(self, name: str) -> Change:
        """Give it its next share now. Raises as ``pause`` does."""
        return self._command(name, lambda machine, now: machine.promote(now))

    def roll_back(self, name: str, reason: str = "by hand") -> Change:
        """Give everything back to stable. Raises as ``pause`` does."""
        return self._command(name, lambda machine, now: machine.roll_back(now, reason))

    def weight(self, name: str) -> float:
        """Return a canary's share, from 0 to 1. Raises LookupError."""
        return self._found(name).machine.weight

    def canaries(self) -> dict[str, dict[str, Any]]:
        """Return everything that is known of each canary, as plain values."""
        with self.kept.lock:
            now = self._clock()
            return {name: canary_status(course.machine, now) for name, course in self.courses.items()}

    def experiments(self) -> dict[str, dict[str, Any]]:
        """Return everything that is known of each experiment, as plain values."""
        with self.kept.lock:
            return {name: experiment_status(comparison) for name, comparison in self.comparisons.items()}

    def _course(self, rules: Canary, before: Rollouts | None) -> Course:
        former = None if before is None else before.courses.get(rules.name)
        if former is not None and former.rules == rules:
            return former
        standing = self._kept(rules.name)
        if former is not None:
            moved = (former.rules.route, former.rules.canary) != (rules.route, rules.canary)
            standing = None if moved else former.machine.standing(self._clock())
        if standing is not None and standing.stage >= len(rules.stages):
            standing = Standing(status=standing.status, stage=len(rules.stages) - 1, epoch=standing.epoch)
        return Course(rules, now=self._clock(), standing=standing)

    def _look(self, course: Course) -> Change | None:
        now, before = self._clock(), course.machine.standing(self._clock())
        kept = self._kept(course.rules.name)
        if kept is not None and kept.epoch > before.epoch:
            course.machine.adopt(kept, now)
            course.turn()
            return None
        change = course.machine.evaluate(now)
        if change is not None:
            self._changed(course, change, before.epoch)
        return change

    def epoch(self, name: str) -> int:
        """Return how often a canary has changed. Raises LookupError."""
        return self._found(name).machine.standing(self._clock()).epoch

    def _command(self, name: str, act: Callable[[Rollout, float], Change]) -> Change:
        with self.kept.lock:
            course = self._found(name)
            before = course.machine.standing(self._clock()).epoch
            change = act(course.machine, self._clock())
            self._changed(course, change, before)
            return change

    def _changed(self, course: Course, change: Change, before: int) -> None:
        course.turn()
        self._keep(course, change, before)
        level = logging.WARNING if change.kind == "rolled_back" else logging.INFO
        log.log(level, "%s", line(change), extra={"llmgw_canary": change.canary, "llmgw_change": change.kind})
        listeners = (*self._listeners, *((course.listener,) if course.listener is not None else ()))
        if listeners:
            threading.Thread(target=_tell, args=(listeners, change), name="llmgw change", daemon=True).start()

    def _keep(self, course: Course, change: Change, before: int) -> None:
        """Save where the canary stands now. Who was slower follows who was faster, but for a rollback, which stands."""
        name, standing = course.rules.name, course.machine.standing(self._clock())
        try:
            while not self.kept.standings.save(name, standing, expected=before):
                kept = self.kept.standings.load(name)
                if kept is None:
                    return
                if change.kind != "rolled_back" or kept.status == "rolled_back":
                    course.machine.adopt(kept, self._clock())
                    course.turn()
                    return
                before, standing = kept.epoch, replace(standing, epoch=kept.epoch + 1)
                course.machine.adopt(standing, self._clock())
        except OSError as error:
            log.error("where canary %s stands cannot be kept: %s", name, error)  # noqa: TRY400 - the reason says it all

    def _kept(self, name: str) -> Standing | None:
        try:
            return self.kept.standings.load(name)
        except OSError as error:
            log.error("where canary %s stands cannot be read: %s", name, error)  # noqa: TRY400 - the reason says it all
            return None

    def _found(self, name: str) -> Course:
        course = self.courses.get(name)
        if course is None:
            from difflib import get_close_matches  # for mistakes only

            near = get_close_matches(name, self.courses, n=1)
            known = (
                f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(self.courses) or 'none'}"
            )
            raise LookupError(f'there is no canary "{name}" ({known})')
        return course


def _tell(listeners: tuple[Listener, ...], change: Change) -> None:
    for listener in listeners:
        try:
            told = listener(change)
            if inspect.iscoroutine(told):
                asyncio.run(told)
        except Exception:
            log.exception("%r failed on %s", listener, line(change))


def _splitter(rules: Canary, weight: float) -> Splitter:
    return Splitter(
        rules.name,
        (
            Side(target=rules.stable, weight=1 - weight, name="stable"),
            Side(target=rules.canary, weight=weight, name="canary"),
        ),
        standby=(rules.stable,),
    )


def _dealt(rules: Experiment) -> Splitter:
    return Splitter(rules.name, [Side(target=v.target, weight=v.weight, name=v.name) for v in rules.variants])


def _comparison(rules: Experiment, before: Rollouts | None) -> Comparison:
    """Go on with an experiment that is as it was; other variants or weights are another experiment."""
    former = None if before is None else before.comparisons.get(rules.name)
    return former if former is not None and former.rules == rules else Comparison(rules)
