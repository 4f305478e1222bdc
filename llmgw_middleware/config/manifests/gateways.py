"""``Gateway`` resources: which hosts their listeners admit, and which routes. One only referred to admits all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llmgw_middleware.config.manifests.hosts import ANY, admitted
from llmgw_middleware.config.manifests.resource import Key, Resource
from llmgw_middleware.config.node import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listener of a gateway. ``everyone``: routes of other namespaces may attach, too."""

    name: str
    port: int | None
    host: str
    namespace: str
    everyone: bool

    def takes(self, ref: Node, namespace: str) -> bool:
        """Whether a route of ``namespace`` attaches here by ``ref``."""
        section, port = ref.text("sectionName"), ref.whole("port")
        return (
            (section is None or section == self.name)
            and (port is None or port == self.port)
            and (self.everyone or namespace == self.namespace)
        )


class Gateways:
    """All gateways that there are or that a route refers to."""

    def __init__(self, found: Iterable[Resource], routes: Sequence[Resource]) -> None:
        self._listeners = {gateway.key: _listeners(gateway) for gateway in found}
        self._implied = {key for route in routes for key, _ in parents(route)} - set(self._listeners)

    def knows(self, key: Key) -> bool:
        """Whether a policy can target it. Where nobody speaks of gateways, any will do."""
        return key in self._listeners or key in self._implied or not (self._listeners or self._implied)

    def sections(self, key: Key) -> frozenset[str]:
        """Return the names of a gateway's listeners; empty for one that is implied."""
        return frozenset(listener.name for listener in self._listeners.get(key, ()))

    def hosts(self, route: Resource) -> tuple[str, ...]:
        """Return the hosts by which requests reach ``route``: none if no listener takes it."""
        asked = [name.text for name in route.spec.scalars("hostnames")]
        found: dict[str, None] = {}
        for key, ref in parents(route):
            found.update(dict.fromkeys(admitted(self._admits(key, ref, route.namespace), asked)))
        return tuple(found)

    def _admits(self, key: Key, ref: Node, namespace: str) -> list[str]:
        listeners = self._listeners.get(key)
        if listeners is None:
            ref.skip("sectionName", "port")
            return [ANY]
        return [listener.host for listener in listeners if listener.takes(ref, namespace)]


def parents(route: Resource) -> list[tuple[Key, Node]]:
    """Return the gateways that a route names, each with its reference."""
    refs = route.spec.nodes("parentRefs")
    found = []
    for ref in refs:
        ref.skip("group")
        if ref.text("kind") in (None, "Gateway", "ListenerSet", "XListenerSet"):
            found.append(((ref.text("namespace") or route.namespace, ref.text("name") or ""), ref))
        else:
            ref.leave_out("kind", why="is no gateway")
    return found


def _listeners(gateway: Resource) -> list[Listener]:
    spec = gateway.spec
    # Addresses, classes and infrastructure are the cluster's; the host application has its own.
    spec.skip("gatewayClassName", "addresses", "infrastructure")
    made = []
    for node in spec.nodes("listeners"):
        node.skip("protocol", "tls")
        made.append(
            Listener(
                name=node.text("name") or "",
                port=node.whole("port"),
                host=node.text("hostname") or ANY,
                namespace=gateway.namespace,
                everyone=_open_to_everyone(node),
            )
        )
    return made


def _open_to_everyone(listener: Node) -> bool:
    allowed = listener.node("allowedRoutes")
    if allowed is None:
        return False
    allowed.skip("kinds")
    namespaces = allowed.node("namespaces")
    if namespaces is None:
        return False
    namespaces.leave_out(
        "selector", why="asks for labels of namespaces, which files do not have: all may attach"
    )
    return namespaces.text("from") in ("All", "Selector")
