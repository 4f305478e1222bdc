"""What is legal but hardly meant: rules that never apply, weights without effect, places nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.variables import GATEWAY
from llmgw_middleware.config.cover import covers, path_covers
from llmgw_middleware.config.problem import Problem
from llmgw_middleware.dialect.provider import profile_of
from llmgw_middleware.dialect.retirement import retirement
from llmgw_middleware.match.routing import flags_of
from llmgw_middleware.match.table import first_priority, last_priority
from llmgw_middleware.model.backend import Backend, Pool
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.policy import RetryRules
from llmgw_middleware.model.route import Match, Route

SEASON = timedelta(days=90)
"""How long before a model ends a warning is given."""


def lint(plan: Plan, *, today: date | None = None) -> tuple[Problem, ...]:
    """Return warnings beyond what loading finds, each at the place of its rule, pool or backend.

    ``today`` (default: it is asked) decides which models have come to their end.
    """
    return (
        *_reach(plan),
        *_interception(plan),
        *_default(plan),
        *(problem for route in plan.routes for problem in _route(route)),
        *(problem for pool in plan.pools.values() for problem in _pool(pool, plan)),
        *_flags(plan),
        *_geography(plan),
        *_keys(plan),
        *_retired(plan, today or datetime.now(UTC).date()),
    )


def _warning(code: str, where: str, message: str, hint: str | None = None) -> Problem:
    file, _, line = where.rpartition(":")
    if not (file and line.isdigit()):
        return Problem(severity="warning", file=where, code=code, message=message, hint=hint)
    return Problem(
        severity="warning", file=file, line=int(line), column=1, code=code, message=message, hint=hint
    )


def _reach(plan: Plan) -> Iterator[Problem]:
    """Find rules that an earlier one covers; the order is by priority, then as written, defaults last.

    A rule whose alternatives have places of their own is judged as if none came before its own priority.
    """
    order = sorted(plan.routes, key=lambda route: (route.default, last_priority(route)))
    for index, route in enumerate(order):
        before = [
            one for one in order[:index] if last_priority(one) <= first_priority(route) or route.default
        ]
        cover = next((earlier for earlier in before if covers(earlier, route)), None)
        if cover is not None:
            yield _warning(
                "unreachable_route",
                route.where,
                f'The route "{route.name}" is never reached: "{cover.name}" at {cover.where} takes all its requests.',
                "give it a lower priority number, or more exact conditions to the other",
            )


def _interception(plan: Plan) -> Iterator[Problem]:
    for route in plan.routes:
        paths = [path for match in route.matches for path in match.paths]
        literal = [path for path in paths if path.kind != "regex"]
        if (
            paths == literal
            and paths
            and not any(
                path_covers(taken, path) or path_covers(path, taken) or taken.kind == "regex"
                for taken in plan.paths
                for path in paths
            )
        ):
            yield _warning(
                "path_not_intercepted",
                route.where,
                f'The route "{route.name}" is never reached: gateway.paths leaves its path to the host.',
                "add the path to gateway.paths",
            )


def _default(plan: Plan) -> Iterator[Problem]:
    """Seed 000: "Always have a default route for unmatched requests"."""
    if not plan.routes:
        yield _warning(
            "no_routes", next(iter(plan.sources), ""), "There are no routes: nothing is intercepted."
        )
        return
    takes_all = any(match == Match() for route in plan.routes for match in route.matches)
    if not takes_all and plan.on_no_route == "error":
        yield _warning(
            "no_default_route",
            plan.routes[-1].where,
            "No route takes what the others leave: such requests get 404.",
            "add {name: default, default: true, backend: …}, or onNoRoute: pass",
        )


def _route(route: Route) -> Iterator[Problem]:
    for side in () if route.trial is not None else route.split:
        if not side.weight:
            yield _warning(
                "zero_weight",
                route.where,
                f'"{side.target}" has the weight 0 in "{route.name}": nobody is sent there.',
            )
    if route.sticky is not None and route.sticky.kind != "none" and not route.split:
        yield _warning(
            "no_effect", route.where, f'"{route.name}" has a sticky key but no split that it could hold.'
        )
    if route.sticky is not None and route.sticky.kind in {"header", "cookie"}:
        yield _warning(
            "client_controlled_key",
            route.where,
            f'Clients choose their side of "{route.name}" themselves: they set the {route.sticky.kind} that it sticks by.',
            "stick by user or session, unless that is meant",
        )
    if (
        route.sticky is not None
        and route.sticky.expression is not None
        and _by_caller(route.sticky.expression)
    ):
        yield _warning(
            "client_controlled_key",
            route.where,
            f'Clients choose their side of "{route.name}" themselves: its sticky key is made of what they send alone.',
            "put user.id into it, unless that is meant",
        )
    if route.target is not None and route.target in route.fallback:
        yield _warning(
            "no_effect", route.where, f'"{route.name}" falls back to "{route.target}", where it goes anyway.'
        )
    if route.mirror is not None and route.mirror.target in {route.target, *(s.target for s in route.split)}:
        yield _warning(
            "no_effect",
            route.where,
            f'"{route.name}" copies its requests to "{route.mirror.target}", which answers them already.',
        )
    if route.answer is not None and (route.fallback or route.models):
        yield _warning(
            "no_effect", route.where, f'"{route.name}" answers at once: fallback and models do nothing.'
        )


def _pool(pool: Pool, plan: Plan) -> Iterator[Problem]:
    weights = {member.weight for member in pool.members}
    if pool.strategy == "round-robin" and weights != {1.0}:
        yield _warning(
            "no_effect",
            pool.where,
            f'The pool "{pool.name}" takes turns: weights do nothing.',
            "set strategy: weighted",
        )
    elif 0 in weights:
        idle = ", ".join(f'"{member.backend}"' for member in pool.members if not member.weight)
        yield _warning(
            "zero_weight",
            pool.where,
            f'In the pool "{pool.name}" {idle} has the weight 0: nobody is sent there.',
        )
    backends = [plan.backends.get(member.backend) for member in pool.members]
    yield from _mixed(pool, [b for b in backends if b is not None and b.resolved], plan)
    alone = {
        name for r in plan.routes for name in (r.target, *r.fallback, *(side.target for side in r.split))
    }
    for backend in backends:
        if backend is not None and backend.name not in alone and _repeats(backend.retry):
            yield _warning(
                "no_effect",
                backend.where,
                f'"{backend.name}" is asked as a member of pools only, where its own retry does nothing but for the budget.',
                "set retry on the route, or policies.retry",
            )
    if pool.health_check is not None and not any(
        backend is not None and backend.resolved for backend in backends
    ):
        yield _warning(
            "no_effect",
            pool.where,
            f'The health check of "{pool.name}" has nobody to ask: no member has an address.',
        )


def _mixed(pool: Pool, backends: Sequence[Backend], plan: Plan) -> Iterator[Problem]:
    """Find pools whose members speak several dialects: what one has no word for may be said to another."""
    dialects = sorted({profile_of(backend).dialect for backend in backends})
    strict = [backend.name for backend in backends if backend.on_unsupported == "error"]
    routes = [
        r for r in plan.routes if pool.name in {r.target, *r.fallback, *(side.target for side in r.split)}
    ]
    said = bool(routes) and all(route.on_unsupported is not None for route in routes)
    if len(dialects) > 1 and strict and not said:
        yield _warning(
            "mixed_dialects",
            pool.where,
            f'The members of "{pool.name}" speak {" and ".join(dialects)}: a request that one has no word for is only put '
            "to the others.",
            "set onUnsupported: drop, or onUnsupported: error on the route if that is meant",
        )


def _repeats(rules: RetryRules) -> bool:
    """Whether anything is said of repetition besides the budget, which is a backend's wherever it stands."""
    return replace(rules, budget_ratio=None, budget_minimum=None) != RetryRules()


def _flags(plan: Plan) -> Iterator[Problem]:
    """Find flags that nobody can be asked for: they are off."""
    if plan.flag_lookup is not None:
        return
    for route in plan.routes:
        asked = ", ".join(sorted(flags_of(route)))
        if asked:
            yield _warning(
                "no_flag_lookup",
                route.where,
                f'"{route.name}" asks for a feature flag ({asked}), and nothing says where to look it up: it is off.',
                "set flags.lookup: module:function, unless Extensions(flags=…) is given in code",
            )


def _geography(plan: Plan) -> Iterator[Problem]:
    geography = plan.geography
    asking = [route for route in plan.routes if any(_asks_where(match) for match in route.matches)]
    believed = geography.header is not None and plan.trusted_proxies
    if geography.header is not None and not plan.trusted_proxies and asking:
        yield _warning(
            "untrusted_geo_header",
            asking[0].where,
            f'The header "{geography.header}" is never believed: there are no trusted proxies.',
            "name them in gateway.trustedProxies",
        )
    if asking and not believed and geography.database is None and "country" not in plan.identity.attributes:
        for route in asking:
            yield _warning(
                "no_geo_source",
                route.where,
                f'"{route.name}" asks where the caller is, and nothing tells it.',
                "set geo.header with gateway.trustedProxies, geo.database, or the identity attribute country",
            )


def _asks_where(match: Match) -> bool:
    asked = bool(match.country or match.region) or match.country_known is not None
    return asked or any(_reads(when, "geo") for when in match.when)


def _reads(expression: Expression, *names: str) -> bool:
    return compile_expression(expression.text, vocabulary=GATEWAY).reads_any(*names)


def _by_caller(expression: Expression) -> bool:
    """Whether a key depends on nothing but what callers are free to send."""
    return not _reads(expression, "user", "jwt", "source", "geo")


def _keys(plan: Plan) -> Iterator[Problem]:
    """Find an address on the internet that a provider or preset names, without a key: every request would be refused."""
    for backend in plan.backends.values():
        row = profile_of(backend)
        own = row.url if backend.preset is None else backend.url
        carries = any(
            name.lower() in {"authorization", "x-api-key", "api-key"} for name, _ in backend.headers
        )
        if (
            own is not None
            and own.startswith("https:")
            and backend.url == own
            and not backend.api_keys
            and not carries
            and row.auth not in {"sigv4", "oauth"}
        ):
            yield _warning(
                "no_api_key",
                backend.where,
                f'The backend "{backend.name}" has no key for {backend.preset or backend.provider}.',
                "set apiKey: ${VARIABLE}",
            )


def _retired(plan: Plan, today: date) -> Iterator[Problem]:
    """Find models that their makers have ended, or will within a season."""
    for backend in plan.backends.values():
        for model in dict.fromkeys((*([backend.model] if backend.model else ()), *backend.models.values())):
            ends = retirement(backend.provider, model)
            if ends is not None and ends <= today + SEASON:
                yield _warning(
                    "model_retired",
                    backend.where,
                    f'"{backend.name}" sends {model}, which {"ended" if ends <= today else "ends"} on {ends}.',
                    "name its successor",
                )
