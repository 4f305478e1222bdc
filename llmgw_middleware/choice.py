"""Where a route sends a request: the targets to ask in turn, worked out once per configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llmgw_middleware.exchange.order import Leg, Terms
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.facts import Facts
from llmgw_middleware.match.sticky import key_reader
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.model.decision import SplitChoice
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.policy import RetryRules, Timeouts
from llmgw_middleware.model.route import Route, ValueTest
from llmgw_middleware.model.usage import Price, Usage
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.split import Dial, Splitter
from llmgw_middleware.shadow import Mirror
from llmgw_middleware.shaping import Shaping

Targets = Mapping[str, Target]
Prices = Mapping[tuple[str, str], Price]
"""By target and backend."""

BYTES_PER_TOKEN = 4
USUAL_ANSWER = 500
"""Tokens that an answer is taken to have when its request sets no limit. Only the order of prices hangs on it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The targets in the order they are asked, and which side of a split comes first."""

    targets: tuple[Target, ...]
    split: SplitChoice | None = None


class Chooser:
    """A route's targets. ``offered`` are the models that its callers may be shown, ``terms`` what its orders share.

    ``shaping`` is what the route does to requests and answers, None for nothing. ``dial`` holds the split of a route
    that a canary or experiment divides, ``mirror`` says what is copied to whom.
    """

    def __init__(
        self,
        route: Route,
        targets: Targets,
        plan: Plan,
        prices: Prices,
        upstreams: Mapping[str, Upstream],
        *,
        shaping: Shaping | None = None,
        dial: Dial | None = None,
        mirror: Mirror | None = None,
        routing_fields: frozenset[str] = frozenset(),
    ) -> None:
        backends, gateway = plan.backends, plan.timeouts
        self.route = route
        self.offered = _offered(route, targets, backends)
        self._fallback = tuple(targets[name] for name in route.fallback)
        self._direct = () if route.target is None else (targets[route.target], *self._fallback)
        self._sides = {side.target: targets[side.target] for side in route.split}
        self._dial = dial or (Dial(Splitter(route.name, route.split)) if route.split else None)
        self._undivided = Choice(self._direct)
        self._key: Callable[[Facts], str | None] = key_reader(route.sticky)
        self.forwards_opaque = route.passthrough or self._all_bare(backends)
        self._timeouts = _laid_over(route, backends, gateway)
        self._retry = {t.name: _retry_at(route, t, plan) for t in self._reached()}
        self._prices = prices
        self.read = route.timeouts.over(gateway).read
        self.shaping = shaping
        self.mirror = mirror
        self.terms = self._terms(upstreams, routing_fields)

    def __repr__(self) -> str:
        return (
            f"<Chooser of {self.route.name} [{', '.join(t.name for t in self._direct) or list(self._sides)}]>"
        )

    def timeouts_for(self, backend: str) -> Timeouts:
        """Return the limits for one backend: the route's over the backend's over the gateway's."""
        return self._timeouts[backend]

    def retry_for(self, target: Target) -> RetryRules:
        """Return the rules for one target: the route's over a single backend's over the policy's."""
        return self._retry[target.name]

    def cost_at(self, target: Target, facts: Facts) -> Callable[[Endpoint], float]:
        """Return what a request would cost at each endpoint of ``target``; one without a price is the dearest."""

        def cost(endpoint: Endpoint) -> float:
            price = self._prices.get((target.name, endpoint.name))
            return float("inf") if price is None else price.cost(_expected(facts))

        return cost

    def _terms(self, upstreams: Mapping[str, Upstream], routing_fields: frozenset[str]) -> Terms:
        """Gather what all orders of the route have in common. Backends without an address have no leg."""
        route = self.route
        names = dict.fromkeys(e.name for target in self._reached() for e in target.endpoints)
        sent = _side_headers(route, self._sides)
        return Terms(
            rewrite=route.rewrite,
            routing_fields=routing_fields,
            legs={
                name: Leg(upstream, self._timeouts[name], upstream.backend.timeouts.read, sent.get(name, ()))
                for name in names
                if (upstream := upstreams.get(name)) is not None
            },
            retry=self._retry,
            read=self.read,
            on_content_filter=route.on_content_filter,
            on_unsupported=route.on_unsupported,
            drain=route.on_disconnect == "drain",
            commit=route.commit,
            sticky_key=self._key,
            cost=self.cost_at,
        )

    def _reached(self) -> tuple[Target, ...]:
        return (*self._direct, *self._sides.values(), *self._fallback)

    def _all_bare(self, backends: Mapping[str, Backend]) -> bool:
        """Whether every target is a plain address, for which the gateway is a reverse proxy (seed 000).

        One that is only named may turn out to be.
        """
        reached = [backends[e.name] for target in self._reached() for e in target.endpoints]
        return bool(reached) and all(backend.bare or not backend.resolved for backend in reached)

    def choose(self, facts: Facts, *, chance: float) -> Choice:
        """Return where this request goes. ``chance`` in [0, 1) decides for callers without a sticky key."""
        if self._dial is None:
            return self._undivided
        splitter = self._dial.splitter
        split = splitter.choose(self._key(facts), chance=chance)
        others = splitter.others(split.chosen) if self.route.fallback_sides else ()
        sides = (self._sides[split.chosen], *(self._sides[name] for name in others))
        return Choice((*sides, *self._fallback), split)


def _side_headers(route: Route, sides: Targets) -> dict[str, tuple[Header, ...]]:
    """Return the headers of a split's sides, by backend."""
    return {
        endpoint.name: tuple((name.lower().encode(), value.encode("latin-1")) for name, value in side.headers)
        for side in route.split
        if side.headers
        for endpoint in sides[side.target].endpoints
    }


def _expected(facts: Facts) -> Usage:
    """Estimate the tokens of a request: a quarter of its bytes in, and out what it allows, or a usual answer."""
    limit = None
    if facts.body.readable:
        limits = (facts.body.get((name,)) for name in ("max_completion_tokens", "max_tokens"))
        limit = next((value for value in limits if isinstance(value, int)), None)
    return Usage(
        input=len(facts.request.body) // BYTES_PER_TOKEN, output=USUAL_ANSWER if limit is None else limit
    )


def _retry_at(route: Route, target: Target, plan: Plan) -> RetryRules:
    """Lay the route's rules over the backend's over the policy's. A pool's members differ, so it has the policy's."""
    own = RetryRules() if target.is_pool else plan.backends[target.name].retry
    return route.retry.over(own.over(plan.retry))


def _laid_over(route: Route, backends: Mapping[str, Backend], gateway: Timeouts) -> dict[str, Timeouts]:
    shared: dict[Timeouts, Timeouts] = {}
    return {
        name: shared.setdefault(backend.timeouts, route.timeouts.over(backend.timeouts.over(gateway)))
        for name, backend in backends.items()
    }


def _offered(route: Route, targets: Targets, backends: Mapping[str, Backend]) -> tuple[str, ...]:
    """Return the model names that a listing shows for this route; patterns name no model."""
    if route.models:
        return tuple(name for name in route.models if not name.endswith("*"))
    asked = [
        name
        for match in route.matches
        for field in match.body
        if field.name == "model"
        for name in _named(field.test)
    ]
    if asked:
        return tuple(asked)
    names = (route.target, *(side.target for side in route.split))
    reached = [backends[e.name] for name in names if name is not None for e in targets[name].endpoints]
    aliases = [a for backend in reached for a in backend.models if "*" not in a]
    return tuple(dict.fromkeys(aliases or [b.model for b in reached if b.model is not None]))


def _named(test: ValueTest) -> tuple[str, ...]:
    values = test.one_of if test.one_of is not None else (test.exact,)
    return tuple(value for value in values if isinstance(value, str))
