"""A configuration as it was written: every key and value knows its place."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; ``line`` and ``column`` count from 1, 0 where they are not known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Scalar:
    """One value.

    ``value`` is what the format says it is, ``text`` its source text, ``source`` the text before interpolation (the
    only one that messages may show). ``loose``: text that came from outside, so it may spell a number. ``missing``:
    a variable in it is not set.
    """

    value: Any
    text: str
    source: str
    at: Position
    loose: bool = False
    missing: bool = False

    @property
    def typed(self) -> Any:
        """The value, where a number or boolean from outside counts as such."""
        return core_value(self.text) if self.loose else self.value

    def __repr__(self) -> str:
        return f"<{self.source} at {self.at}>"


class Table(dict[str, "Tree"]):
    """A mapping. ``keys_at`` tells where each key stands."""

    __slots__ = ("at", "keys_at")

    def __init__(self, at: Position) -> None:
        super().__init__()
        self.at = at
        self.keys_at: dict[str, Position] = {}

    def put(self, key: str, value: Tree, at: Position) -> None:
        """Set ``key``, written at ``at``."""
        self[key] = value
        self.keys_at[key] = at


class Items(list["Tree"]):
    """A list."""

    __slots__ = ("at",)

    def __init__(self, at: Position) -> None:
        super().__init__()
        self.at = at


Tree = Scalar | Table | Items


def find(tree: Tree, path: Sequence[str | int]) -> tuple[Tree, Position]:
    """Follow ``path`` as far as it leads; return what is there and its place. Steps that lead nowhere are skipped.

    Keys are looked up as written and in snake_case. The place of a key is the key's own.
    """
    at = tree.at
    for step in path:
        if isinstance(tree, Table) and isinstance(step, str):
            key = step if step in tree else snake(step)
            if key in tree:
                at = tree.keys_at[key]
                tree = tree[key]
        elif isinstance(tree, Items) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
            at = tree.at
    return tree, at


def plain(tree: Tree) -> Any:
    """Return the Python value: what a key for free data holds."""
    match tree:
        case Scalar():
            return tree.typed
        case Table():
            return {key: plain(value) for key, value in tree.items()}
        case Items():
            return [plain(item) for item in tree]


def camel(name: str) -> str:
    """Return the camelCase spelling of a snake_case key; any other text is left alone."""
    if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name):
        return name
    return re.sub(r"_([a-z])", lambda m: m[1].upper(), name)


def snake(name: str) -> str:
    """Return the snake_case spelling of a camelCase key."""
    return re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name)


def _finite(text: str) -> Any:
    """Return the float, or the text itself where only infinity would be near."""
    number = float(text)
    return number if math.isfinite(number) else text


_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS = (
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), _finite),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)


def core_value(text: str) -> Any:
    """Return what a plain scalar means by YAML 1.2's core schema (section 10.3.2): ``NO`` and ``on`` are text."""
    if text in _WORDS:
        return _WORDS[text]
    for pattern, convert in _NUMBERS:
        if pattern.fullmatch(text):
            return convert(text)
    return text
