"""Operators of two sides, specialised where one side is known at load."""

from __future__ import annotations

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any, Final

from llmgw_middleware.cel.code import Code, Run
from llmgw_middleware.cel.limits import Frame
from llmgw_middleware.cel.operators import OPERATIONS, Operation
from llmgw_middleware.cel.values import equal, is_list, less

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def binary(mark: str, left: Code, right: Code) -> tuple[Run, bool]:
    """Return what computes ``left mark right``, and whether it needs a frame."""
    operation = OPERATIONS[mark]
    if mark in _MIRRORED:
        if right.constant:
            quick = _with_constant(mark, left.run, right.value)
        elif left.constant:
            quick = _with_constant(_MIRRORED[mark], right.run, left.value)
        else:
            quick = None
        if quick is not None:
            return quick, False
    if mark == "in" and right.constant and _all_strings(right.value):
        return _in_strings(left.run, frozenset(right.value)), False
    return _general(operation, left.run, right.run), True


def _general(operation: Operation, left: Run, right: Run) -> Run:
    return lambda facts, frame: operation(left(facts, frame), right(facts, frame), frame)


def _with_constant(mark: str, run: Run, known: Any) -> Run | None:
    """Return a comparison with a constant that copies nothing and looks at no more than the constant's length."""
    kind = type(known)
    if mark == "==" and kind in {str, type(None)}:
        return lambda facts, frame: run(facts, frame) == known
    if mark == "!=" and kind in {str, type(None)}:
        return lambda facts, frame: run(facts, frame) != known
    if kind is bool and mark == "==":
        return lambda facts, frame: run(facts, frame) is known
    if kind is bool and mark == "!=":
        return lambda facts, frame: run(facts, frame) is not known
    if kind is int:
        return _with_integer(mark, run, known)
    return None


def _with_integer(mark: str, run: Run, known: int) -> Run:
    slowly = _SLOWLY[mark]
    compare = {
        "==": known.__eq__,
        "!=": known.__ne__,
        "<": known.__gt__,
        "<=": known.__ge__,
        ">": known.__lt__,
        ">=": known.__le__,
    }[mark]

    def run_compare(facts: Any, frame: Frame) -> Any:
        value = run(facts, frame)
        return compare(value) if type(value) is int else slowly(value, known)

    return run_compare


def _ordered(mark: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(*less(left, right, mark))


_SLOWLY: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered("<", lt),
    "<=": _ordered("<=", le),
    ">": _ordered(">", gt),
    ">=": _ordered(">=", ge),
}
"""Comparisons that touch no frame: for what is no int, of which a number is the other side."""


def _all_strings(value: Any) -> bool:
    return is_list(value) and all(type(item) is str for item in value)


def _in_strings(run: Run, known: frozenset[str]) -> Run:
    def is_in(facts: Any, frame: Frame) -> Any:
        value = run(facts, frame)
        return type(value) is str and value in known

    return is_in
