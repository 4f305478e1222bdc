"""Thinking told as an effort or as a number of tokens, each made of the other (the numbers are our own choice)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgw_middleware.dialect.chat import Effort

BUDGETS: Mapping[Effort, int] = MappingProxyType(
    {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768, "max": 32768}
)
"""Tokens by effort, where a model wants a number."""

LEAST = 1024
"""The smallest budget that models take."""

_STEPS: tuple[tuple[int, Effort], ...] = ((4096, "low"), (16384, "medium"), (32768, "high"))


def budget_of(effort: Effort) -> int:
    """Return the tokens that stand for ``effort``; 0 for ``none``."""
    return BUDGETS.get(effort, 0)


def effort_of(budget: int) -> Effort:
    """Return the effort that stands for ``budget`` tokens; 0 is ``none``."""
    if budget <= 0:
        return "none"
    return next((effort for limit, effort in _STEPS if budget < limit), "xhigh")
