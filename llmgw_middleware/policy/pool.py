"""Targets: what a rule can name. A single backend is a pool of one that nobody stands in for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llmgw_middleware.policy.balance import Strategy
from llmgw_middleware.policy.endpoint import Endpoint, Lease


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

    def lease(self, *, tried: Collection[str]) -> Lease | None:
        """Return a lease of the endpoint whose turn it is, or None when every one has been tried.

        Endpoints that active checks took out are used only when no other is left: a check may be wrong, an answer
        is better than none.
        """
        fresh = [e for e in self.endpoints if e.name not in tried] if tried else self.endpoints
        if not fresh:
            return None
        healthy = [e for e in fresh if e.healthy]
        return Lease(self.strategy.pick(healthy or fresh))

    def passed_over(self) -> list[tuple[str, str]]:
        """Return the endpoints that would be skipped now, with the reason."""
        return [(e.name, "unhealthy") for e in self.endpoints if not e.healthy]
