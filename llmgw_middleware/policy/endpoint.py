"""A backend as balancing sees it: a share, a load, a health."""

from __future__ import annotations

from llmgw_middleware.model.fault import Fault
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
    """The right to use an endpoint for one attempt, counted until ``release`` (idempotent).

    ``key_index`` says which of the backend's ``api_keys`` is to be sent (0 where there is none or one).
    """

    __slots__ = ("_open", "endpoint", "key_index")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.key_index = 0
        self._open = True
        endpoint.in_flight += 1

    def __repr__(self) -> str:
        return f"<Lease of {self.endpoint.name}, {'held' if self._open else 'returned'}>"

    def succeeded(self, now: float, first_token: float | None) -> None:
        """Note that the attempt committed. ``first_token``: seconds to the first content (not streaming: to the whole answer). The lease stays held."""

    def truncated(self, now: float) -> None:
        """Note that a stream that had committed did not reach its end: one failure, if the request has counted none here yet."""

    def failed(self, fault: Fault, now: float) -> None:
        """Note that the attempt failed: tell breaker, key and budget what ``classify`` says follows. The lease stays held."""

    def release(self) -> None:
        """Give it back. Without ``succeeded`` or ``failed`` before, the attempt is neutral (the caller left)."""
        if self._open:
            self._open = False
            self.endpoint.in_flight -= 1
