"""The parts an expression consists of. Every part knows where it stands in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """A part from offset ``start`` to ``end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Part):
    """A constant."""

    value: Any


@dataclass(frozen=True, slots=True)
class Ident(Part):
    """A name; with a leading dot it is never taken for one inside the container or for a loop's variable."""

    name: str
    rooted: bool = False


@dataclass(frozen=True, slots=True)
class Select(Part):
    """``operand.field``, or ``operand.?field``."""

    operand: Part
    field: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Index(Part):
    """``operand[key]``, or ``operand[?key]``."""

    operand: Part
    key: Part
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Call(Part):
    """``name(args)`` or ``target.name(args)``; ``at`` is where the name stands."""

    target: Part | None
    name: str
    args: tuple[Part, ...]
    at: int


@dataclass(frozen=True, slots=True)
class ListOf(Part):
    """``[a, ?b]``."""

    items: tuple[tuple[Part, bool], ...]


@dataclass(frozen=True, slots=True)
class MapOf(Part):
    """``{k: v, ?k: v}``."""

    entries: tuple[tuple[Part, Part, bool], ...]


@dataclass(frozen=True, slots=True)
class Unary(Part):
    """``!a`` or ``-a``."""

    mark: str
    operand: Part


@dataclass(frozen=True, slots=True)
class Binary(Part):
    """Arithmetic, a comparison, or ``in``."""

    mark: str
    left: Part
    right: Part


@dataclass(frozen=True, slots=True)
class Logic(Part):
    """``a && b && c`` or ``a || b || c``: two terms or more."""

    mark: str
    terms: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice(Part):
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
