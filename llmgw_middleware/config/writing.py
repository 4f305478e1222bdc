"""Trees of the configuration's own words, written by the reader of manifests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgw_middleware.config.python import source_text
from llmgw_middleware.config.tree import Items, Position, Scalar, Table, Tree


def value(what: Any, at: Position) -> Scalar:
    """Return a single value."""
    text = source_text(what)
    return Scalar(value=what, text=text, source=text, at=at)


def secret(text: str, reference: str, at: Position) -> Scalar:
    """Return a credential; messages and whatever is written down show the reference only."""
    return Scalar(value=text, text=text, source=reference, at=at, loose=True)


def table(at: Position, **keys: Tree | None) -> Table:
    """Return a mapping; keys without a value are left out."""
    made = Table(at)
    for key, tree in keys.items():
        if tree is not None:
            made.put(key, tree, at if isinstance(tree, Items | Table) else tree.at)
    return made


def items(at: Position, trees: Iterable[Tree]) -> Items:
    """Return a list."""
    made = Items(at)
    made.extend(trees)
    return made


def put_first(into: Table, key: str, tree: Tree) -> None:
    """Set a key that has no value yet."""
    if key not in into:
        into.put(key, tree, tree.at)
