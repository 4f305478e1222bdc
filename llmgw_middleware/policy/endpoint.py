"""A backend as balancing sees it: a share, a load, a health."""

from __future__ import annotations

from llmgw_middleware.model.usage import Price
from llmgw_middleware.policy.blocked import Reason
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.health import HealthVerdict

SLOW_START = 30.0
"""Seconds over which an endpoint that recovered comes back to its full share."""

SLOWEST = 0.1
"""The part of its share that it begins with."""


class Endpoint:
    """A backend's place in a target: what is this place's own. What all its places share is its ``condition``."""

    __slots__ = ("condition", "health", "name", "price", "priority", "weight")

    def __init__(
        self,
        name: str,
        *,
        weight: float = 1.0,
        priority: int = 0,
        price: Price | None = None,
        health: HealthVerdict | None = None,
        condition: Condition | None = None,
    ) -> None:
        self.name = name
        self.weight = weight
        self.priority = priority
        self.price = price
        self.health = health
        self.condition = Condition() if condition is None else condition

    def __repr__(self) -> str:
        return f"<Endpoint {self.name} [weight {self.weight:g}, {self.in_flight} in flight, {'healthy' if self.healthy else 'unhealthy'}]>"

    @property
    def in_flight(self) -> int:
        """Leases of the backend, in whatever target."""
        return self.condition.in_flight

    @property
    def healthy(self) -> bool:
        """Whether active checks, where there are any, have not taken it out."""
        return self.health is None or self.health.healthy

    def untroubled(self, now: float) -> bool:
        """Whether there is nothing at all to be looked at: ``usable`` would be None. The quick answer, most of the time."""
        condition, health = self.condition, self.health
        return (
            condition.breaker.closed
            and now >= condition.keys.rested
            and condition.max_in_flight is None
            and (health is None or health.healthy)
        )

    def usable(self, now: float) -> Reason | None:
        """Return why it is not usable; None if it is. ``unhealthy`` only where that is all."""
        why = self.condition.why_not(now)
        return "unhealthy" if why is None and not self.healthy else why

    def retry_after(self, now: float) -> float | None:
        """Return the seconds until it may be usable; None where nobody knows."""
        return self.condition.retry_after(now)

    def share(self, now: float) -> float:
        """Return its weight; after a recovery a part of it that grows from a tenth to the whole in 30 s."""
        recovered = self.condition.breaker.closed_at
        if self.health is not None:
            recovered = max(recovered, self.health.recovered_at)
        since = now - recovered
        if since >= SLOW_START:
            return self.weight
        return self.weight * max(SLOWEST, since / SLOW_START)
