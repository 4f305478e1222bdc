"""Of maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.limits import Frame, listed
from llmgw_middleware.cel.values import is_map, no_overload


def merge(frame: Frame, left: Any, right: Any) -> dict[Any, Any]:
    """Return ``left.merge(right)``; where both have a key, that of ``right`` counts."""
    if not (is_map(left) and is_map(right)):
        raise no_overload("merge()", left, right)
    listed(frame, len(left) + len(right))
    return {**left, **right}


METHODS: Mapping[str, Function] = {"merge": Function(run=merge, least=2, most=2)}
