"""Python values to a tree: a configuration given as a mapping, or as seed 000's list of rules."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Position, Scalar, Table, Tree

ROOT = "configuration"
"""What stands for the file where there is none."""


def document(value: Any, report: Report) -> Tree:
    """Return the tree of ``value``. A place is the path to it: ``routes[2].backend``."""
    return _tree(value, "", report)


def source_text(value: Any) -> str:
    """Return how a value is written in YAML, for keys that want text."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tree(value: Any, path: str, report: Report) -> Tree:
    at = Position(path or ROOT)
    if isinstance(value, Mapping):
        return _table(value, path, report)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = Items(at)
        items.extend(_tree(part, f"{path}[{index}]", report) for index, part in enumerate(value))
        return items
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if value is not None and not isinstance(value, str | int | float):
        report.error("bad_value", at, f"A {type(value).__name__} cannot stand in a configuration.")
        value = None
    text = source_text(value)
    return Scalar(value=value, text=text, source=text, at=at)


def _table(value: Mapping[Any, Any], path: str, report: Report) -> Table:
    table = Table(Position(path or ROOT))
    for key, part in value.items():
        name = source_text(key)
        below = f"{path}.{name}" if path else name
        table.put(name, _tree(part, below, report), Position(below))
    return table
