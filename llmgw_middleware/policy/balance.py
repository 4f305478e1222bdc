"""Strategies: which of several usable endpoints is next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from llmgw_middleware.policy.endpoint import Endpoint


class Strategy(Protocol):
    """Picks one of ``candidates`` (never empty). It may remember what it picked."""

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,
        chance: float = 0.0,
        key: str | None = None,
        cost: Callable[[Endpoint], float] | None = None,
    ) -> Endpoint:
        """Return the endpoint whose turn it is; see ``Target.lease`` for the words."""
        ...


class Weighted:
    """Smooth weighted round robin: exact proportions over a cycle, and never a burst to one endpoint.

    Each endpoint gains its weight at every pick, the one with the most credit is picked and pays the sum (the
    algorithm nginx uses). Endpoints with weight 0 are picked only when nobody else is a candidate.
    """

    def __init__(self) -> None:
        self._credit: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._credit}>"

    def weight(self, endpoint: Endpoint) -> float:
        """Return the share of ``endpoint``."""
        return endpoint.weight

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,  # noqa: ARG002 - another strategy's
        chance: float = 0.0,  # noqa: ARG002
        key: str | None = None,  # noqa: ARG002
        cost: Callable[[Endpoint], float] | None = None,  # noqa: ARG002
    ) -> Endpoint:
        """Return the candidate with the most credit; declaration order breaks ties."""
        if len(candidates) == 1:
            return candidates[0]
        credit, total, best = self._credit, 0.0, candidates[0]
        most = float("-inf")
        for endpoint in candidates:
            weight = self.weight(endpoint)
            total += weight
            mine = credit[endpoint.name] = credit.get(endpoint.name, 0.0) + weight
            if mine > most and weight > 0:
                most, best = mine, endpoint
        credit[best.name] -= total
        return best


class RoundRobin(Weighted):
    """In order, one after the other; weights are ignored."""

    def weight(self, endpoint: Endpoint) -> float:  # noqa: ARG002 - all are equal
        """Return one."""
        return 1.0


STRATEGIES: dict[str, Callable[[], Strategy]] = {"weighted": Weighted, "round-robin": RoundRobin}
"""By the name in ``strategy:``."""
