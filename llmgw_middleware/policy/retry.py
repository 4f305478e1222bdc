"""What comes after a failed attempt.

One machine for each target of a request. It is told of a fault and answers with one of five moves:

    Again        the same backend, after a wait        (a backend that stands alone, a pool without fallback)
    NextBackend  another member of the pool, at once   (each member once, even beyond ``maxAttempts``)
    NextRound    the pool from the start, after a wait (everybody was asked, and attempts remain)
    NextTarget   the next target of the list, at once
    GiveUp       nobody would answer differently

NextBackend is considered first, then Again or NextRound, then NextTarget. What a fault allows is in the rows of
``classify``; what ``retryOn``, ``maxAttempts``, hints and the deadline allow is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.policy import DEFAULT_RETRY, RetryRules
from llmgw_middleware.policy.backoff import delay
from llmgw_middleware.policy.blocked import Blocked
from llmgw_middleware.policy.classify import LONGEST_HINT, VERDICTS, Verdict, error_for, hint_of
from llmgw_middleware.policy.trail import Trail


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the same backend once more in ``after`` seconds: ``Target.repeat``."""

    after: float


@dataclass(frozen=True, slots=True)
class NextBackend:
    """Ask another member of the same target at once: ``Target.lease``."""


@dataclass(frozen=True, slots=True)
class NextRound:
    """Everybody was asked. Begin again in ``after`` seconds: ``Target.lease``, with those that may be asked again."""

    after: float


@dataclass(frozen=True, slots=True)
class NextTarget:
    """This target is finished with; the next in the list is asked."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody else would answer differently. ``error`` is what the caller is told."""

    error: GatewayError


Move = Again | NextBackend | NextRound | NextTarget | GiveUp
_NEXT_BACKEND, _NEXT_TARGET = NextBackend(), NextTarget()

_STATUS_OF: dict[FaultKind, int] = {
    FaultKind.RATE_LIMITED: 429,
    FaultKind.OVERLOADED: 503,
    FaultKind.FAILED: 500,
    FaultKind.RESET: 502,
    FaultKind.TRUNCATED: 502,
}
"""What ``retryOn`` is asked for a fault that came without a status: in a stream, or as a broken connection."""

_ERRORS_FROM = 400


def _never() -> bool:
    return False


class RetryMachine:
    """The course of one request through one target.

    ``rules``: the route's over the backend's over the policy's. ``fallback``: the target is a pool whose members stand
    in for one another. ``has_next_target``: the list goes on. ``trail`` is the request's own; the machine bars in it whom this
    request must not ask again. ``on_content_filter`` is the route's.
    """

    __slots__ = ("_attempts", "_fallback", "_filter_moves", "_last", "_ready", "_repeats", "_rules", "_trail")

    def __init__(
        self,
        rules: RetryRules = DEFAULT_RETRY,
        *,
        fallback: bool,
        has_next_target: bool = True,
        trail: Trail | None = None,
        on_content_filter: Literal["stop", "next"] = "stop",
    ) -> None:
        self._rules = rules if rules.complete else rules.over(DEFAULT_RETRY)
        self._fallback = fallback
        self._last = not has_next_target
        self._trail = Trail() if trail is None else trail
        self._filter_moves = on_content_filter == "next"
        self._attempts = 0
        self._repeats = 0
        self._ready: dict[str, float | None] = {}

    def __repr__(self) -> str:
        return (
            f"<RetryMachine [{self._attempts} of {self._rules.max_attempts} attempts, {self._repeats} repeats,"
            f" again possible: {', '.join(sorted(self._ready)) or 'nobody'}]>"
        )

    def record(
        self,
        fault: Fault,
        *,
        backend: str = "",
        now: float = 0.0,
        chance: float = 0.0,
        deadline: float = float("inf"),
        replay_safe: bool = False,
        other_usable: bool = True,
        key_usable: bool = False,
        budget_ok: Callable[[], bool] = _never,
    ) -> Move:
        """Take the fault of the last attempt, made at ``backend``, and say what is next.

        ``chance`` in [0, 1) draws the jitter. ``deadline`` is the request's end on the clock of ``now``.
        ``replay_safe``: the request may be sent again after an upstream may have acted upon it. ``other_usable``: what
        ``Target.other_usable`` says. ``key_usable``: the backend has another key that is not resting. ``budget_ok``
        takes one repeat from the failed backend's budget; it is called last, and only when the repeat will be made.
        """
        verdict = VERDICTS[fault.kind]
        error = self._trail.error = error_for(fault)
        self._attempts += 1
        self._note(fault, verdict, backend, now, replay_safe=replay_safe, key_usable=key_usable)
        other = verdict.other or (self._filter_moves and fault.kind is FaultKind.CONTENT_FILTER)
        if not other or now >= deadline:
            return GiveUp(error)
        first_round = self._repeats == 0
        if self._fallback and other_usable and first_round:
            return _NEXT_BACKEND
        if self._attempts < (self._rules.max_attempts or 1):
            if self._fallback and other_usable:
                return _NEXT_BACKEND if budget_ok() else self._onward()
            after = self._wait(now, chance)
            if after is not None and self._worth_waiting(after, now, deadline) and budget_ok():
                return self._repeat(after)
        return self._onward()

    def blocked(self, blocked: Blocked) -> NextTarget | GiveUp:
        """Say what is next when nobody of the target could be leased.

        What a backend answered comes before what kept others from being asked; of those, the one that may be over first.
        """
        error, before = blocked.error(), self._trail.error
        if before is None or (not self._trail.seen and _hint(error) < _hint(before)):
            self._trail.error = error
        return self._onward()

    def _note(
        self, fault: Fault, verdict: Verdict, backend: str, now: float, *, replay_safe: bool, key_usable: bool
    ) -> None:
        """Keep whether, and from when on, ``backend`` may be asked again."""
        if not self._repeatable(fault, verdict, replay_safe=replay_safe):
            self._ready.pop(backend, None)
            self._trail.bar(backend)
        elif verdict.cooldown == "hint" and key_usable:
            self._ready[backend] = now
        else:
            hint = hint_of(fault)
            self._ready[backend] = None if hint is None else now + hint

    def _repeatable(self, fault: Fault, verdict: Verdict, *, replay_safe: bool) -> bool:
        if not verdict.same or (verdict.elsewhere_first and not self._last):
            return False
        if not verdict.sent:
            return True  # "failures before anything was sent are always retriable"
        return (replay_safe or not verdict.replay) and _status(fault) in (self._rules.retry_on or ())

    def _wait(self, now: float, chance: float) -> float | None:
        """Return the seconds until somebody may be asked again: a hint replaces the computed delay. None: nobody."""
        if not self._ready:
            return None
        computed = delay(self._rules, self._repeats + 1, chance=chance)
        return min(computed if ready is None else max(0.0, ready - now) for ready in self._ready.values())

    def _worth_waiting(self, after: float, now: float, deadline: float) -> bool:
        """Whether to wait. Longer than ``maxInterval`` is a hint's wish, followed only if there is nobody else."""
        if now + after >= deadline or after > LONGEST_HINT:
            return False
        return self._last or after <= (self._rules.max_interval or 0.0)

    def _repeat(self, after: float) -> Again | NextRound:
        self._repeats += 1
        if not self._fallback:
            return Again(after)
        self._trail.further_round()
        return NextRound(after)

    def _onward(self) -> NextTarget | GiveUp:
        self._trail.leave()
        if self._last and self._trail.error is not None:
            return GiveUp(self._trail.error)
        return _NEXT_TARGET


def _status(fault: Fault) -> int | None:
    """Return the status that ``retryOn`` is asked about."""
    if fault.status is not None and fault.status >= _ERRORS_FROM:
        return fault.status
    return _STATUS_OF.get(fault.kind)


def _hint(error: GatewayError) -> float:
    return float("inf") if error.retry_after is None else error.retry_after
