"""``"%s of %d".format([…])``: text with values put in, as the string extension defines it."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.library.conversions import encoded, spelled
from llmgw_middleware.cel.limits import Frame, made, read, spend
from llmgw_middleware.cel.values import Type, UInt, is_list, is_map, key_value, no_overload

_CLAUSE = re.compile(r"%(?:(%)|(?:\.(\d{1,3}))?([a-zA-Z])|)")
_MOST_DIGITS: Final = 100
_LARGE: Final = 1e15
_EXACT: Final = 12
"""Up to so many digits numbers are rounded as decimals, halves to even."""


def format_string(frame: Frame, pattern: Any, values: Any) -> str:
    """Return ``pattern.format(values)``: %s %d %f %e %b %o %x %X %%."""
    if type(pattern) is not str or not is_list(values):
        raise no_overload("format()", pattern, values)
    read(frame, len(pattern))
    waiting = iter(values)
    size = len(pattern)

    def put(found: re.Match[str]) -> str:
        nonlocal size
        if found[1]:
            return "%"
        if not found[3]:
            raise EvaluationError("format() has a % without a letter")
        try:
            value = next(waiting)
        except StopIteration:
            raise EvaluationError("format() has fewer values than clauses") from None
        piece = _clause(found[3], int(found[2]) if found[2] else None, value, frame)
        size += len(piece)
        made(frame, size)
        return piece

    return _CLAUSE.sub(put, pattern)


def _clause(letter: str, digits: int | None, value: Any, frame: Frame) -> str:
    if letter == "s":
        return text_of(value, frame)
    if letter in "fe" and (type(value) in {int, UInt, float}):
        return _decimal(letter, 6 if digits is None else min(digits, _MOST_DIGITS), float(value), value)
    if letter == "d" and type(value) in {int, UInt, float}:
        return _name(value) if type(value) is float else str(int(value))
    if letter == "b" and type(value) in {int, UInt, bool}:
        return f"{int(value):b}"
    if letter == "o" and type(value) in {int, UInt}:
        return f"{int(value):o}"
    if letter in "xX" and type(value) in {int, UInt, str, bytes}:
        return _hex(letter, value)
    raise EvaluationError(f"format() cannot write such a value as %{letter}")


def _decimal(letter: str, digits: int, value: float, exact: Any) -> str:
    if math.isnan(value) or math.isinf(value):
        return _name(value)
    if letter == "e":
        return f"{value:.{digits}e}"
    if digits >= _EXACT or abs(value) >= _LARGE:
        return f"{value:.{digits}f}"
    whole = Decimal(value) if type(exact) is float else Decimal(int(exact))
    return str(whole.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN))


def _hex(letter: str, value: Any) -> str:
    if type(value) is str:
        text = encoded(value).hex()
    elif type(value) is bytes:
        text = value.hex()
    else:
        text = f"{int(value):x}"
    return text.upper() if letter == "X" else text


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return spelled(value)


def text_of(value: Any, frame: Frame) -> str:
    """Return a value as ``%s`` writes it."""
    spend(frame, 4)
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bytes:
        return str(value, "utf-8", "replace")
    if kind is float:
        return _name(value)
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if kind in {int, UInt, Type} or hasattr(kind, "TYPE"):
        return str(value)
    if is_list(value):
        return f"[{', '.join(text_of(item, frame) for item in value)}]"
    if is_map(value):
        entries = sorted(
            (text_of(key_value(key), frame), text_of(item, frame)) for key, item in value.items()
        )
        return f"{{{', '.join(f'{key}: {item}' for key, item in entries)}}}"
    raise no_overload("format()", value)
