"""The condition a backend is in, shared by every target it stands in: what it may be sent now, and how it has answered."""

from __future__ import annotations

from collections.abc import Callable

from llmgw_middleware.model.policy import DEFAULT_RETRY, BreakerRules, RetryRules
from llmgw_middleware.policy.blocked import Reason
from llmgw_middleware.policy.breaker import CircuitBreaker
from llmgw_middleware.policy.budget import RetryBudget
from llmgw_middleware.policy.keys import KeyRing
from llmgw_middleware.policy.latency import DecayedMean, Histogram


def _midway() -> float:
    return 0.5


class Condition:
    """One per backend. It outlives a reload that leaves the backend as it was.

    ``keys``: how many credentials it has (0 counts as one). ``max_in_flight``: requests at once, None for any number.
    ``context_window``: tokens, None where nobody said. ``chance`` returns a number in [0, 1), for the jitter of the
    breaker's sleep.
    """

    __slots__ = (
        "breaker",
        "budget",
        "context_window",
        "in_flight",
        "keys",
        "latency",
        "max_in_flight",
        "pace",
        "timed",
    )

    def __init__(
        self,
        *,
        breaker: BreakerRules = BreakerRules(),
        retry: RetryRules = DEFAULT_RETRY,
        keys: int = 1,
        max_in_flight: int | None = None,
        context_window: int | None = None,
        chance: Callable[[], float] = _midway,
    ) -> None:
        self.breaker = CircuitBreaker(breaker, chance=chance)
        self.budget = RetryBudget(retry)
        self.keys = KeyRing(max(1, keys))
        self.latency = Histogram()
        self.pace = DecayedMean()
        self.max_in_flight = max_in_flight
        self.context_window = context_window
        self.in_flight = 0
        self.timed = True
        """Whether anybody asks how fast it answers; else ``latency`` and ``pace`` are not kept."""

    def __repr__(self) -> str:
        most = "" if self.max_in_flight is None else f" of {self.max_in_flight}"
        return f"<Condition [{self.in_flight}{most} in flight] {self.breaker!r} {self.keys!r}>"

    def why_not(self, now: float) -> Reason | None:
        """Return what forbids a request now; None if nothing does."""
        if not self.breaker.would_admit(now):
            return "open"
        if not self.keys.usable(now):
            return "cooling"
        if self.max_in_flight is not None and self.in_flight >= self.max_in_flight:
            return "full"
        return None

    def retry_after(self, now: float) -> float | None:
        """Return the seconds until breaker and keys allow a request; None where only a place in flight is missing."""
        wait = max(self.breaker.retry_after(now), self.keys.until(now) - now)
        return wait if wait > 0 else None
