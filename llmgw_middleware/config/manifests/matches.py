"""Matches of an ``HTTPRoute`` as conditions, with their precedence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llmgw_middleware.config.manifests.hosts import ANY, ranked
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Position, Scalar, Table
from llmgw_middleware.config.writing import items, table, value

Precedence = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One match on hosts of one rank: its conditions, and its place among all of them. Lower comes first."""

    precedence: Precedence
    conditions: Table
    prefix: str | None


def entries(matches: list[Node], hosts: tuple[str, ...], rule: Node, tie: tuple[str, int]) -> Iterator[Entry]:
    """Return a rule's matches; without any it takes every path.

    The Gateway API's order: host (exact, the longest wildcard, none), an exact path before others by their length, a
    method, the number of headers, then of query parameters; at last ``namespace/name`` and the rule's place (``tie``).
    """
    for number, match in enumerate(matches or [None]):
        conditions, kind, pattern = _conditions(match, rule.at())
        counts = tuple(-_size(conditions, key) for key in ("headers", "query"))
        for rank, names in ranked(hosts):
            whole = table(conditions.at, **conditions)
            if ANY not in names:
                whole.put("host", items(rule.at(), [value(name, rule.at()) for name in names]), rule.at())
            yield Entry(
                precedence=(
                    rank,
                    kind != "Exact",
                    -len(pattern),
                    "methods" not in conditions,
                    *counts,
                    *tie,
                    number,
                ),
                conditions=whole,
                prefix=pattern if kind == "PathPrefix" else None,
            )


def _size(conditions: Table, key: str) -> int:
    tests = conditions.get(key)
    return len(tests) if isinstance(tests, Table) else 0


def _conditions(match: Node | None, at: Position) -> tuple[Table, str, str]:
    """Return the conditions, and the kind and text of the path."""
    if match is None:
        return table(at, path=table(at, prefix=value("/", at))), "PathPrefix", "/"
    path = match.node("path")
    kind = (path.text("type") if path is not None else None) or "PathPrefix"
    given = path.scalar("value") if path is not None else None
    pattern = given or value("/", match.at())
    made = table(match.at(), path=_path(kind, pattern, path))
    method = match.scalar("method")
    if method is not None:
        made.put("methods", items(method.at, [method]), method.at)
    for key, ours in (("headers", "headers"), ("queryParams", "query")):
        fields = _fields(match, key)
        if fields:
            made.put(ours, fields, fields.at)
    return made, kind, pattern.text


def _path(kind: str, pattern: Scalar, path: Node | None) -> Scalar | Table | None:
    if kind == "PathPrefix":
        return table(pattern.at, prefix=pattern)
    if kind == "RegularExpression":
        return table(pattern.at, regex=pattern)
    if kind == "Exact":
        # Only the text of a prefix ends so; as a pattern it is the path itself.
        starred = "*" in pattern.text
        return table(pattern.at, regex=value(re.escape(pattern.text), pattern.at)) if starred else pattern
    if path is not None:
        path.wrong("type", "one of Exact, PathPrefix and RegularExpression")
    return None


def _fields(match: Node, key: str) -> Table:
    """Return tests by name. Of several on one name the first counts, as the Gateway API says."""
    fields = Table(match.at(key))
    for field in match.nodes(key):
        name, wanted = field.scalar("name"), field.scalar("value")
        kind = field.text("type") or "Exact"
        if name is None or wanted is None:
            field.refuse("name", f"{match.path(key)} needs name and value.")
            continue
        called = name.text.lower() if key == "headers" else name.text
        if called in fields:
            field.leave_out("name", why="repeats a name, of which the first one counts")
        elif kind == "Exact":
            fields.put(called, wanted, name.at)
        elif kind == "RegularExpression":
            fields.put(called, table(wanted.at, regex=wanted), name.at)
        else:
            field.wrong("type", "one of Exact and RegularExpression")
    return fields
