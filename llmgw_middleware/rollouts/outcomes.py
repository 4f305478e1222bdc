"""What one request says of the side of a split that it was on."""

from __future__ import annotations

from llmgw_middleware.model.decision import Attempt, Decision
from llmgw_middleware.model.fault import FaultKind
from llmgw_middleware.policy.tally import Outcome

CALLERS_OWN = frozenset(
    kind.value for kind in (FaultKind.CONTENT_FILTER, FaultKind.CONTEXT_LENGTH, FaultKind.REFUSED)
)
"""Faults of the request itself: they say nothing about who answered."""


def outcome_of(decision: Decision, target: str) -> Outcome | None:
    """Return what a finished request says of ``target``, the backend or pool of its side; None if nothing.

    What the gateway estimates without asking anybody says nothing. It failed there if another target had to answer, or none could; also where the side could not be asked at all.
    """
    attempts = [attempt for attempt in decision.attempts if attempt.target == target]
    if not attempts:
        return None if decision.outcome == "cancelled" else Outcome(failed=True)
    last = attempts[-1]
    if last is not decision.attempts[-1]:
        return Outcome(failed=_failed(last))
    if not last.asked:
        return None
    return Outcome(
        failed=_failed(last) if decision.first_token is None else decision.outcome == "truncated",
        latency=_latency(decision, last),
        tokens=None if decision.usage is None else decision.usage.input + decision.usage.output,
        cost=decision.cost,
    )


def _failed(attempt: Attempt) -> bool | None:
    if attempt.outcome in CALLERS_OWN or attempt.outcome == "cancelled":
        return None
    return attempt.outcome != "served"


def _latency(decision: Decision, last: Attempt) -> float | None:
    """Return the seconds that a caller waited: to the first content, to the whole answer, or until they gave up."""
    if decision.first_token is not None:
        return decision.first_token
    return decision.duration if last.outcome in ("served", "cancelled") else None
