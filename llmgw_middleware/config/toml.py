"""TOML text to a tree. The standard parser tells no positions, so lines are found by a look at the text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.python import source_text
from llmgw_middleware.config.tree import Items, Position, Scalar, Table, Tree

Path = tuple[str | int, ...]

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(rf"(\s*)({_DOTTED})\s*=")
_FAILED_AT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")


def document(text: str, file: str, report: Report) -> list[Tree]:
    """Return the one document of ``text``, or nothing and a reported problem."""
    try:
        return [_tree(tomllib.loads(text), (), Position(file, 1, 1), lines_of(text, file))]
    except tomllib.TOMLDecodeError as error:
        found = _FAILED_AT.fullmatch(str(error))
        line, column = (int(found[2] or 1), int(found[3] or 1)) if found else (1, 1)
        report.error(
            "syntax", Position(file, line, column), f"This cannot be read: {found[1] if found else error}."
        )
    except RecursionError:
        report.error("syntax", Position(file, 1, 1), "This is nested too deeply.")
    return []


def lines_of(text: str, file: str) -> dict[Path, Position]:
    """Return where headers and keys stand. A best effort: what is inside inline values has its key's place."""
    places: dict[Path, Position] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _numbered(_split(header[2]), counts, new=header[1] == "[[")
            places.setdefault(table, Position(file, number, header.start(2) + 1))
        elif key := _KEY.match(line):
            at = Position(file, number, len(key[1]) + 1)
            names = _split(key[2])
            for depth in range(1, len(names) + 1):
                places.setdefault((*table, *names[:depth]), at)
    return places


def _numbered(names: Path, counts: dict[Path, int], *, new: bool) -> Path:
    """Return the header's path with the index of each array of tables that it goes through."""
    path: Path = ()
    for depth, name in enumerate(names):
        path = (*path, name)
        if new and depth == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def _tree(value: Any, path: Path, above: Position, places: Mapping[Path, Position]) -> Tree:
    at = places.get(path, above)
    if isinstance(value, dict):
        table = Table(at)
        for key, part in value.items():
            table.put(key, _tree(part, (*path, key), at, places), places.get((*path, key), at))
        return table
    if isinstance(value, list):
        items = Items(at)
        items.extend(_tree(part, (*path, index), at, places) for index, part in enumerate(value))
        return items
    text = source_text(value)
    return Scalar(value=value, text=text, source=text, at=at)
