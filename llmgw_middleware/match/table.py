"""The rules in order, indexed by path, and the choice among them.

Order (seed 004): ascending priority, then declaration; default routes last. The first rule whose every condition
holds is applied. A rule with an exact path or a prefix is looked at only for requests on that path, so that a thousand
rules on different paths cost no more than ten; the candidates of a path are put in order when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter

from llmgw_middleware.facts import Facts
from llmgw_middleware.match.conditions import Condition, accepted_methods, conditions_of, path_condition
from llmgw_middleware.match.runs import Step, first, steps_of
from llmgw_middleware.match.selection import Selection
from llmgw_middleware.model.decision import RuleTrace
from llmgw_middleware.model.route import Match, PathTest, Route


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that was considered, and its first condition that did not hold."""

    route: Route
    condition: Condition

    @property
    def fault(self) -> str:
        """What did not hold, without the caller's value: ``header x-beta-user is not 'true'``."""
        return self.condition.fault

    def reason(self, facts: Facts) -> str:
        """Return what did not hold, with the value seen: ``user.tier is 'free', not 'premium'``."""
        return self.condition.why(facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alternative:
    """One match of a route. ``rank`` is its place in the order of all."""

    rank: int
    route: Route
    match: Match
    conditions: tuple[Condition, ...]

    def holds(self, facts: Facts, *, ignoring: frozenset[str], aside: frozenset[str] = frozenset()) -> bool:
        asked = (c for c in self.conditions if c.kind not in ignoring and c.label not in aside)
        return all(c.holds(facts) for c in asked)

    def failing(self, facts: Facts) -> Condition | None:
        return next((c for c in self.conditions if not c.holds(facts)), None)


_METHOD = frozenset({"method"})
_METHOD_AND_BODY = frozenset({"method", "body"})
_OF_THE_REQUEST = frozenset({"path", "method", "query", "body"})


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An alternative as it stands in the index: what is left to check."""

    alternative: _Alternative
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class _Path:
    """What can match on a path, in order, and the steps that find the first of it that does."""

    candidates: tuple[_Candidate, ...]
    steps: tuple[Step[_Candidate], ...]


@dataclass(slots=True)
class _Index:
    """Candidates by path. ``anywhere`` have none, or a pattern that they check themselves."""

    exact: dict[str, list[_Candidate]] = field(default_factory=dict)
    prefix: dict[str, list[_Candidate]] = field(default_factory=dict)
    anywhere: list[_Candidate] = field(default_factory=list)

    def add(self, alternative: _Alternative) -> None:
        others = tuple(c for c in alternative.conditions if c.kind != "path")
        plain = _Candidate(alternative, others)
        patterns: list[PathTest] = []
        for path in alternative.match.paths:
            if path.kind == "exact":
                self.exact.setdefault(path.value, []).append(plain)
            elif path.kind == "prefix":
                self.prefix.setdefault(path.value.rstrip("/"), []).append(plain)
            else:
                patterns.append(path)
        if patterns:
            self.anywhere.append(_Candidate(alternative, (path_condition(patterns), *others)))
        elif not alternative.match.paths:
            self.anywhere.append(plain)


class RouteTable:
    """The rules of one configuration. Safe to share between threads."""

    def __init__(self, routes: Sequence[Route]) -> None:
        # sorted is stable: within one priority the order of declaration stays.
        self._routes = tuple(sorted(routes, key=lambda route: (route.default, first_priority(route))))
        self._alternatives = _alternatives(self._routes)
        self._index = _Index()
        for alternatives in self._alternatives:
            for alternative in alternatives:
                self._index.add(alternative)
        self._longest = max(map(len, self._index.prefix), default=-1)
        self._merged: dict[tuple[str | None, str | None], _Path] = {}
        self._paths: dict[str, _Path] = {}

    def __repr__(self) -> str:
        index = self._index
        return (
            f"<RouteTable [{len(self._routes)} routes | {len(index.exact)} paths, {len(index.prefix)} prefixes, "
            f"{len(index.anywhere)} anywhere]>"
        )

    @property
    def routes(self) -> tuple[Route, ...]:
        """The rules in the order in which they are considered."""
        return self._routes

    @property
    def failures(self) -> dict[str, int]:
        """How often each ``when`` had no value, by the place of it; those that always had one are left out."""
        found: dict[str, int] = {}
        for alternatives in self._alternatives:
            for condition in (c for alternative in alternatives for c in alternative.conditions):
                if condition.term is not None and condition.term.failures:
                    where = condition.term.program.where
                    found[where] = found.get(where, 0) + condition.term.failures
        return found

    def select(self, facts: Facts, *, trace: bool = False) -> Selection:
        """Return the first rule whose every condition holds.

        Raises ``BadRequest`` (``duplicate_key``) if a condition reads a key that the body has twice.
        """
        path = self._paths.get(facts.request.path) or self._path(facts.request.path)
        found = first(path.steps, facts)
        if found is not None and not trace:
            return Selection(route=found.alternative.route)
        chosen = None if found is None else found.alternative
        return Selection(
            route=None if chosen is None else chosen.route,
            rules=self._trace(facts, chosen) if trace else (),
            allow=() if chosen is not None else _allowed(path.candidates, facts),
            needed_body=facts.body_failed
            and chosen is None
            and any(miss.condition.kind == "body" for miss in self.misses(facts)),
        )

    def misses(self, facts: Facts) -> list[Miss]:
        """Return the rules on the path of a request that matches none, each with what does not hold."""
        return [
            Miss(candidate.alternative.route, failing)
            for candidate in self._path(facts.request.path).candidates
            if (failing := next((c for c in candidate.conditions if not c.holds(facts)), None)) is not None
        ]

    def open_to(self, facts: Facts, *, made: frozenset[str] = frozenset()) -> list[Route]:
        """Return the rules that this caller can meet: conditions on user, geography and headers hold.

        Path, method, query and body are left aside, as they may differ in the caller's next request, and so are the
        headers ``made`` of the body.
        """
        aside = frozenset(f"header {name}" for name in made)
        by_route = zip(self._routes, self._alternatives, strict=True)
        return [
            route
            for route, matches in by_route
            if any(m.holds(facts, ignoring=_OF_THE_REQUEST, aside=aside) for m in matches)
        ]

    def _path(self, path: str) -> _Path:
        """Return what can match on ``path``.

        The longest known prefix stands for all shorter ones that are prefixes of it, so no more is kept than there are
        paths and prefixes in the rules.
        """
        exact = path if path in self._index.exact else None
        key = (exact, self._longest_prefix(path))
        merged = self._merged.get(key)
        if merged is None:
            candidates = self._merge(*key)
            merged = self._merged[key] = _Path(candidates, steps_of(candidates))
            if exact is not None:
                self._paths[exact] = merged
        return merged

    def _longest_prefix(self, path: str) -> str | None:
        known = self._index.prefix
        end = len(path)
        if end > self._longest:
            # No prefix reaches further than this; the rest of a long path is not walked.
            end = path.rfind("/", 0, self._longest + 1)
        while end >= 0:
            if path[:end] in known:
                return path[:end]
            end = path.rfind("/", 0, end)
        return None

    def _merge(self, exact: str | None, prefix: str | None) -> tuple[_Candidate, ...]:
        index = self._index
        found = list(index.anywhere)
        while prefix is not None:
            found.extend(index.prefix.get(prefix, ()))
            prefix = prefix.rpartition("/")[0] if prefix else None
        if exact is not None:
            found.extend(index.exact[exact])
        # One alternative may be met by several of its paths; its list of checks without a pattern is the shorter one.
        found.sort(key=lambda candidate: len(candidate.conditions), reverse=True)
        best = {candidate.alternative.rank: candidate for candidate in found}
        return tuple(sorted(best.values(), key=attrgetter("alternative.rank")))

    def _trace(self, facts: Facts, chosen: _Alternative | None) -> tuple[RuleTrace, ...]:
        rules = []
        for route, alternatives in zip(self._routes, self._alternatives, strict=True):
            reached = [one for one in alternatives if chosen is None or one.rank <= chosen.rank]
            matched = chosen is not None and route is chosen.route
            if chosen is not None and not reached and alternatives:
                reason = f"not reached: {chosen.route.name} came first"
            else:
                reason = _reason(reached, facts)
            rules.append(
                RuleTrace(name=route.name, priority=first_priority(route), matched=matched, reason=reason)
            )
        return tuple(rules)


def _alternatives(routes: Iterable[Route]) -> tuple[tuple[_Alternative, ...], ...]:
    """Return the alternatives of each route, ranked through."""
    routes = tuple(routes)
    listed = [(route, match) for route in routes for match in route.matches]
    # sorted is stable: alternatives of one priority stay as they were declared.
    order = sorted(range(len(listed)), key=lambda place: _place(*listed[place]))
    ranks = {place: rank for rank, place in enumerate(order)}
    places = count()
    return tuple(
        tuple(
            sorted(
                (
                    _Alternative(
                        rank=ranks[next(places)],
                        route=route,
                        match=match,
                        conditions=conditions_of(match, deny=route.answer is not None),
                    )
                    for match in route.matches
                ),
                key=attrgetter("rank"),
            )
        )
        for route in routes
    )


def first_priority(route: Route) -> int:
    """Return the priority at which a route is considered first: its own, or that of one of its alternatives."""
    return min((_place(route, match)[1] for match in route.matches), default=route.priority)


def last_priority(route: Route) -> int:
    """Return the priority from which on a route is not considered anew."""
    return max((_place(route, match)[1] for match in route.matches), default=route.priority)


def _place(route: Route, match: Match) -> tuple[bool, int]:
    return route.default, route.priority if match.priority is None else match.priority


def _reason(alternatives: Sequence[_Alternative], facts: Facts) -> str:
    """Say why a route matches, or of each of its alternatives why not."""
    faults = []
    for alternative in alternatives:
        failing = alternative.failing(facts)
        if failing is None:
            return _matched(alternative)
        faults.append(failing.why(facts))
    return "; or: ".join(dict.fromkeys(faults)) or "the route has no conditions to hold"


def _matched(alternative: _Alternative) -> str:
    labels = dict.fromkeys(condition.label for condition in alternative.conditions)
    if labels:
        return f"all conditions hold: {', '.join(labels)}"
    return "default route" if alternative.route.default else "no conditions"


def _allowed(candidates: tuple[_Candidate, ...], facts: Facts) -> tuple[str, ...]:
    """Return the methods of the rules on this path that nothing but the method keeps from matching.

    The body is left aside: another method comes with another body.
    """
    allowed: dict[str, None] = {}
    for alternative in (candidate.alternative for candidate in candidates):
        methods = accepted_methods(alternative.match.methods)
        if (
            methods
            and facts.request.method not in methods
            and alternative.holds(facts, ignoring=_METHOD_AND_BODY)
        ):
            allowed.update(dict.fromkeys(methods))
    return tuple(allowed)
