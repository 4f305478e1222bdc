"""From the operator's words to a running gateway."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from llmgw_middleware.attributes import AttributeReader
from llmgw_middleware.callables import function_named
from llmgw_middleware.choice import Chooser
from llmgw_middleware.config.load import load
from llmgw_middleware.config.settings import ProcessSettings
from llmgw_middleware.control import Control, run_folder
from llmgw_middleware.dialect.operation import operations_of
from llmgw_middleware.dialect.port import Operation
from llmgw_middleware.dialect.provider import profile_of
from llmgw_middleware.dialect.responses_owner import Owners
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.exchange.authority import lacking
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.extensions import Extensions
from llmgw_middleware.flags import Flags, Lookup
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.geo import Locator
from llmgw_middleware.health import Beside, Checker
from llmgw_middleware.match.callers import read_of_callers
from llmgw_middleware.match.paths import Interceptor
from llmgw_middleware.match.routing import flags_asked, routing_fields
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.mirroring import mirror_of
from llmgw_middleware.model.backend import Backend, HealthCheck, Pool
from llmgw_middleware.model.plan import IdentityRules, Plan
from llmgw_middleware.model.route import Route
from llmgw_middleware.model.transform import NO_CHANGES, NO_TRANSFORM
from llmgw_middleware.model.usage import Price
from llmgw_middleware.policy.balance import STRATEGIES, RoundRobin
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.health import HealthVerdict
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.split import Dial
from llmgw_middleware.rollouts.standings import FileStandings, Listener, Standings
from llmgw_middleware.rollouts.trials import Rollouts
from llmgw_middleware.shadow import Mirror
from llmgw_middleware.shaping import Prelude, Shaping
from llmgw_middleware.snapshot import Snapshot
from llmgw_middleware.transport.environment import EnvironmentTransport, proxies_of
from llmgw_middleware.transport.h1_transport import H1Transport
from llmgw_middleware.transport.port import Transport
from llmgw_middleware.usage.catalogue import Catalogue

Source = Mapping[str, Any] | str | Path | Sequence[Any]
"""A mapping, a file, a folder, several of them, or a list of routes (seed 000)."""


def build_gateway(
    source: Source | None = None,
    *,
    env: Mapping[str, str] | None = None,
    extensions: Extensions | None = None,
) -> Gateway:
    """Return a gateway for ``source``, by default the one that ``LLMGW_CONFIG`` names.

    ``LLMGW_DEBUG`` turns debug headers on. ``env`` (default: the process's) fills in ``${VAR}``
    and names proxies. Raises ConfigError with every problem and its place.
    """
    env = os.environ if env is None else env
    extra = extensions or Extensions()
    settings = ProcessSettings()
    named = source if source is not None else settings.config
    if named is None:
        raise ConfigError("No configuration is given: pass config=, or set LLMGW_CONFIG to a file.")

    def rebuild(before: Snapshot | None) -> Snapshot:
        plan = load_plan(named, env)
        if extra.accept is not None:
            extra.accept(plan)
        snapshot = build_snapshot(
            replace(plan, debug_headers=True) if settings.debug else plan,
            before,
            standings=extra.standings or _standings(plan),
            listeners=extra.on_change,
            flags=_lookup(extra.flags, plan),
        )
        _check_credentials(plan)
        try:
            snapshot.locator.open()
            snapshot.rollouts.open()
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return snapshot

    return Gateway(
        rebuild(None),
        rebuild=rebuild,
        make_transport=extra.transport or default_transport(env),
        observers=extra.observers,
        rng=extra.rng,
    )


def _standings(plan: Plan) -> Standings | None:
    if plan.state_folder is None:
        return None
    try:
        return FileStandings(Path(plan.state_folder))
    except OSError as error:
        raise ConfigError(f"state.path: {plan.state_folder} cannot be used: {error.strerror}") from error


def _lookup(given: Lookup | None, plan: Plan) -> Lookup | None:
    if given is not None or plan.flag_lookup is None:
        return given
    try:
        return function_named(plan.flag_lookup, key="flags.lookup")
    except ValueError as error:
        raise ConfigError(str(error)) from error


def load_plan(source: Source, env: Mapping[str, str], *, serving: bool = True) -> Plan:
    """Load ``source``; raises ConfigError if it has errors. ``serving`` false lets backends be only named."""
    loaded = load(source, env=env, serving=serving)
    errors = [str(p) for p in loaded.problems if p.severity == "error"]
    if errors or loaded.plan is None:
        raise ConfigError("The configuration cannot be used:\n" + "\n".join(errors))
    return loaded.plan


def build_snapshot(
    plan: Plan,
    before: Snapshot | None = None,
    *,
    standings: Standings | None = None,
    listeners: tuple[Listener, ...] = (),
    flags: Lookup | None = None,
) -> Snapshot:
    """Compile ``plan``; raises ConfigError. Backends that are as they were ``before`` keep their condition.

    Canaries and experiments go on likewise; ``standings`` keeps where they stand, ``listeners`` hear of changes.
    ``flags`` looks flags up.

    Backends without an address get no upstream: such a snapshot can be explained only.
    """
    owners = Owners() if before is None else before.owners
    operations = operations_of(plan.paths)
    upstreams = {
        name: _upstream(backend, owners, operations)
        for name, backend in plan.backends.items()
        if backend.resolved
    }
    conditions = _conditions(plan, before)
    targets = {
        name: Target(name, [Endpoint(name, condition=conditions[name])], RoundRobin(), is_pool=False)
        for name in plan.backends
    }
    targets.update({name: _pool(pool, conditions) for name, pool in plan.pools.items()})
    _time(conditions, targets.values())
    prices = _prices(plan)
    routing = routing_fields(plan)
    asked = flags_asked(plan)
    rollouts = Rollouts(
        plan,
        before=None if before is None else before.rollouts,
        standings=standings,
        listeners=listeners,
    )
    compiled = partial(_chooser, plan=plan, prices=prices, upstreams=upstreams, routing_fields=routing)
    former = {} if before is None else before.choosers
    choosers = {
        route.name: compiled(
            route,
            targets,
            dial=None if route.trial is None else rollouts.dial(route.trial),
            mirror=mirror_of(route, plan, compiled, former.get(route.name)),
        )
        for route in plan.routes
        if route.answer is None
    }
    return Snapshot(
        plan=plan,
        intercepted=Interceptor(plan.paths),
        table=RouteTable(plan.routes),
        choosers=choosers,
        upstreams=upstreams,
        conditions=conditions,
        prices=prices,
        owners=owners,
        catalogue=Catalogue() if before is None else before.catalogue,
        locator=Locator(plan.geography, plan.trusted_proxies),
        attributes=_attributes(plan.identity),
        checkers=(*_checkers(plan, targets, upstreams), *_tended(rollouts, choosers)),
        rollouts=rollouts,
        flags=None if flags is None or not asked else Flags(asked, flags),
        read_of_callers=read_of_callers(plan),
        prelude=None if plan.before_routing == NO_CHANGES else Prelude(plan.before_routing),
    )


def _tended(rollouts: Rollouts, choosers: Mapping[str, Chooser]) -> tuple[Beside, ...]:
    mirrors = {name: chooser.mirror for name, chooser in choosers.items() if chooser.mirror is not None}
    control = (Control(rollouts, mirrors, run_folder(os.environ)),) if rollouts or mirrors else ()
    return (*((rollouts,) if rollouts else ()), *control)


def _chooser(
    route: Route,
    targets: Mapping[str, Target],
    *,
    plan: Plan,
    prices: Mapping[tuple[str, str], Price],
    upstreams: Mapping[str, Upstream],
    routing_fields: frozenset[str],
    dial: Dial | None = None,
    mirror: Mirror | None = None,
) -> Chooser:
    return Chooser(
        route,
        targets,
        plan,
        prices,
        upstreams,
        shaping=_shaping(route, plan),
        dial=dial,
        mirror=mirror,
        routing_fields=routing_fields,
    )


def _shaping(route: Route, plan: Plan) -> Shaping | None:
    if route.transform == NO_TRANSFORM and plan.on_answers == NO_CHANGES:
        return None
    return Shaping(route.name, route.transform, plan.on_answers)


def default_transport(env: Mapping[str, str]) -> Callable[[], Transport]:
    """Return what makes a loop's upstream client: our own, and httpx where ``env`` names a proxy for an origin.

    Raises ConfigError for a proxy that is none.
    """
    try:
        proxies = proxies_of(env)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return partial(EnvironmentTransport, proxies) if proxies else H1Transport


def _upstream(backend: Backend, owners: Owners, operations: frozenset[Operation]) -> Upstream:
    try:
        return Upstream(backend, owners, operations=operations)
    except ValueError as error:
        raise ConfigError(f"backend {backend.name!r}: {error}") from error


def _check_credentials(plan: Plan) -> None:
    """Raise ConfigError for a backend that could never be called; one that is only explained needs no credential."""
    for backend in plan.backends.values():
        why = lacking(backend, profile_of(backend)) if backend.resolved else None
        if why is not None:
            raise ConfigError(f"backend {backend.name!r}: {why}")


def _attributes(rules: IdentityRules) -> AttributeReader:
    try:
        return AttributeReader(rules)
    except ValueError as error:
        raise ConfigError(f"identity.attributes: {error}") from error


def _conditions(plan: Plan, before: Snapshot | None) -> dict[str, Condition]:
    kept = {} if before is None or before.plan.breaker != plan.breaker else before.conditions
    old = {} if before is None else before.plan.backends
    rules = plan.retry
    return {
        name: kept[name]
        if name in kept and old.get(name) == backend
        else Condition(
            breaker=plan.breaker,
            retry=backend.retry.over(rules),
            keys=len(backend.api_keys),
            max_in_flight=backend.max_in_flight,
            context_window=backend.context_window,
            chance=random.random,
        )
        for name, backend in plan.backends.items()
    }


def _time(conditions: Mapping[str, Condition], targets: Iterable[Target]) -> None:
    """Have the answers of those backends timed whose pools go by it."""
    timed = {e.name for target in targets if target.strategy.by_time for e in target.endpoints}
    for name, condition in conditions.items():
        condition.timed = name in timed


def _pool(pool: Pool, conditions: Mapping[str, Condition]) -> Target:
    check = pool.health_check
    endpoints = [
        Endpoint(
            member.backend,
            weight=member.weight,
            priority=member.priority,
            price=member.price,
            health=None if check is None else _verdict(check),
            condition=conditions[member.backend],
        )
        for member in pool.members
    ]
    return Target(pool.name, endpoints, STRATEGIES[pool.strategy](), fallback=pool.fallback)


def _verdict(check: HealthCheck) -> HealthVerdict:
    return HealthVerdict(unhealthy_after=check.unhealthy_after, healthy_after=check.healthy_after)


def _prices(plan: Plan) -> dict[tuple[str, str], Price]:
    """Prices by target and backend; a member's own comes before its backend's."""
    prices = {(name, name): b.price for name, b in plan.backends.items()}
    for pool in plan.pools.values():
        prices.update(
            {(pool.name, m.backend): m.price or plan.backends[m.backend].price for m in pool.members}
        )
    return {key: price for key, price in prices.items() if price is not None}


def _checkers(plan: Plan, targets: Mapping[str, Target], upstreams: Mapping[str, Upstream]) -> list[Checker]:
    rng = random.Random()  # noqa: S311 - it spreads checks in time
    return [
        Checker(upstreams[endpoint.name], pool.health_check, endpoint.health, rng)
        for pool in plan.pools.values()
        if pool.health_check is not None
        for endpoint in targets[pool.name].endpoints
        if endpoint.health is not None and endpoint.name in upstreams
    ]
