"""Strategies: which of several usable endpoints is next.

Each is a class of its own with one method. What they know of an endpoint they read from it; what they remember is
whose turn it is, and nothing about requests.

    round-robin        in order; weights are ignored
    weighted           by weight, smoothly; slowly after a recovery
    latency            the lowest P90 of the last minute; the unknown are explored
    cost               the lowest price of this request; ties by weight
    least-connections  the fewest in flight for its weight; ties at random
    p2c                the better of two at random, by in-flight × mean time
    sticky             by a key that always falls on the same endpoint

An endpoint of weight 0 is picked only when there is no other, but by round-robin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import mmh3

from llmgw_middleware.policy.endpoint import Endpoint

Cost = Callable[[Endpoint], float]
"""Dollars that this request is expected to cost at an endpoint."""

EXPLORED = 0.02
"""The share of picks that goes to endpoints whose speed is not known."""

_SAME = 1 + 1e-9
"""Costs that differ by less are the same sum, added up in another order."""


class Strategy(Protocol):
    """Picks one of ``candidates`` (never empty). It may remember what it picked.

    ``by_key``, ``by_cost`` and ``by_time`` say whether it looks at ``key``, at ``cost`` and at how fast endpoints
    answered: what nobody looks at is not worked out.
    """

    by_key: bool
    by_cost: bool
    by_time: bool

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,
        chance: float = 0.0,
        key: str | None = None,
        cost: Cost | None = None,
    ) -> Endpoint:
        """Return the endpoint whose turn it is; see ``Target.lease`` for the words."""
        ...


class Weighted:
    """Smooth weighted round robin: exact proportions over a cycle, and never a burst to one endpoint.

    Each endpoint gains its share at every pick, the one with the most credit is picked and pays the sum (the
    algorithm nginx uses). An endpoint that has recovered gains less at first (``Endpoint.share``).
    """

    by_key: bool = False
    by_cost: bool = False
    by_time: bool = False

    def __init__(self) -> None:
        self._credit: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._credit}>"

    def share(self, endpoint: Endpoint, now: float) -> float:
        """Return what an endpoint gains at a pick."""
        return endpoint.share(now)

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,
        chance: float = 0.0,  # noqa: ARG002 - chance, key and cost are other strategies'
        key: str | None = None,  # noqa: ARG002
        cost: Cost | None = None,  # noqa: ARG002
    ) -> Endpoint:
        """Return the candidate with the most credit; declaration order breaks ties."""
        if len(candidates) == 1:
            return candidates[0]
        credit, total, best = self._credit, 0.0, candidates[0]
        most = -math.inf
        share_of = self.share
        for endpoint in candidates:
            share, name = share_of(endpoint, now), endpoint.name
            total += share
            mine = credit[name] = credit.get(name, 0.0) + share
            if mine > most and share > 0:
                most, best = mine, endpoint
        credit[best.name] -= total
        return best


class RoundRobin(Weighted):
    """In order, one after the other; weights are ignored."""

    def share(self, endpoint: Endpoint, now: float) -> float:  # noqa: ARG002
        """Return the same for all."""
        return 1.0


class _Stateless:
    """Strategies that remember nothing between picks."""

    by_key: bool = False
    by_cost: bool = False
    by_time: bool = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Latency(_Stateless):
    """The lowest P90 of the times to the first token; whoever has fewer in flight where it is the same.

    An endpoint that nothing is known of for a minute (new, or slow and left out since) gets a part of ``EXPLORED`` of
    the picks, so that nobody starves on an old number. While nothing is known of anybody, the load decides.
    """

    by_time: bool = True

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,
        chance: float = 0.0,
        key: str | None = None,  # noqa: ARG002 - key and cost are other strategies'
        cost: Cost | None = None,  # noqa: ARG002
    ) -> Endpoint:
        """Return the fastest candidate, now and then one that has to be found out about."""
        candidates = _weighty(candidates)
        if len(candidates) == 1:
            return candidates[0]
        times = [(endpoint.condition.latency.p90(now), endpoint) for endpoint in candidates]
        known = [(p90, endpoint) for p90, endpoint in times if p90 is not None]
        unknown = [endpoint for p90, endpoint in times if p90 is None]
        if not known:
            return _calmest(unknown, chance)
        if unknown:
            if chance < EXPLORED:
                return _calmest(unknown, chance / EXPLORED)
            chance = (chance - EXPLORED) / (1 - EXPLORED)
        least = min(p90 for p90, _ in known)
        return _calmest([endpoint for p90, endpoint in known if p90 == least], chance)


class Cheapest:
    """The lowest cost of this request; ties by weight.

    Where nobody says what the request would cost, the prices per token are compared, input and output together. An
    endpoint without a price is the dearest.
    """

    by_key: bool = False
    by_cost: bool = True
    by_time: bool = False

    def __init__(self) -> None:
        self._ties = Weighted()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._ties!r}>"

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,
        chance: float = 0.0,  # noqa: ARG002 - chance and key are other strategies'
        key: str | None = None,  # noqa: ARG002
        cost: Cost | None = None,
    ) -> Endpoint:
        """Return the cheapest candidate."""
        candidates = _weighty(candidates)
        costs = [(cost or _listed)(endpoint) for endpoint in candidates]
        least = min(costs)
        ties = [e for e, dollars in zip(candidates, costs, strict=True) if dollars <= least * _SAME]
        return self._ties.pick(ties, now=now)


class LeastConnections(_Stateless):
    """The fewest in flight, a stream until its end, divided by weight; ties at random."""

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,  # noqa: ARG002 - now, key and cost are other strategies'
        chance: float = 0.0,
        key: str | None = None,  # noqa: ARG002
        cost: Cost | None = None,  # noqa: ARG002
    ) -> Endpoint:
        """Return the candidate with the least to do."""
        return _calmest(_weighty(candidates), chance)


class PowerOfTwo(_Stateless):
    """Two at random, and the better of them by in-flight × decayed mean time: no herd runs to the best one."""

    by_time: bool = True

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,  # noqa: ARG002 - now, key and cost are other strategies'
        chance: float = 0.0,
        key: str | None = None,  # noqa: ARG002
        cost: Cost | None = None,  # noqa: ARG002
    ) -> Endpoint:
        """Return the better of two candidates; the first drawn where they are equal."""
        candidates = _weighty(candidates)
        count = len(candidates)
        if count == 1:
            return candidates[0]
        first, rest = divmod(chance * count, 1)
        second = int(rest * (count - 1))
        second += second >= first  # any but the first
        one, two = candidates[int(first)], candidates[second]
        return two if _burden(two, one) < _burden(one, two) else one


class Sticky(_Stateless):
    """Weighted rendezvous: each endpoint draws a number from the key, the highest one has it.

    An endpoint that leaves takes only its own keys along, and one whose weight grows only gains. A request without a
    key draws from ``chance``.
    """

    by_key: bool = True

    def pick(
        self,
        candidates: Sequence[Endpoint],
        *,
        now: float = 0.0,  # noqa: ARG002 - now and cost are other strategies'
        chance: float = 0.0,
        key: str | None = None,
        cost: Cost | None = None,  # noqa: ARG002
    ) -> Endpoint:
        """Return the candidate that ``key`` falls on."""
        candidates = _weighty(candidates)
        if len(candidates) == 1:
            return candidates[0]
        drawn_from = f"chance {chance!r}" if key is None else f"key {key}"
        return max(candidates, key=lambda endpoint: _score(endpoint, drawn_from))


def _listed(endpoint: Endpoint) -> float:
    price = endpoint.price
    return math.inf if price is None else price.input + price.output


def _score(endpoint: Endpoint, drawn_from: str) -> float:
    """Return weight / -ln(u), u in (0, 1) from the hash: the largest of them is ``endpoint``'s in proportion to its weight."""
    text = f"{endpoint.name}\0{drawn_from}".encode("utf-8", "surrogatepass")
    drawn = (int(mmh3.hash64(text, 0, signed=False)[0]) + 0.5) / 2.0**64
    return endpoint.weight / -math.log(min(drawn, 1 - 2.0**-53))


def _burden(endpoint: Endpoint, rival: Endpoint) -> float:
    """Return what one more request would meet; one whose pace is unknown is taken for as fast as its rival."""
    mine, other = endpoint.condition.pace.value, rival.condition.pace.value
    pace = mine if mine is not None else other if other is not None else 1.0
    return (endpoint.in_flight + 1) * pace


def _calmest(candidates: Sequence[Endpoint], chance: float) -> Endpoint:
    """Return the one with the fewest in flight for its weight; ``chance`` breaks ties."""
    if len(candidates) == 1:
        return candidates[0]
    loads = [e.in_flight / e.weight if e.weight > 0 else math.inf for e in candidates]
    least = min(loads)
    ties = [e for e, load in zip(candidates, loads, strict=True) if load == least]
    return ties[int(chance * len(ties))]


def _weighty(candidates: Sequence[Endpoint]) -> Sequence[Endpoint]:
    """Return those with a weight; all of them where none has one."""
    if all(e.weight > 0 for e in candidates):
        return candidates
    return [e for e in candidates if e.weight > 0] or candidates


STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "round-robin": RoundRobin,
    "weighted": Weighted,
    "latency": Latency,
    "cost": Cheapest,
    "least-connections": LeastConnections,
    "p2c": PowerOfTwo,
    "sticky": Sticky,
}
"""By the name in ``strategy:``."""
