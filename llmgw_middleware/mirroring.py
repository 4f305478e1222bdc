"""A route's shadow traffic, compiled: the same terms, a target of its own, and no second try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from llmgw_middleware.choice import Chooser
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.policy import BreakerRules, RetryRules
from llmgw_middleware.model.route import Route
from llmgw_middleware.policy.balance import STRATEGIES, RoundRobin
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.shadow import Mirror, Mirrored


class Compile(Protocol):
    """Compiles a route over targets."""

    def __call__(self, route: Route, targets: Mapping[str, Target]) -> Chooser:
        """Return the route's chooser."""
        ...


def mirror_of(route: Route, plan: Plan, compiled: Compile, former: Chooser | None) -> Mirror | None:
    """Return what ``route`` copies, None for nothing. Copies for the same target as of ``former`` are counted on."""
    copies = route.mirror
    if copies is None:
        return None
    target = _apart(copies.target, plan)
    alone = replace(
        route,
        target=copies.target,
        split=(),
        fallback=(),
        mirror=None,
        retry=RetryRules(max_attempts=1).over(route.retry),
    )
    terms = compiled(alone, {target.name: target}).terms
    before = None if former is None else former.mirror
    seen = before.seen if before is not None and before.target.name == target.name else Mirrored()
    return Mirror(target=target, terms=terms, share=copies.share, seen=seen)


def _apart(name: str, plan: Plan) -> Target:
    """Return a target in a condition of its own, which closes no circuit and is closed by none."""
    pool = plan.pools.get(name)
    if pool is None:
        return Target(name, [Endpoint(name, condition=_fresh(name, plan))], RoundRobin(), is_pool=False)
    members = [
        Endpoint(
            member.backend,
            weight=member.weight,
            priority=member.priority,
            price=member.price,
            condition=_fresh(member.backend, plan),
        )
        for member in pool.members
    ]
    return Target(name, members, STRATEGIES[pool.strategy]())


def _fresh(backend: str, plan: Plan) -> Condition:
    return Condition(breaker=BreakerRules(enabled=False), keys=len(plan.backends[backend].api_keys))
