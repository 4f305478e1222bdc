"""Targets: what a rule can name. A single backend is a pool of one that nobody stands in for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from llmgw_middleware.policy.balance import Cost, Strategy
from llmgw_middleware.policy.blocked import Blocked, Reason
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.trail import Trail

EARLY = 0.001
"""Seconds by which a timer may fire too soon: a rest that was waited for ends no later than the wait."""


class Target:
    """A backend or a pool. ``fallback``: after a failure the next member is tried.

    An endpoint is usable when its breaker admits, a key of it does not rest, it is below ``maxInFlight``, it is
    healthy, and the request may ask it. Members are considered in groups by their ``priority``, lower first: a group
    serves only when nobody of those before it is usable.
    """

    __slots__ = ("_groups", "endpoints", "fallback", "is_pool", "name", "strategy")

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
        in_order = sorted(self.endpoints, key=_priority)
        self._groups = tuple(tuple(group) for _, group in groupby(in_order, key=_priority))

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
        cost: Cost | None = None,
    ) -> Lease | Blocked:
        """Return a lease of the endpoint whose turn it is, noted in ``tried``; or why there is none.

        ``now`` and ``chance`` in [0, 1) are injected; ``key`` is what ``sticky`` goes by; ``cost`` gives the dollars
        of this request at an endpoint. Endpoints that only active checks took out are used when no other is left: a
        check may be wrong, an answer is better than none. Cooling and open ones are never forced.
        """
        candidates = self._candidates(tried, now)
        if not candidates:
            return self._blocked(self.endpoints, tried, now)
        endpoint = candidates[0]
        if len(candidates) > 1:
            endpoint = self.strategy.pick(candidates, now=now, chance=chance, key=key, cost=cost)
        return self._lease(endpoint, tried, now) or self._blocked(self.endpoints, tried, now)

    def repeat(self, endpoint: Endpoint, *, tried: Trail, now: float) -> Lease | Blocked:
        """Return a lease of the same endpoint again, as ``Again`` asks for; or why that cannot be now."""
        if endpoint.condition.why_not(now + EARLY) is not None:
            return self._blocked((endpoint,), Trail(), now)
        return self._lease(endpoint, tried, now + EARLY) or self._blocked((endpoint,), Trail(), now)

    def other_usable(self, *, tried: Trail, now: float) -> bool:
        """Whether ``lease`` would find somebody."""
        return any(_why_not(e, tried, now) in _POSSIBLE for e in self.endpoints)

    def passed_over(self, *, now: float = 0.0) -> list[tuple[str, Reason]]:
        """Return the endpoints that would be skipped now by a request that has asked nobody yet, with the reason."""
        return [(e.name, why) for e in self.endpoints if (why := e.usable(now)) is not None]

    def _candidates(self, tried: Trail, now: float) -> Sequence[Endpoint]:
        """Return the first group with usable members; in panic, the first with members that are only unhealthy."""
        panic: Sequence[Endpoint] = ()
        for group in self._groups:
            if not tried.begun and _untroubled(group, now):
                return group
            usable: list[Endpoint] = []
            unhealthy: list[Endpoint] = []
            for endpoint in group:
                why = _why_not(endpoint, tried, now)
                if why is None:
                    usable.append(endpoint)
                elif why != "tried":
                    tried.note(endpoint.name, why)
                    if why == "unhealthy":
                        unhealthy.append(endpoint)
            if usable:
                return usable
            panic = panic or unhealthy
        return panic

    def _lease(self, endpoint: Endpoint, tried: Trail, now: float) -> Lease | None:
        permit, key = endpoint.condition.breaker.admit(now), endpoint.condition.keys.pick(now)
        if permit is None or key is None:
            return None
        stand_ins = self.endpoints if self.fallback else ()
        tried.add(endpoint.name)
        return Lease(endpoint, trail=tried, permit=permit, key_index=key, stand_ins=stand_ins)

    def _blocked(self, endpoints: Sequence[Endpoint], tried: Trail, now: float) -> Blocked:
        soonest = min(_waits(endpoints, tried, now), default=None)
        return Blocked(
            target=self.name,
            reason="tried" if soonest is None else soonest[1],
            retry_after=None if soonest is None or soonest[0] == _UNKNOWN else soonest[0],
            passed_over=tuple(
                (e.name, why) for e in endpoints if (why := _why_not(e, tried, now)) is not None
            ),
            is_pool=self.is_pool,
        )


_POSSIBLE = (None, "unhealthy")
_UNKNOWN = float("inf")


def _priority(endpoint: Endpoint) -> int:
    return endpoint.priority


def _untroubled(endpoints: Sequence[Endpoint], now: float) -> bool:
    for endpoint in endpoints:  # noqa: SIM110 - all() with a generator takes twice as long, for every request
        if not endpoint.untroubled(now):
            return False
    return True


def _why_not(endpoint: Endpoint, tried: Trail, now: float) -> Reason | None:
    """Return why this request cannot be sent to ``endpoint`` now."""
    if endpoint.name in tried:
        return "tried"
    least = tried.larger_than
    if least is not None and (endpoint.condition.context_window or 0) <= least:
        return "small"
    return endpoint.usable(now)


def _waits(endpoints: Sequence[Endpoint], tried: Trail, now: float) -> Iterator[tuple[float, Reason]]:
    """Yield how long each endpoint that time may free is held back, and by what."""
    for endpoint in endpoints:
        why = _why_not(endpoint, tried, now)
        if why in ("cooling", "open", "full"):
            wait = endpoint.retry_after(now)
            yield _UNKNOWN if wait is None else wait, why
