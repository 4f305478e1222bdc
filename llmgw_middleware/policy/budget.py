"""How many repeats a backend is sent: a share of its requests, so that failure does not multiply the load."""

from __future__ import annotations

from llmgw_middleware.model.policy import DEFAULT_RETRY, RetryRules
from llmgw_middleware.policy.window import RollingWindow

SPAN = 10.0
"""Seconds over which requests and repeats are compared."""

_REQUESTS, _REPEATS = 0, 1


class RetryBudget:
    """One per backend. In any ten seconds: repeats ≤ max(``budget_minimum`` a second, ``budget_ratio`` × requests).

    What ``rules`` do not say is as in ``DEFAULT_RETRY``. The ten seconds go by in steps of one.
    """

    __slots__ = ("_minimum", "_ratio", "_window")

    def __init__(self, rules: RetryRules = DEFAULT_RETRY) -> None:
        full = rules.over(DEFAULT_RETRY)
        self._ratio = full.budget_ratio or 0.0
        self._minimum = (full.budget_minimum or 0.0) * SPAN
        self._window = RollingWindow(SPAN, counters=2)

    def __repr__(self) -> str:
        requests, repeats = self._window.totals
        return f"<RetryBudget [{repeats} of {self._allowed():g} repeats, {requests} requests]>"

    def request(self, now: float) -> None:
        """Count a request's first attempt at this backend."""
        self._window.advance(now)
        self._window.add(_REQUESTS)

    def admit(self, now: float) -> bool:
        """Take one repeat, if there is one left."""
        self._window.advance(now)
        if self._window.totals[_REPEATS] + 1 > self._allowed():
            return False
        self._window.add(_REPEATS)
        return True

    def _allowed(self) -> float:
        return max(self._minimum, self._ratio * self._window.totals[_REQUESTS])
