"""A backend as balancing sees it: a share, a load, a health."""

from __future__ import annotations

from llmgw_middleware.policy.health import HealthVerdict


class Endpoint:
    """A backend's place in a target. ``in_flight`` counts its leases."""

    __slots__ = ("health", "in_flight", "name", "weight")

    def __init__(self, name: str, *, weight: float = 1.0, health: HealthVerdict | None = None) -> None:
        self.name = name
        self.weight = weight
        self.in_flight = 0
        self.health = health

    def __repr__(self) -> str:
        return f"<Endpoint {self.name} [weight {self.weight:g}, {self.in_flight} in flight, {'healthy' if self.healthy else 'unhealthy'}]>"

    @property
    def healthy(self) -> bool:
        """Whether active checks, where there are any, have not taken it out."""
        return self.health is None or self.health.healthy


class Lease:
    """The right to use an endpoint for one attempt, counted until ``release`` (idempotent)."""

    __slots__ = ("_open", "endpoint")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._open = True
        endpoint.in_flight += 1

    def __repr__(self) -> str:
        return f"<Lease of {self.endpoint.name}, {'held' if self._open else 'returned'}>"

    def release(self) -> None:
        """Give it back."""
        if self._open:
            self._open = False
            self.endpoint.in_flight -= 1
