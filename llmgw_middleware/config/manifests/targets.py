"""What a ``backendRef`` leads to, and what it is called here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llmgw_middleware.config.manifests.resource import AGENTGATEWAY, Resource
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Position, Table
from llmgw_middleware.config.writing import table, value

_BACKEND = "AgentgatewayBackend"
_SERVICE = "Service"


@dataclass(frozen=True, slots=True)
class Referred:
    """A backend that somebody refers to. ``port`` is a Service's."""

    kind: str
    namespace: str
    name: str
    port: int | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """What it may be called, the shortest first."""
        qualified = f"{self.namespace}/{self.name}"
        return self.name, qualified, f"{qualified}/{self.port if self.port is not None else self.kind}"


def referred(ref: Node, namespace: str) -> Referred | None:
    """Read a ``backendRef`` of a route in ``namespace``; None, reported, for kinds that this gateway cannot ask."""
    group, kind = ref.text("group") or "", ref.text("kind") or _SERVICE
    name, port = ref.text("name"), ref.whole("port")
    where = ref.text("namespace") or namespace
    if name is None:
        ref.refuse("name", f"{ref.path('name')} is needed.")
        return None
    if kind == _BACKEND and group in AGENTGATEWAY:
        return Referred(_BACKEND, where, name)
    if kind == _SERVICE and not group:
        return Referred(_SERVICE, where, name, port)
    ref.leave_out("kind", why=f"leads to {kind}, which this gateway cannot ask")
    return None


class Names:
    """What everything that is referred to is called: its name, and more only where two would share it."""

    def __init__(self, declared: Iterable[Resource], mentioned: Sequence[Referred]) -> None:
        known = dict.fromkeys([*(Referred(_BACKEND, *backend.key) for backend in declared), *mentioned])
        uses: dict[str, int] = {}
        for one in known:
            for form in one.forms:
                uses[form] = uses.get(form, 0) + 1
        self._names = {one: next(f for f in one.forms if uses[f] == 1 or f == one.forms[-1]) for one in known}

    def of(self, one: Referred) -> str:
        """Return what ``one`` is called."""
        return self._names[one]

    def of_backend(self, backend: Resource) -> str:
        """Return what a resource is called."""
        return self._names[Referred(_BACKEND, *backend.key)]

    def services(self) -> list[tuple[Referred, str]]:
        """Return every Service that is referred to, with its name."""
        return [(one, name) for one, name in self._names.items() if one.kind == _SERVICE]


def service_words(one: Referred, name: str, at: Position) -> Table:
    """Return a Service as a backend: at the address that it has inside its cluster."""
    port = "" if one.port is None else f":{one.port}"
    url = f"http://{one.name}.{one.namespace}.svc.cluster.local{port}"
    return table(at, name=value(name, at), url=value(url, at))
