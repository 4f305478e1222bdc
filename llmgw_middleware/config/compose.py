"""YAML and JSON text to a tree with positions.

PyYAML finds the nodes; what they mean is decided here, by YAML 1.2's core schema. JSON is read as the YAML it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Position, Scalar, Table, Tree, core_value

# libyaml is many times faster; both know every node's line and column and resolve nothing.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_CORE = "tag:yaml.org,2002:"
_TAGS = frozenset(_CORE + name for name in ("str", "int", "float", "bool", "null", "seq", "map"))
_MOST_NODES = 500_000
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def documents(text: str, file: str, report: Report) -> list[Tree]:
    """Return the documents of ``text``; what cannot be read is reported and ends the list. Empty ones are left out."""
    found: list[Tree] = []
    walk = _Walk(file, report)
    try:
        found.extend(walk.tree(node) for node in yaml.compose_all(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        report.error(
            "syntax", _position(file, mark), f"This cannot be read: {_reason(error)}.", _remedy(text, mark)
        )
    except yaml.YAMLError as error:
        report.error("syntax", Position(file, 1, 1), f"This cannot be read: {str(error).splitlines()[0]}.")
    except RecursionError:
        report.error("syntax", Position(file, 1, 1), "This is nested too deeply.")
    return [tree for tree in found if not (isinstance(tree, Scalar) and tree.value is None)]


def json_as_yaml(text: str) -> str:
    """Return JSON text without the two things in which YAML differs: tabs between tokens, and escaped surrogates."""
    return _SURROGATES.sub(_join, text.replace("\t", " "))


def _join(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


class _Walk:
    """Turns nodes into trees. Aliases are followed, but neither in circles nor without bound."""

    def __init__(self, file: str, report: Report) -> None:
        self._file = file
        self._report = report
        self._open: set[int] = set()
        self._seen = 0

    def tree(self, node: yaml.Node) -> Tree:
        at = _position(self._file, node.start_mark)
        self._seen += 1
        if id(node) in self._open or self._seen > _MOST_NODES:
            self._report.error(
                "syntax", at, "An alias here leads back to itself or multiplies without bound."
            )
            return Scalar(value=None, text="", source="", at=at)
        if node.tag not in _TAGS:
            self._report.error("syntax", at, f"The tag {node.tag} means nothing here.", "leave it out")
        self._open.add(id(node))
        try:
            return self._part(node, at)
        finally:
            self._open.discard(id(node))

    def _part(self, node: yaml.Node, at: Position) -> Tree:
        if isinstance(node, yaml.MappingNode):
            return self._table(node, at)
        if isinstance(node, yaml.SequenceNode):
            items = Items(at)
            items.extend(self.tree(child) for child in node.value)
            return items
        text = str(node.value)
        is_plain = not getattr(node, "style", None)
        return Scalar(value=core_value(text) if is_plain else text, text=text, source=text, at=at)

    def _table(self, node: yaml.MappingNode, at: Position) -> Table:
        table = Table(at)
        for key_node, value_node in self._pairs(node):
            key, key_at = str(key_node.value), _position(self._file, key_node.start_mark)
            if key in table:
                first = table.keys_at[key]
                self._report.error(
                    "duplicate_key", key_at, f'The key "{key}" stands here twice, first at {first}.'
                )
            elif key == "<<" and not key_node.style:
                self._report.error("unknown_key", key_at, "Merge keys (<<) are no part of YAML 1.2.")
            else:
                table.put(key, self.tree(value_node), key_at)
        return table

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key, value
            else:
                at = _position(self._file, key.start_mark)
                self._report.error(
                    "syntax", at, "A key has to be text.", 'quote "${…}" and other text with braces'
                )


def _position(file: str, mark: Any) -> Position:
    return Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)


def _reason(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)


def _remedy(text: str, mark: Any) -> str | None:
    """Return what helps against the two usual slips, by a look at the place where reading ended."""
    lines = text.split("\n")
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1 if mark else 0]:
        return "indent with spaces, not tabs"
    return 'quote "${…}" inside braces and brackets' if "${" in line else None
