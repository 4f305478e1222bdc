"""``HTTPRoute`` resources as routes, in the Gateway API's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from llmgw_middleware.config.manifests.effects import (
    headers_of_side,
    lay_answer,
    lay_filters,
    lay_retry,
    lay_times,
    redirects,
)
from llmgw_middleware.config.manifests.gateways import Gateways
from llmgw_middleware.config.manifests.guards import guards
from llmgw_middleware.config.manifests.matches import Entry, entries
from llmgw_middleware.config.manifests.policies import Policies
from llmgw_middleware.config.manifests.resource import Resource
from llmgw_middleware.config.manifests.targets import Names, Referred, referred
from llmgw_middleware.config.manifests.transforms import lay_transformation
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Position, Scalar, Table
from llmgw_middleware.config.writing import items, put_first, table, value

FIRST = 1000
"""Priority of the first imported rule. Rules of one's own have 100 by default, and so come before."""

_NOTHING = ("0", "0.0")
_NO_BACKEND = ("no_backend", "This rule has no backend that could be asked.")
_REDIRECT = ("redirect_unavailable", "This rule redirects its callers, which this gateway does not do.")


@dataclass(slots=True, kw_only=True)
class Rule:
    """One rule of a route: its name, its matches with their places among all, and the node it is read from."""

    route: Resource
    name: str
    node: Node
    entries: list[Entry]
    ranks: list[int] = field(default_factory=list)

    @property
    def together(self) -> bool:
        """Whether no other rule's match lies between its own."""
        return self.ranks == list(range(self.ranks[0], self.ranks[0] + len(self.ranks)))


def rules_of(routes: Sequence[Resource], gateways: Gateways) -> list[Rule]:
    """Return every rule that a gateway takes, ordered by its first match."""
    names = [route.name for route in routes]
    found: list[Rule] = []
    for route in routes:
        hosts = gateways.hosts(route)
        if not hosts:
            route.spec.note("not_attached", None, "no listener takes it: its rules are left out.")
            continue
        called = route.name if names.count(route.name) == 1 else f"{route.namespace}/{route.name}"
        found.extend(_rules(route, called, hosts))
    _rank(found)
    return sorted(found, key=lambda rule: rule.ranks[0])


def mentioned(rules: Sequence[Rule]) -> list[Referred]:
    """Return whatever the rules refer to."""
    refs = [(ref, rule.route.namespace) for rule in rules for ref in _refs(rule.node)]
    found = (referred(ref, namespace) for ref, namespace in refs)
    return [one for one in found if one is not None]


class RouteWriter:
    """Puts rules into words."""

    def __init__(self, names: Names, policies: Policies) -> None:
        self._names = names
        self._policies = policies

    def words(self, rule: Rule) -> list[Table]:
        """Return one rule as a route, behind the deny rules that guard it."""
        at = rule.node.at()
        route = table(at, name=value(rule.name, at), priority=value(FIRST + rule.ranks[0], at))
        _conditions(rule, route)
        self._filters(rule, route)
        self._lead(rule, route)
        _stick(rule.node.node("sessionPersistence"), route)
        lay_times(rule.node.node("timeouts"), route)
        lay_retry(rule.node.node("retry"), route)
        self._attach(rule, route)
        asked = self._policies.authorizations(rule.route, rule.node.text("name"))
        return [*guards(route, asked), route]

    def _attach(self, rule: Rule, route: Table) -> None:
        """Lay policies on: of each kind the narrowest one is applied."""
        called = rule.node.text("name")
        for traffic in self._policies.of_rule(rule.route, called):
            lay_times(traffic.node("timeouts"), route)
            lay_retry(traffic.node("retry"), route)
            lay_answer(traffic, route)
        for section in ("traffic", "backend"):
            found = (
                node.node("transformation") for node in self._policies.of_rule(rule.route, called, section)
            )
            lay_transformation(next((node for node in found if node is not None), None), route)

    def _filters(self, rule: Rule, route: Table) -> None:
        mirrors: list[tuple[Node, Scalar | None]] = []
        lay_filters(rule.node.nodes("filters"), route, mirrors)
        refs = rule.node.nodes("backendRefs")
        if len(refs) == 1:
            lay_filters(refs[0].nodes("filters"), route, mirrors)
        self._mirror(rule, route, mirrors)

    def _mirror(self, rule: Rule, route: Table, mirrors: Sequence[tuple[Node, Scalar | None]]) -> None:
        """Copy to the first mirror; a route has one."""
        for ref, percent in mirrors:
            one = referred(ref, rule.route.namespace)
            if one is None or (percent is not None and percent.text in _NOTHING):
                continue
            if "mirror" in route:
                ref.leave_out("name", why="is a second mirror, and a route has one here")
                continue
            share = None if percent is None else value(f"{percent.text}%", percent.at)
            words = table(ref.at(), backend=value(self._names.of(one), ref.at()), percent=share)
            route.put("mirror", words, ref.at())

    def _lead(self, rule: Rule, route: Table) -> None:
        """Say where requests go; a rule without a target still takes them, and answers with an error."""
        if redirects(rule.node.nodes("filters")):
            return _refuse(route, *_REDIRECT, rule.node.at())
        weights: dict[str, float] = {}
        sent: dict[str, Table] = {}
        refs = rule.node.nodes("backendRefs")
        for ref in refs:
            one = referred(ref, rule.route.namespace)
            weight = ref.whole("weight")
            if one is not None:
                name = self._names.of(one)
                weights[name] = weights.get(name, 0) + (1 if weight is None else weight)
                if len(refs) > 1 and (headers := headers_of_side(ref.nodes("filters"), ref.at())):
                    sent.setdefault(name, headers)
        at = rule.node.at("backendRefs")
        if not any(weights.values()):
            return _refuse(route, *_NO_BACKEND, at)
        if len(weights) == 1:
            [name] = weights
            route.put("backend", value(name, at), at)
            return None
        sides = [
            table(at, backend=value(name, at), weight=value(weight, at), headers=sent.get(name))
            for name, weight in weights.items()
        ]
        route.put("backends", items(at, sides), at)
        put_first(route, "sticky", value("none", at))
        return None


def _rules(route: Resource, called: str, hosts: tuple[str, ...]) -> Iterator[Rule]:
    nodes = route.spec.nodes("rules")
    for number, node in enumerate(nodes, start=1):
        own = node.text("name")
        name = f"{called}/{own or number}" if own or len(nodes) > 1 else called
        tie = (f"{route.namespace}/{route.name}", number)
        yield Rule(
            route=route,
            name=name,
            node=node,
            entries=list(entries(node.nodes("matches"), hosts, node, tie)),
        )


def _rank(rules: Sequence[Rule]) -> None:
    """Give every match its place, and each rule its matches in their order."""
    for rule in rules:
        rule.entries.sort(key=lambda entry: entry.precedence)
    everything = sorted((entry.precedence, id(entry)) for rule in rules for entry in rule.entries)
    places = {key: place for place, (_, key) in enumerate(everything)}
    for rule in rules:
        rule.ranks = [places[id(entry)] for entry in rule.entries]


def _conditions(rule: Rule, route: Table) -> None:
    if len(rule.entries) == 1:
        for key, tree in rule.entries[0].conditions.items():
            route.put(key, tree, tree.at)
        return
    alternatives = []
    for entry, rank in zip(rule.entries, rule.ranks, strict=True):
        conditions = table(entry.conditions.at, **entry.conditions)
        if not rule.together:
            conditions.put("priority", value(FIRST + rank, entry.conditions.at), entry.conditions.at)
        alternatives.append(conditions)
    route.put("match", items(rule.node.at(), alternatives), rule.node.at())


def _refs(node: Node) -> Iterator[Node]:
    filters = [
        *node.nodes("filters"),
        *(f for ref in node.nodes("backendRefs") for f in ref.nodes("filters")),
    ]
    yield from node.nodes("backendRefs")
    for one in filters:
        mirror = one.node("requestMirror")
        ref = mirror.node("backendRef") if mirror is not None else None
        if ref is not None:
            yield ref


def _refuse(route: Table, code: str, message: str, at: Position) -> None:
    answer = table(at, status=value(500, at), code=value(code, at), message=value(message, at))
    route.put("respond", answer, at)


def _stick(persistence: Node | None, route: Table) -> None:
    if persistence is None:
        return
    name, kind = persistence.scalar("sessionName"), persistence.text("type") or "Cookie"
    if name is not None and kind in ("Cookie", "Header"):
        route.put("sticky", value(f"{kind.lower()}:{name.text}", name.at), name.at)
