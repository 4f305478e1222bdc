"""``AgentgatewayBackend`` resources as backends and pools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from llmgw_middleware.config.manifests.credentials import BackendPolicies, speaks_tls
from llmgw_middleware.config.manifests.providers import backend_of
from llmgw_middleware.config.manifests.resource import Resource
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Scalar, Table
from llmgw_middleware.config.writing import items, table, value

Attached = Callable[[Resource], Sequence[Node]]
"""The backend policies that target a backend, the narrowest first."""


class Backends:
    """Puts every backend into words. ``called`` tells its name, ``attached`` which policies target it."""

    def __init__(
        self,
        found: Sequence[Resource],
        policies: BackendPolicies,
        *,
        called: Callable[[Resource], str],
        attached: Attached,
    ) -> None:
        self._found = found
        self._policies = policies
        self._called = called
        self._attached = attached

    def words(self) -> list[Table]:
        """Return all backends, those inside groups before the pools that they form."""
        return [made for backend in self._found for made in self._one(backend)]

    def _one(self, backend: Resource) -> list[Table]:
        spec = backend.spec
        _judge(spec)
        name = value(self._called(backend), backend.at)
        ai = spec.node("ai")
        if ai is not None and ai.has("groups"):
            return self._pool(name, ai.nodes("groups"), backend)
        made = self._single(name, spec, ai)
        if made is None:
            return []
        provider = ai.node("provider") if ai is not None else None
        self._lay(made, backend, provider)
        return [made]

    def _single(self, name: Scalar, spec: Node, ai: Node | None) -> Table | None:
        if ai is not None:
            provider = ai.node("provider")
            return None if provider is None else backend_of(name, provider)
        static = spec.node("static")
        if static is not None:
            return _static(name, static, spec.node("policies"))
        spec.leave_out(
            *(key for key in spec.keys if key != "policies"),
            why="is no LLM provider: the backend has no address here",
        )
        return None

    def _pool(self, name: Scalar, groups: Iterable[Node], backend: Resource) -> list[Table]:
        """Put groups of providers into words: a pool whose later groups serve when none of the first can."""
        made: list[Table] = []
        members: list[Table] = []
        for priority, group in enumerate(groups):
            for place, provider in enumerate(group.nodes("providers"), start=1):
                called = provider.text("name") or f"{priority}-{place}"
                member = backend_of(value(f"{name.text}/{called}", provider.at()), provider)
                if member is None:
                    continue
                self._lay(member, backend, provider)
                made.append(member)
                at = provider.at()
                members.append(table(at, name=member["name"], priority=value(priority, at)))
        at = backend.at
        pool = table(
            at,
            name=name,
            type=value("pool", at),
            strategy=value("p2c", at),
            fallback=value(what=True, at=at),
            backends=items(at, members),
        )
        return [*made, pool] if members else made

    def _lay(self, made: Table, backend: Resource, provider: Node | None) -> None:
        own = [provider.node("policies")] if provider is not None else []
        for policies in (*own, backend.spec.node("policies"), *self._attached(backend)):
            self._policies.lay(policies, made, backend.namespace)


def _static(name: Scalar, static: Node, policies: Node | None) -> Table | None:
    """Put a plain address into words. It has no path: the caller's own is sent, as a reverse proxy does."""
    host, port = static.scalar("host"), static.whole("port")
    if host is None or port is None:
        static.refuse("host", "static needs host and port.")
        return None
    scheme = "https" if speaks_tls(policies, port) else "http"
    return table(static.at(), name=name, url=value(f"{scheme}://{host.text}:{port}", host.at))


def _judge(spec: Node) -> None:
    kinds = [key for key in spec.keys if key != "policies"]
    if len(kinds) > 1:
        spec.refuse(kinds[1], f"exactly one of {', '.join(kinds)} may be set.")
    policies = spec.node("policies")
    if policies is not None and policies.has("mcp") and not spec.has("mcp"):
        policies.refuse("mcp", "MCP policies require MCP targets.")
    mcp = spec.node("mcp")
    for target in mcp.nodes("targets") if mcp is not None else ():
        static = target.node("static")
        if static is not None and static.has("host") == static.has("backendRef"):
            static.refuse("host", "exactly one of the fields in [host backendRef] must be set.")
