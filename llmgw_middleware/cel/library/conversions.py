"""Between the types: ``int()``, ``string()``, ``type()`` and their like, and what is common to all values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.limits import Frame, made
from llmgw_middleware.cel.times import NANO, Timestamp, duration, timestamp
from llmgw_middleware.cel.values import (
    INT_MAX,
    INT_MIN,
    UINT_MAX,
    Type,
    UInt,
    is_list,
    is_map,
    no_overload,
    type_name,
)

_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "false", "FALSE", "False"), False),
}
_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_DOUBLE_MAX: Final = 2.0**63


def to_int(frame: Frame, value: Any) -> int:
    """Return ``int(value)``: doubles are cut towards zero, timestamps are seconds since 1970."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is UInt:
        return _within(int(value), INT_MIN, INT_MAX)
    if kind is float:
        if not -_DOUBLE_MAX < value < _DOUBLE_MAX:
            raise EvaluationError("the double is beyond a 64-bit integer")
        return int(value)
    if kind is str and _WHOLE.fullmatch(value):
        return _within(int(value), INT_MIN, INT_MAX)
    if kind is Timestamp:
        return int(value.nanos // NANO)
    raise _unlike("int()", value, kind)


def to_uint(frame: Frame, value: Any) -> UInt:
    """Return ``uint(value)``."""
    kind = type(value)
    if kind is UInt:
        return UInt(value)
    if kind is int:
        return UInt(_within(value, 0, UINT_MAX))
    if kind is float:
        if not -1 < value < 2 * _DOUBLE_MAX:
            raise EvaluationError("the double is beyond an unsigned 64-bit integer")
        return UInt(int(value))
    if kind is str and _WHOLE.fullmatch(value):
        return UInt(_within(int(value), 0, UINT_MAX))
    raise _unlike("uint()", value, kind)


def _within(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise EvaluationError(f"{value} lies outside the type")
    return value


def _unlike(what: str, value: Any, kind: type) -> EvaluationError:
    if kind is str:
        return EvaluationError(f"{what} cannot read {value[:40]!r}")
    return no_overload(what, value)


def to_double(frame: Frame, value: Any) -> float:
    """Return ``double(value)``."""
    kind = type(value)
    if kind is float or kind is int or kind is UInt:
        return float(value)
    if kind is str and len(value) < 400 and "_" not in value:  # noqa: PLR2004 - no double is written that long
        try:
            return float(value)
        except ValueError:
            pass
    raise _unlike("double()", value, kind)


def to_bool(frame: Frame, value: Any) -> bool:
    """Return ``bool(value)``."""
    if type(value) is bool:
        return value
    if type(value) is str and value in _BOOLS:
        return _BOOLS[value]
    raise _unlike("bool()", value, type(value))


def to_string(frame: Frame, value: Any) -> str:
    """Return ``string(value)``."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bytes:
        made(frame, len(value))
        try:
            return str(value, "utf-8")
        except UnicodeDecodeError as error:
            raise EvaluationError("the bytes are no UTF-8 text") from error
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return spelled(value)
    if kind is int or kind is UInt or getattr(kind, "TYPE", None) is not None:
        return str(value)
    raise no_overload("string()", value)


def spelled(value: float) -> str:
    """Return a double as the language writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    return text.removesuffix(".0")


def to_bytes(frame: Frame, value: Any) -> bytes:
    """Return ``bytes(value)``."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        made(frame, len(value))
        return encoded(value)
    raise no_overload("bytes()", value)


def encoded(text: str) -> bytes:
    """Return text as UTF-8; raises EvaluationError for a lone surrogate, which JSON may hold."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EvaluationError("the string has a lone surrogate and cannot be encoded") from error


def size(frame: Frame, value: Any) -> int:
    """Return ``size(value)``: characters, bytes, or entries."""
    kind = type(value)
    if kind is str or kind is bytes or is_list(value) or is_map(value):
        return len(value)
    raise no_overload("size()", value)


def type_of(frame: Frame, value: Any) -> Type:
    """Return ``type(value)``."""
    return Type(type_name(value))


def fail(frame: Frame, message: Any = "fail() was called") -> Any:
    """Fail on purpose, with a message."""
    raise EvaluationError(str(message)[:200])


FUNCTIONS: Mapping[str, Function] = {
    "int": Function(run=to_int, least=1, most=1, light=True),
    "uint": Function(run=to_uint, least=1, most=1, light=True),
    "double": Function(run=to_double, least=1, most=1, light=True),
    "bool": Function(run=to_bool, least=1, most=1, light=True),
    "string": Function(run=to_string, least=1, most=1),
    "bytes": Function(run=to_bytes, least=1, most=1),
    "dyn": Function(run=lambda frame, value: value, least=1, most=1, light=True),
    "type": Function(run=type_of, least=1, most=1, light=True),
    "size": Function(run=size, least=1, most=1, light=True),
    "timestamp": Function(run=lambda frame, value: timestamp(value), least=1, most=1, light=True, cost=20),
    "duration": Function(run=lambda frame, value: duration(value), least=1, most=1, light=True, cost=20),
    "fail": Function(run=fail, least=0, most=1, light=True),
}
METHODS: Mapping[str, Function] = {"size": FUNCTIONS["size"]}
