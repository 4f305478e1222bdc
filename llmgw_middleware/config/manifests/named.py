"""Which documents are manifests, and which of them a configuration names."""

from __future__ import annotations

from pathlib import Path

from llmgw_middleware.config.tree import Items, Scalar, Table, Tree


def is_manifest(tree: Tree) -> bool:
    """Whether a document is a Kubernetes resource and no configuration of ours."""
    return isinstance(tree, Table) and "apiVersion" in tree and "kind" in tree


def manifests_named(root: Table) -> list[Path]:
    """Return the files and folders under ``manifests``; relative ones count from the file that names them."""
    named = root.get("manifests")
    parts = named if isinstance(named, Items) else [named]
    return [_path(part) for part in parts if isinstance(part, Scalar) and part.text and not part.missing]


def _path(named: Scalar) -> Path:
    path = Path(named.text)
    return Path(named.at.file).parent / path if named.at.line and not path.is_absolute() else path
