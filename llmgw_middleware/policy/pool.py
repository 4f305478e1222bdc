"""Targets: what a rule can name. A single backend is a pool of one that nobody stands in for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmgw_middleware.policy.balance import Strategy
from llmgw_middleware.policy.blocked import Blocked
from llmgw_middleware.policy.endpoint import Endpoint, Lease
from llmgw_middleware.policy.trail import Trail


class Target:
    """A backend or a pool. ``fallback``: after a failure the next member is tried."""

    __slots__ = ("endpoints", "fallback", "is_pool", "name", "strategy")

    def __init__(
        self,
        name: str,
        endpoints: Sequence[Endpoint],
        strategy: Strategy,
        *,
        is_pool: bool = True,
        fallback: bool = False,
    ) -> None:
        self.name = name
        self.endpoints = tuple(endpoints)
        self.strategy = strategy
        self.is_pool = is_pool
        self.fallback = fallback

    def __repr__(self) -> str:
        healthy = sum(e.healthy for e in self.endpoints)
        flying = sum(e.in_flight for e in self.endpoints)
        return f"<Target {self.name} [{healthy} of {len(self.endpoints)} healthy, {flying} in flight]>"

    def lease(
        self,
        *,
        tried: Trail,
        now: float = 0.0,
        chance: float = 0.0,
        key: str | None = None,
        cost: Callable[[Endpoint], float] | None = None,
    ) -> Lease | Blocked:
        """Return a lease of the endpoint whose turn it is, noted in ``tried``; or why there is none.

        ``now`` and ``chance`` in [0, 1) are injected; ``key`` is what ``sticky`` goes by; ``cost`` gives the dollars
        of this request at an endpoint. Endpoints that active checks took out are used only when no other is left: a
        check may be wrong, an answer is better than none.
        """
        fresh = [e for e in self.endpoints if e.name not in tried] if tried else self.endpoints
        if not fresh:
            return Blocked(target=self.name, reason="tried", is_pool=self.is_pool)
        healthy = [e for e in fresh if e.healthy]
        endpoint = self.strategy.pick(healthy or fresh, now=now, chance=chance, key=key, cost=cost)
        tried.add(endpoint.name)
        return Lease(endpoint)

    def repeat(self, endpoint: Endpoint, *, tried: Trail, now: float) -> Lease | Blocked:  # noqa: ARG002 - nothing depends on time yet
        """Return a lease of the same endpoint again, as ``Again`` asks for; or why that cannot be now."""
        tried.add(endpoint.name)
        return Lease(endpoint)

    def other_usable(self, *, tried: Trail, now: float) -> bool:  # noqa: ARG002 - nothing depends on time yet
        """Whether ``lease`` would find somebody."""
        return any(e.name not in tried for e in self.endpoints)

    def passed_over(self, *, now: float = 0.0) -> list[tuple[str, str]]:  # noqa: ARG002 - nothing depends on time yet
        """Return the endpoints that would be skipped now, with the reason."""
        return [(e.name, "unhealthy") for e in self.endpoints if not e.healthy]
