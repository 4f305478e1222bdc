"""``math``: the extension of the language, and its bit operations over numbers and bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import and_, or_, xor
from typing import Any, Final

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.limits import Frame, read, spend
from llmgw_middleware.cel.operators import whole
from llmgw_middleware.cel.values import INT_MIN, UINT_MAX, UInt, is_list, is_number, less, no_overload

_BITS: Final = 64


def _extreme(name: str, *, greatest: bool) -> Function:
    def run(frame: Frame, *values: Any) -> Any:
        found = values[0] if len(values) == 1 and is_list(values[0]) else values
        if not found or not all(map(is_number, found)):
            raise no_overload(name, *values)
        spend(frame, len(found) << 1)
        best = found[0]
        for value in found[1:]:
            one, other = less(best, value, name)
            if (other > one) if greatest else (other < one):
                best = value
        return best

    return Function(run=run, least=1, most=-1)


def _rounding(name: str, apply: Callable[[float], float]) -> Function:
    def run(frame: Frame, value: Any) -> float:
        if type(value) is not float:
            raise no_overload(name, value)
        return float(apply(value)) if math.isfinite(value) else value

    return Function(run=run, least=1, most=1, light=True)


def _away(value: float) -> float:
    """Round halves away from zero."""
    return math.copysign(math.floor(abs(value) + 0.5), value)


def _asked(name: str, apply: Callable[[float], bool]) -> Function:
    def run(frame: Frame, value: Any) -> bool:
        if type(value) is not float:
            raise no_overload(name, value)
        return apply(value)

    return Function(run=run, least=1, most=1, light=True)


def absolute(frame: Frame, value: Any) -> Any:
    """Return ``math.abs(value)``."""
    if not is_number(value):
        raise no_overload("math.abs()", value)
    if type(value) is int and value == INT_MIN:
        raise EvaluationError("the result is beyond a 64-bit integer")
    return type(value)(abs(value))


def sign(frame: Frame, value: Any) -> Any:
    """Return ``math.sign(value)``: -1, 0 or 1 of the value's type, NaN of NaN."""
    if not is_number(value):
        raise no_overload("math.sign()", value)
    if value != value:  # noqa: PLR0124 - NaN
        return value
    return type(value)((value > 0) - (value < 0))


def square_root(frame: Frame, value: Any) -> float:
    """Return ``math.sqrt(value)``, NaN of a negative number."""
    if not is_number(value):
        raise no_overload("math.sqrt()", value)
    return math.sqrt(value) if value >= 0 else math.nan


def _bitwise(name: str, apply: Callable[[int, int], int]) -> Function:
    def run(frame: Frame, left: Any, right: Any) -> Any:
        if type(left) is bytes and type(right) is bytes:
            return _of_bytes(frame, apply, left, right)
        if type(left) is bytes or type(right) is bytes:
            left, right = _alike(name, left, right)
        if type(left) is not type(right) or type(left) not in {int, UInt}:
            raise no_overload(name, left, right)
        return type(left)(apply(int(left), int(right)))

    return Function(run=run, least=2, most=2)


def _of_bytes(frame: Frame, apply: Callable[[int, int], int], left: bytes, right: bytes) -> bytes:
    """Apply to bytes as big-endian numbers of the longer one's length."""
    size = max(len(left), len(right))
    read(frame, size)
    one, other = int.from_bytes(left, "big"), int.from_bytes(right, "big")
    return apply(one, other).to_bytes(size, "big")


def _alike(name: str, left: Any, right: Any) -> tuple[Any, Any]:
    """Return bytes as a number of the other side's type, its lowest 64 bits."""
    number, raw = (right, left) if type(left) is bytes else (left, right)
    if type(number) not in {int, UInt} or number < 0:
        raise no_overload(name, left, right)
    bits = int.from_bytes(raw[-8:], "big")
    value = UInt(bits) if type(number) is UInt else bits
    return (value, number) if type(left) is bytes else (number, value)


def bit_not(frame: Frame, value: Any) -> Any:
    """Return ``math.bitNot(value)``."""
    if type(value) is UInt:
        return UInt(UINT_MAX ^ value)
    if type(value) is int:
        return ~value
    raise no_overload("math.bitNot()", value)


def shift_left(frame: Frame, value: Any, count: Any) -> Any:
    """Return ``math.bitShiftLeft(value, count)``: bits beyond 64 are lost."""
    bits = _shifted("math.bitShiftLeft()", value, count)
    return _typed(value, 0 if count >= _BITS else bits << count)


def shift_right(frame: Frame, value: Any, count: Any) -> Any:
    """Return ``math.bitShiftRight(value, count)``: zeros come in from the left, whatever the sign."""
    bits = _shifted("math.bitShiftRight()", value, count)
    return _typed(value, 0 if count >= _BITS else bits >> count)


def _shifted(name: str, value: Any, count: Any) -> int:
    if type(value) not in {int, UInt} or type(count) is not int:
        raise no_overload(name, value, count)
    if count < 0:
        raise EvaluationError(f"{name} shifts by a number that is not negative")
    return int(value) & UINT_MAX


def _typed(value: Any, bits: int) -> Any:
    bits &= UINT_MAX
    if type(value) is UInt:
        return UInt(bits)
    return whole(bits - 2**_BITS if bits >= 2 ** (_BITS - 1) else bits, unsigned=False)


FUNCTIONS: Mapping[str, Function] = {
    "math.least": _extreme("math.least()", greatest=False),
    "math.greatest": _extreme("math.greatest()", greatest=True),
    "math.ceil": _rounding("math.ceil()", math.ceil),
    "math.floor": _rounding("math.floor()", math.floor),
    "math.round": _rounding("math.round()", _away),
    "math.trunc": _rounding("math.trunc()", math.trunc),
    "math.abs": Function(run=absolute, least=1, most=1, light=True),
    "math.sign": Function(run=sign, least=1, most=1, light=True),
    "math.sqrt": Function(run=square_root, least=1, most=1, light=True),
    "math.isInf": _asked("math.isInf()", math.isinf),
    "math.isNaN": _asked("math.isNaN()", math.isnan),
    "math.isFinite": _asked("math.isFinite()", math.isfinite),
    "math.bitAnd": _bitwise("math.bitAnd()", and_),
    "math.bitOr": _bitwise("math.bitOr()", or_),
    "math.bitXor": _bitwise("math.bitXor()", xor),
    "math.bitNot": Function(run=bit_not, least=1, most=1, light=True),
    "math.bitShiftLeft": Function(run=shift_left, least=2, most=2, light=True),
    "math.bitShiftRight": Function(run=shift_right, least=2, most=2, light=True),
}
