"""What a single value must be, compiled: the forms of a header, a query parameter, a body field, a user's attribute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Final

import msgspec

from llmgw_middleware.body import MISSING
from llmgw_middleware.model.route import ValueTest
from llmgw_middleware.regex import compile_pattern

Holds = Callable[[Any], bool]

SHOWN: Final = 80
"""How many characters of a caller's value a reason shows."""

MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Part:
    """One demand on a value. ``fails`` says what is the matter: ``not 'premium'``, ``does not start with 'gpt-'``."""

    holds: Holds
    fails: str

    @property
    def clause(self) -> str:
        """Words to put after the name of the value."""
        return f"is {self.fails}" if self.fails.startswith("not ") else self.fails

    def after(self, seen: str) -> str:
        """Return words to put after the name, with the value that was seen."""
        return f"is {seen}, {self.fails if self.fails.startswith('not ') else 'which ' + self.fails}"


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything that is asked of one value. ``absent`` is the answer where there is no value."""

    holds: Holds
    parts: tuple[Part, ...]
    absent: bool

    def failing(self, value: Any) -> Part | None:
        """Return the first part that does not hold, or None if the fault is that there is, or is not, a value."""
        if self.absent:
            return None
        return next((part for part in self.parts if not part.holds(value)), None)


def text_demand(test: ValueTest, *, secret: bool = False) -> Demand:
    """Compile a test of text: a header line or a query value. Numbers are asked of bodies, never of text."""
    quoted = _masked if secret else shown
    parts = [*_spelled_parts(test, quoted), *_comparisons(test)]
    if test.exact is not None:
        exact = spelled(test.exact)
        parts.insert(0, Part(lambda value: value == exact, f"not {quoted(exact)}"))
    if test.one_of is not None:
        options = frozenset(spelled(option) for option in test.one_of)
        parts.append(Part(lambda value: value in options, _none_of(test.one_of, quoted)))
    if test.contains is not None:
        needle = spelled(test.contains)
        parts.append(Part(lambda value: needle in value, f"does not contain {quoted(needle)}"))
    return _demand(test, parts)


def data_demand(test: ValueTest) -> Demand:
    """Compile a test of a decoded value: a body field or a user's attribute."""
    parts = [*_spelled_parts(test, shown), *_comparisons(test)]
    if test.exact is not None:
        parts.insert(0, Part(equals(test.exact), f"not {shown(test.exact)}"))
    if test.one_of is not None:
        options = tuple(equals(option) for option in test.one_of)
        parts.append(Part(lambda value: any(equal(value) for equal in options), _none_of(test.one_of, shown)))
    if test.contains is not None:
        parts.append(Part(_contains(test.contains), f"does not contain {shown(test.contains)}"))
    return _demand(test, parts)


def _demand(test: ValueTest, parts: list[Part]) -> Demand:
    if test.present is False:
        # Absent and besides something: no value is both.
        return Demand(_never, tuple(parts), absent=not parts)
    holds: Holds = parts[0].holds if len(parts) == 1 else _all_of(tuple(part.holds for part in parts))
    return Demand(holds, tuple(parts), absent=False)


def _never(_: Any) -> bool:
    return False


def _all_of(tests: tuple[Holds, ...]) -> Holds:
    return lambda value: all(holds(value) for holds in tests)


def _none_of(options: tuple[Any, ...], quoted: Callable[[Any], str]) -> str:
    return f"not one of {', '.join(quoted(option) for option in options)}"


def _spelled_parts(test: ValueTest, quoted: Callable[[Any], str]) -> list[Part]:
    parts = []
    if test.regex is not None:
        matches = compile_pattern(test.regex)
        parts.append(Part(_on_text(matches), f"does not match {quoted(test.regex)}"))
    if test.prefix is not None:
        prefix = test.prefix
        parts.append(
            Part(_on_text(lambda text: text.startswith(prefix)), f"does not start with {quoted(prefix)}")
        )
    return parts


def _on_text(holds: Callable[[str], bool]) -> Holds:
    """Ask of text, or of the way a number or boolean is spelled."""

    def asked(value: Any) -> bool:
        if isinstance(value, str):
            return holds(value)
        return isinstance(value, (bool, int, float)) and holds(spelled(value))

    return asked


def _comparisons(test: ValueTest) -> list[Part]:
    return [
        Part(_compared(compare, bound), f"{words} {spelled(bound)}")
        for name, compare, words in _COMPARISONS
        if (bound := getattr(test, name)) is not None
    ]


_COMPARISONS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("gt", gt, "not greater than"),
    ("gte", ge, "not at least"),
    ("lt", lt, "not less than"),
    ("lte", le, "not at most"),
)


def _compared(compare: Callable[[Any, Any], bool], bound: Any) -> Holds:
    return lambda value: _is_number(value) and compare(value, bound)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equals(expected: Any) -> Holds:
    """Compile equality of data: numbers by value, booleans as such, and either by text that spells it.

    ``1`` is not ``true``; ``"10"`` is 10, ``"0.5"`` is 0.5, ``"true"`` is true.
    """
    if isinstance(expected, str):
        return lambda value: (
            value == expected or (isinstance(value, (bool, int, float)) and expected in _spellings(value))
        )
    if isinstance(expected, bool):
        text = spelled(expected)
        return lambda value: value is expected or value == text
    if _is_number(expected):
        spellings = _spellings(expected)
        return lambda value: (
            value in spellings if isinstance(value, str) else _is_number(value) and value == expected
        )
    return lambda value: type(value) is type(expected) and value == expected


def _spellings(value: Any) -> frozenset[str]:
    """Return how a number or boolean is written: an integral float both as ``2.0`` and as ``2``."""
    spellings = {spelled(value)}
    if isinstance(value, float) and value.is_integer():
        spellings.add(str(int(value)))
    return frozenset(spellings)


def _contains(expected: Any) -> Holds:
    equal = equals(expected)
    text = spelled(expected) if isinstance(expected, (str, int, float)) else None

    def contains(value: Any) -> bool:
        if isinstance(value, str):
            return text is not None and text in value
        return isinstance(value, (list, tuple, set, frozenset)) and any(equal(item) for item in value)

    return contains


def spelled(value: Any) -> str:
    """Return a scalar as JSON and YAML write it; text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def shown(value: Any) -> str:
    """Return a value for a reason, cut to 80 characters."""
    if value is MISSING:
        return "absent"
    if isinstance(value, str):
        return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}…"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__  # an object of the host's, of which no rule knows more than that
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _masked(_: Any) -> str:
    return MASK
