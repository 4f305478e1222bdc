"""Groups of deployments as pools, and the routes that lead to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llmgw_middleware.config.litellm.deployments import Deployment
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Items, Scalar, Table, Tree
from llmgw_middleware.config.writing import items, table, value

_STRATEGIES: Mapping[str, str] = {
    "simple-shuffle": "weighted",
    "least-busy": "least-connections",
    "latency-based-routing": "latency",
    "cost-based-routing": "cost",
    "usage-based-routing": "p2c",
    "usage-based-routing-v2": "p2c",
}
_APPROXIMATE = "is meant by use; here the less busy of two is taken (p2c)"


@dataclass(slots=True, kw_only=True)
class Routing:
    """What the settings of router and library say of groups."""

    strategy: str = "weighted"
    fallbacks: dict[str, list[str]] = field(default_factory=dict)
    filtered: dict[str, list[str]] = field(default_factory=dict)
    default: list[str] = field(default_factory=list)
    aliases: dict[str, list[str]] = field(default_factory=dict)

    def read(self, settings: Node | None) -> None:
        """Take what one place says; what was said before stays."""
        if settings is None:
            return
        strategy = settings.text("routing_strategy")
        if strategy is not None:
            self.strategy = _STRATEGIES.get(strategy, "weighted")
            if strategy.startswith("usage") or strategy not in _STRATEGIES:
                settings.leave_out("routing_strategy", why=_APPROXIMATE)
        for group, targets in _pairs(settings, "fallbacks"):
            self.fallbacks.setdefault(group, targets)
        for group, targets in _pairs(settings, "content_policy_fallbacks"):
            self.filtered.setdefault(group, targets)
        self.default = self.default or [name.text for name in settings.scalars("default_fallbacks")]
        settings.leave_out(
            "context_window_fallbacks",
            why="is said of backends here",
            hint="give backends a contextWindow: a prompt too long for one goes to a larger one of the fallbacks",
        )
        for alias, target in (settings.table("model_group_alias") or Table(settings.at())).items():
            known = target.get("model") if isinstance(target, Table) else target
            if isinstance(known, Scalar):
                self.aliases.setdefault(known.text, []).append(alias)


def _pairs(settings: Node, key: str) -> list[tuple[str, list[str]]]:
    """Return the rows of ``[{group: [other, …]}, …]``."""
    return [
        (group, [name.text for name in row.scalars(group)])
        for row in settings.nodes(key)
        for group in row.keys
    ]


def judge(routing: Routing, known: Sequence[str], settings: Node) -> None:
    """Report fallbacks to groups that are not there."""
    lists = [*routing.fallbacks.values(), *routing.filtered.values(), routing.default]
    for name in dict.fromkeys(name for names in lists for name in names):
        if name not in known:
            settings.note(
                "unknown_group", None, f'a fallback leads to "{name}", which model_list does not have.'
            )


def words(found: Sequence[Deployment], routing: Routing) -> tuple[list[Table], list[Table]]:
    """Return backends and pools, and routes: exact names first, then patterns by length."""
    groups: dict[str, list[Deployment]] = {}
    for deployment in found:
        groups.setdefault(deployment.group, []).append(deployment)
    called = {group: _name(group, members) for group, members in groups.items()}
    backends = [deployment.backend for deployment in found]
    pools = [_pool(called[group], members, routing) for group, members in groups.items() if len(members) > 1]
    ordered = sorted(groups, key=lambda group: ("*" in group, -len(group) if "*" in group else 0))
    routes = [_route(group, called, groups[group][0].backend, routing) for group in ordered]
    return [*backends, *pools], routes


def _name(group: str, members: Sequence[Deployment]) -> str:
    only = members[0].backend["name"]
    if len(members) == 1 and isinstance(only, Scalar):
        return only.text
    return group.replace("/*", "").replace("*", "any") or "any"


def _pool(name: str, members: Sequence[Deployment], routing: Routing) -> Table:
    at = members[0].backend.at
    rows = [
        table(one.backend.at, name=one.backend["name"], weight=one.weight, priority=one.order)
        for one in members
    ]
    return table(
        at,
        name=value(name, at),
        type=value("pool", at),
        strategy=value(routing.strategy, at),
        fallback=value(what=True, at=at),
        backends=items(at, rows),
    )


def _route(group: str, called: Mapping[str, str], first: Table, routing: Routing) -> Table:
    at = first.at
    names = [group, *routing.aliases.get(group, ())]
    after = [
        *routing.fallbacks.get(group, routing.fallbacks.get("*", routing.default)),
        *routing.filtered.get(group, ()),
    ]
    targets = list(dict.fromkeys(called[name] for name in after if name in called and name != group))
    model: Tree = value(group, at)
    if "*" in group:
        pattern = ".*".join(re.escape(part) for part in group.split("*"))
        model = table(at, regex=value(pattern, at))
    elif len(names) > 1:
        model = table(at, oneOf=_texts(names, first))
    body = Table(at)
    if group != "*":
        body.put("model", model, at)
    return table(
        at,
        name=value(called[group] if group != "*" else "default", at),
        default=value(what=True, at=at) if group == "*" else None,
        body=body or None,
        backend=value(called[group], at),
        fallback=_texts(targets, first) if targets else None,
        onContentFilter=value("next", at) if routing.filtered.get(group) else None,
    )


def _texts(names: Sequence[str], near: Table) -> Items:
    return items(near.at, [value(name, near.at) for name in names])
