"""Kubernetes resources among documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llmgw_middleware.config.node import Node, Origin
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Position, Scalar, Table, Tree

GATEWAY_API = "gateway.networking.k8s.io"
AGENTGATEWAY = frozenset({"agentgateway.dev", "gateway.kgateway.dev"})
OURS = AGENTGATEWAY | {GATEWAY_API}
NAMESPACE = "default"

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource. ``spec`` is empty where there is none."""

    group: str
    kind: str
    namespace: str
    name: str
    labels: dict[str, str]
    spec: Node
    whole: Node
    at: Position

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.kind} {self.namespace}/{self.name}"


def resources(documents: Iterable[Table], report: Report) -> Iterator[Resource]:
    """Return every resource; the items of a ``List`` count as documents."""
    for document in documents:
        parts = document.get("items")
        if _text(document.get("kind")) == "List" and isinstance(parts, Items):
            yield from resources((part for part in parts if isinstance(part, Table)), report)
        else:
            yield _resource(document, report)


def _resource(document: Table, report: Report) -> Resource:
    kind = _text(document.get("kind")) or ""
    group = (_text(document.get("apiVersion")) or "").rpartition("/")[0]
    about = document.get("metadata")
    metadata = about if isinstance(about, Table) else Table(document.at)
    name = _text(metadata.get("name")) or ""
    namespace = _text(metadata.get("namespace")) or NAMESPACE
    whole = Node(document, "", Origin(f"{kind} {namespace}/{name}", report))
    if not name and group in OURS:
        whole.refuse("metadata", "metadata.name is needed.")
    written = document.get("labels") if not about else metadata.get("labels")
    labels = written.items() if isinstance(written, Table) else ()
    return Resource(
        group=group,
        kind=kind,
        namespace=namespace,
        name=name,
        labels={key: _text(value) or "" for key, value in labels},
        spec=whole.node("spec")
        or Node(Table(document.at), "spec", Origin(f"{kind} {namespace}/{name}", report)),
        whole=whole,
        at=document.at,
    )


def _text(tree: Tree | None) -> str | None:
    return tree.text if isinstance(tree, Scalar) and tree.value is not None else None
