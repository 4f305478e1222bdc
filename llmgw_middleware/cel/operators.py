"""Arithmetic, order and membership between two values."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any, Final

from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.limits import Frame, listed, made, spend
from llmgw_middleware.cel.times import Duration, Timestamp, add_times, subtract_times
from llmgw_middleware.cel.values import (
    INT_MAX,
    INT_MIN,
    UINT_MAX,
    Optional,
    UInt,
    contains,
    equal,
    is_list,
    is_map,
    less,
    no_overload,
)
from llmgw_middleware.cel.weight import weighed

Operation = Callable[[Any, Any, Frame], Any]


def whole(value: int, *, unsigned: bool) -> int:
    """Return the result of integer arithmetic; raises EvaluationError beyond 64 bits."""
    if unsigned:
        if not 0 <= value <= UINT_MAX:
            raise EvaluationError("the result is beyond an unsigned 64-bit integer")
        return UInt(value)
    if not INT_MIN <= value <= INT_MAX:
        raise EvaluationError("the result is beyond a 64-bit integer")
    return value


def add(left: Any, right: Any, frame: Frame) -> Any:
    """Return ``left + right``."""
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return whole(left + right, unsigned=False)
        if kind is str or kind is bytes:
            made(frame, len(left) + len(right))
            return left + right
        if kind is float:
            return left + right
        if kind is UInt:
            return whole(int(left) + int(right), unsigned=True)
    if is_list(left) and is_list(right):
        listed(frame, len(left) + len(right))
        return [*left, *right]
    if kind is Timestamp or kind is Duration:
        return add_times(left, right)
    raise no_overload('"+"', left, right)


def subtract(left: Any, right: Any, frame: Frame) -> Any:
    """Return ``left - right``."""
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return whole(left - right, unsigned=False)
        if kind is float:
            return left - right
        if kind is UInt:
            return whole(int(left) - int(right), unsigned=True)
    if kind is Timestamp or kind is Duration:
        return subtract_times(left, right)
    raise no_overload('"-"', left, right)


def multiply(left: Any, right: Any, frame: Frame) -> Any:
    """Return ``left * right``."""
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return whole(left * right, unsigned=False)
        if kind is float:
            return left * right
        if kind is UInt:
            return whole(int(left) * int(right), unsigned=True)
    raise no_overload('"*"', left, right)


def divide(left: Any, right: Any, frame: Frame) -> Any:
    """Return ``left / right``; integers are cut towards zero."""
    kind = type(left)
    if kind is type(right):
        if kind is int or kind is UInt:
            if right == 0:
                raise EvaluationError("division by zero")
            quotient = abs(left) // abs(right)
            return whole(quotient if (left < 0) == (right < 0) else -quotient, unsigned=kind is UInt)
        if kind is float:
            return _quotient(left, right)
    raise no_overload('"/"', left, right)


def _quotient(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder(left: Any, right: Any, frame: Frame) -> Any:
    """Return ``left % right``, which has the sign of ``left``."""
    kind = type(left)
    if kind is type(right) and (kind is int or kind is UInt):
        if right == 0:
            raise EvaluationError("remainder of a division by zero")
        rest = abs(left) % abs(right)
        return whole(rest if left >= 0 else -rest, unsigned=kind is UInt)
    raise no_overload('"%"', left, right)


def negate(value: Any) -> Any:
    """Return ``-value``."""
    if type(value) is int:
        return whole(-value, unsigned=False)
    if type(value) is float:
        return -value
    raise no_overload('"-"', value)


def equals(left: Any, right: Any, frame: Frame) -> bool:
    """Return ``left == right``."""
    if is_list(left) or is_map(left) or type(left) is Optional:
        spend(frame, 3 * weighed(frame, left))
    elif type(left) is str and type(right) is str:
        spend(frame, len(left) >> 9)
    return equal(left, right)


def differs(left: Any, right: Any, frame: Frame) -> bool:
    """Return ``left != right``."""
    return not equals(left, right, frame)


def is_in(left: Any, right: Any, frame: Frame) -> bool:
    """Return ``left in right``."""
    if is_list(right):
        if type(left) is str:
            # Python's own search: text equals nothing but text.
            spend(frame, len(right) >> 3)
            return left in right
        if right:
            spend(frame, (len(right) - 1) * weighed(frame, left))
    return contains(right, left)


def _ordered(mark: str, compare: Callable[[Any, Any], bool]) -> Operation:
    def ordered(left: Any, right: Any, frame: Frame) -> bool:
        one, other = less(left, right, mark)
        if type(one) is str:
            spend(frame, len(one) >> 9)
        return compare(one, other)

    return ordered


OPERATIONS: Final[dict[str, Operation]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "==": equals,
    "!=": differs,
    "in": is_in,
    "<": _ordered("<", lt),
    "<=": _ordered("<=", le),
    ">": _ordered(">", gt),
    ">=": _ordered(">=", ge),
}
