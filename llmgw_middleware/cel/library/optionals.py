"""Of values that may be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.limits import Frame
from llmgw_middleware.cel.times import Duration
from llmgw_middleware.cel.values import NONE, Optional, no_overload


def _optional(value: Any, what: str) -> Optional:
    if type(value) is not Optional:
        raise no_overload(what, value)
    return value


def of_non_zero(frame: Frame, value: Any) -> Optional:
    """Return ``optional.ofNonZeroValue(value)``: nothing for null, 0, false and what is empty."""
    if value is None or value == Duration(0):
        return NONE
    return Optional(value) if value or hasattr(value, "TYPE") else NONE


def value_of(frame: Frame, value: Any) -> Any:
    """Return ``optional.value()``; raises if there is none."""
    found = _optional(value, "value()")
    if not found.there:
        raise EvaluationError("the optional has no value")
    return found.value


def either(frame: Frame, value: Any, other: Any) -> Optional:
    """Return ``optional.or(other)``."""
    found, instead = _optional(value, "or()"), _optional(other, "or()")
    return found if found.there else instead


def or_value(frame: Frame, value: Any, other: Any) -> Any:
    """Return ``optional.orValue(other)``."""
    found = _optional(value, "orValue()")
    return found.value if found.there else other


FUNCTIONS: Mapping[str, Function] = {
    "optional.of": Function(run=lambda frame, value: Optional(value), least=1, most=1, light=True),
    "optional.none": Function(run=lambda frame: NONE, least=0, most=0, light=True),
    "optional.ofNonZeroValue": Function(run=of_non_zero, least=1, most=1, light=True),
}
METHODS: Mapping[str, Function] = {
    "hasValue": Function(
        run=lambda frame, value: _optional(value, "hasValue()").there, least=1, most=1, light=True
    ),
    "value": Function(run=value_of, least=1, most=1, light=True),
    "or": Function(run=either, least=2, most=2, light=True),
    "orValue": Function(run=or_value, least=2, most=2, light=True),
}
