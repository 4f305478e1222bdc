"""``AgentgatewayPolicy`` resources: what each targets, and what it asks for there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmgw_middleware.config.manifests.gateways import Gateways, parents
from llmgw_middleware.config.manifests.resource import Key, Resource
from llmgw_middleware.config.node import Node

_PRE_ROUTING = "PreRouting"
_GUARDS = (
    "apiKeyAuthentication", "basicAuthentication", "buffer", "csrf", "extAuth",
    "extProc", "jwtAuthentication", "rateLimit",
)  # fmt: skip
_GATEWAYS = ("Gateway", "ListenerSet", "XListenerSet")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """What a policy targets: by name, or by labels. ``section`` narrows it down."""

    kind: str
    name: str | None
    labels: dict[str, str]
    section: str | None

    def takes(self, resource: Resource) -> bool:
        if resource.kind != self.kind and not (self.kind in _GATEWAYS and resource.kind in _GATEWAYS):
            return False
        if self.name is not None:
            return resource.name == self.name
        return all(resource.labels.get(key) == wanted for key, wanted in self.labels.items())


class Policies:
    """All policies, in the order of their names."""

    def __init__(self, found: Sequence[Resource], gateways: Gateways, known: Sequence[Resource]) -> None:
        self._gateways = gateways
        self._known = known
        ordered = sorted(found, key=lambda policy: policy.key)
        self._targets = [(policy, _targets(policy)) for policy in ordered]
        self._by_route: dict[str, list[int]] = {}
        self._wide: list[int] = []
        self._ranks: dict[tuple[Key, str | None], list[Resource]] = {}
        for place, (policy, targets) in enumerate(self._targets):
            _guards(policy)
            self._judge(policy, targets)
            self._index(place, targets)

    def _index(self, place: int, targets: Sequence[_Target]) -> None:
        """Note which routes a policy can be over: those that it names, or any."""
        names = {target.name for target in targets if target.kind == "HTTPRoute"}
        if None in names or any(target.kind in _GATEWAYS for target in targets):
            self._wide.append(place)
            return
        for name in names:
            self._by_route.setdefault(name or "", []).append(place)

    def before_routing(self) -> Iterator[Node]:
        """Return the ``PreRouting`` transformations. All run, in the order of their policies' names."""
        for policy, targets in self._targets:
            traffic = policy.spec.node("traffic")
            if traffic is None or traffic.text("phase") != _PRE_ROUTING:
                continue
            attached = any(self._attached(policy, target) for target in targets)
            transformation = traffic.node("transformation")
            if attached and transformation is not None:
                yield transformation

    def of_backend(self, backend: Resource) -> list[Node]:
        """Return the backend policies that target ``backend``: those that name it before those of gateways."""
        named, wide = [], []
        for policy, targets in self._targets:
            section = policy.spec.node("backend")
            if section is None or policy.namespace != backend.namespace:
                continue
            if any(target.takes(backend) for target in targets):
                named.append(section)
            elif any(t.kind in _GATEWAYS and self._attached(policy, t) for t in targets):
                wide.append(section)
        return [*named, *wide]

    def of_rule(self, route: Resource, rule: str | None, section: str = "traffic") -> list[Node]:
        """Return a section of the policies of a rule, the narrowest first: the rule's, its route's, its gateway's."""
        return [node for node in self._over(route, rule, section) if node.text("phase") != _PRE_ROUTING]

    def authorizations(self, route: Resource, rule: str | None) -> list[Node]:
        """Return every authorization over a rule, whenever it is asked for."""
        found = (node.node("authorization") for node in self._over(route, rule, "traffic"))
        return [node for node in found if node is not None]

    def _over(self, route: Resource, rule: str | None, section: str) -> list[Node]:
        nodes = (policy.spec.node(section) for policy in self._ranked(route, rule))
        return [node for node in nodes if node is not None]

    def _ranked(self, route: Resource, rule: str | None) -> list[Resource]:
        """Return the policies over a rule, the narrowest first; worked out once for each rule."""
        key = (route.key, rule)
        if key not in self._ranks:
            found: list[tuple[int, Resource]] = []
            for place in sorted((*self._wide, *self._by_route.get(route.name, ()))):
                policy, targets = self._targets[place]
                ranks = [self._rank(policy, target, route, rule) for target in targets]
                best = min((rank for rank in ranks if rank is not None), default=None)
                if best is not None:
                    found.append((best, policy))
            self._ranks[key] = [policy for _, policy in sorted(found, key=lambda pair: pair[0])]
        return self._ranks[key]

    def _rank(self, policy: Resource, target: _Target, route: Resource, rule: str | None) -> int | None:
        if target.kind == "HTTPRoute" and policy.namespace == route.namespace and target.takes(route):
            if target.section is None:
                return 1
            return 0 if target.section == rule else None
        if target.kind in _GATEWAYS and self._attached(policy, target):
            over = {key for key, _ in parents(route)}
            named = target.name is None or (policy.namespace, target.name) in over or not over
            return (2 if target.section else 3) if named else None
        return None

    def _attached(self, policy: Resource, target: _Target) -> bool:
        """Whether what a policy targets is there; a gateway only referred to is implied (routing.md 3)."""
        if target.kind in _GATEWAYS and target.name is not None:
            key = (policy.namespace, target.name)
            sections = self._gateways.sections(key)
            known = self._gateways.knows(key)
            return known and (target.section is None or not sections or target.section in sections)
        return any(target.takes(one) and one.namespace == policy.namespace for one in self._known)

    def _judge(self, policy: Resource, targets: Sequence[_Target]) -> None:
        for target in targets:
            if target.kind not in (*_GATEWAYS, "HTTPRoute", "AgentgatewayBackend"):
                policy.spec.note(
                    "not_attached", None, f"it targets {target.kind}, which nothing here is; it does nothing."
                )
            elif not self._attached(policy, target):
                called = target.name or "of these labels"
                policy.spec.note(
                    "not_attached",
                    None,
                    f'it targets the {target.kind} "{called}", which is not there; it does nothing.',
                )


def _targets(policy: Resource) -> list[_Target]:
    spec = policy.spec
    refs, selectors = spec.nodes("targetRefs"), spec.nodes("targetSelectors")
    if refs and selectors:
        spec.refuse(
            "targetSelectors", "exactly one of the fields in [targetRefs targetSelectors] must be set."
        )
    made = []
    for ref in (*refs, *selectors):
        ref.skip("group", "port")
        labels = ref.table("matchLabels")
        made.append(
            _Target(
                kind=ref.text("kind") or "",
                name=None if ref in selectors else ref.text("name"),
                labels={key: getattr(tree, "text", "") for key, tree in (labels or {}).items()},
                section=ref.text("sectionName"),
            )
        )
    if len({target.kind for target in made}) > 1:
        spec.refuse("targetRefs", "Only one Kind of targetRef can be set on one policy.")
    _phase(spec, made)
    return made


def _phase(spec: Node, targets: Sequence[_Target]) -> None:
    traffic = spec.node("traffic")
    if traffic is None or traffic.text("phase") != _PRE_ROUTING:
        return
    if any(target.kind not in _GATEWAYS for target in targets):
        traffic.refuse(
            "phase", "the 'traffic.phase=PreRouting' field can only target a Gateway or ListenerSet."
        )


def _guards(policy: Resource) -> None:
    traffic, backend = policy.spec.node("traffic"), policy.spec.node("backend")
    if traffic is not None:
        traffic.leave_guard_out(*_GUARDS)
        traffic.leave_out("cors", why="is the host application's business and left out")
        if (rewrite := traffic.node("hostRewrite")) is not None and rewrite.text("mode") == "Auto":
            rewrite.skip("mode")
    if backend is not None:
        backend.leave_guard_out("mcp")
