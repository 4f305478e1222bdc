"""How much there is to a value. An expression can double one by itself, so even to count is paid for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from llmgw_middleware.cel.limits import Frame, spend
from llmgw_middleware.cel.values import Optional, is_list, is_map

_AT_ONCE: Final = 256
"""Values that are counted before they are paid for."""

_TEXTS: Final = frozenset({str, bytes})


def weighed(frame: Frame, value: Any) -> int:
    """Return how many values a comparison of this one may have to look at, and take a step for each.

    Raises Exhausted as soon as there are more than steps: a list that holds another twice, which holds a third twice, and so on
    is small in memory and endless to walk through.
    """
    found, paid = 1, 0
    left = [value]
    while left:
        one = left.pop()
        more = _inside(one)
        found += len(more) if more or type(one) not in _TEXTS else len(one) >> 6
        if found - paid >= _AT_ONCE:
            spend(frame, found - paid)
            paid = found
        left.extend(more)
    spend(frame, found - paid)
    return found


def _inside(value: Any) -> Collection[Any]:
    """Return the values that a value holds."""
    if is_list(value):
        return value  # type: ignore[no-any-return]
    if is_map(value):
        return value.values()  # type: ignore[no-any-return]
    return (value.value,) if type(value) is Optional else ()
