"""The parts an expression consists of. Every part knows where it stands in the text.

They are structs, as they are made at every start: a frozen dataclass takes ten times as long to define.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Part(msgspec.Struct, frozen=True):
    """A part from offset ``start`` to ``end``."""

    start: int
    end: int


class Literal(Part, frozen=True):
    """A constant."""

    value: Any


class Ident(Part, frozen=True):
    """A name; with a leading dot it is never taken for one inside the container or for a loop's variable."""

    name: str
    rooted: bool = False


class Select(Part, frozen=True):
    """``operand.field``, or ``operand.?field``."""

    operand: Part
    field: str
    optional: bool = False


class Index(Part, frozen=True):
    """``operand[key]``, or ``operand[?key]``."""

    operand: Part
    key: Part
    optional: bool = False


class Call(Part, frozen=True):
    """``name(args)`` or ``target.name(args)``; ``at`` is where the name stands."""

    target: Part | None
    name: str
    args: tuple[Part, ...]
    at: int


class ListOf(Part, frozen=True):
    """``[a, ?b]``."""

    items: tuple[tuple[Part, bool], ...]


class MapOf(Part, frozen=True):
    """``{k: v, ?k: v}``."""

    entries: tuple[tuple[Part, Part, bool], ...]


class Unary(Part, frozen=True):
    """``!a`` or ``-a``."""

    mark: str
    operand: Part


class Binary(Part, frozen=True):
    """Arithmetic, a comparison, or ``in``."""

    mark: str
    left: Part
    right: Part


class Logic(Part, frozen=True):
    """``a && b && c`` or ``a || b || c``: two terms or more."""

    mark: str
    terms: tuple[Part, ...]


class Choice(Part, frozen=True):
    """``condition ? then : other``."""

    condition: Part
    then: Part
    other: Part


def inside(part: Part) -> tuple[Part, ...]:
    """Return the parts directly inside another, in the order of the text."""
    match part:
        case Select(operand=operand) | Unary(operand=operand):
            return (operand,)
        case Index(operand=operand, key=key):
            return (operand, key)
        case Call(target=target, args=args):
            return args if target is None else (target, *args)
        case ListOf(items=items):
            return tuple(item for item, _ in items)
        case MapOf(entries=entries):
            return tuple(side for key, value, _ in entries for side in (key, value))
        case Binary(left=left, right=right):
            return (left, right)
        case Logic(terms=terms):
            return terms
        case Choice(condition=condition, then=then, other=other):
            return (condition, then, other)
    return ()
