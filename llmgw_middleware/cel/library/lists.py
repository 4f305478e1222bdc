"""Of lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cmp_to_key
from typing import Any

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.limits import Frame, listed, spend
from llmgw_middleware.cel.values import NONE, Optional, equal, is_list, less, no_overload
from llmgw_middleware.cel.weight import weighed


def _list(value: Any, what: str) -> list[Any]:
    if not is_list(value):
        raise no_overload(what, value)
    return list(value)


def distinct(frame: Frame, value: Any) -> list[Any]:
    """Return ``list.distinct()``: each value once, in the order of the first."""
    found: list[Any] = []
    for item in _list(value, "distinct()"):
        spend(frame, 1 + (len(found) - 1) * weighed(frame, item) if found else 1)
        if not any(equal(item, known) for known in found):
            found.append(item)
    return found


def sort(frame: Frame, value: Any) -> list[Any]:
    """Return ``list.sort()``, of values that have an order."""
    items = _list(value, "sort()")
    listed(frame, len(items))
    spend(frame, len(items) * len(items).bit_length())

    def order(left: Any, right: Any) -> int:
        one, other = less(left, right, "sort()")
        return int(one > other) - int(one < other)

    return sorted(items, key=cmp_to_key(order))


def slice_of(frame: Frame, value: Any, start: Any, end: Any) -> list[Any]:
    """Return ``list.slice(start, end)``."""
    items = _list(value, "slice()")
    if type(start) is not int or type(end) is not int:
        raise no_overload("slice()", value, start, end)
    if not 0 <= start <= end <= len(items):
        raise EvaluationError(f"slice() has no range {start} to {end} in {len(items)} entries")
    listed(frame, len(items))
    return items[start:end]


def flatten(frame: Frame, value: Any) -> list[Any]:
    """Return ``list.flatten()``: lists inside the list become part of it, one level deep."""
    found: list[Any] = []
    for item in _list(value, "flatten()"):
        more = list(item) if is_list(item) else [item]
        listed(frame, len(found) + len(more))
        found.extend(more)
    return found


def first(frame: Frame, value: Any) -> Any:
    """Return ``list.first()``: an optional."""
    items = _list(value, "first()")
    return Optional(items[0]) if items else NONE


def last(frame: Frame, value: Any) -> Any:
    """Return ``list.last()``: an optional."""
    items = _list(value, "last()")
    return Optional(items[-1]) if items else NONE


METHODS: Mapping[str, Function] = {
    "distinct": Function(run=distinct, least=1, most=1),
    "sort": Function(run=sort, least=1, most=1),
    "slice": Function(run=slice_of, least=3, most=3),
    "flatten": Function(run=flatten, least=1, most=1),
    "first": Function(run=first, least=1, most=1, light=True),
    "last": Function(run=last, least=1, most=1, light=True),
}
