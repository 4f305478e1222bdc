"""Parts of a point in time and of a length of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.limits import Frame
from llmgw_middleware.cel.times import NANO, Duration, Timestamp, moment, units
from llmgw_middleware.cel.values import no_overload


def _part(name: str, of_date: Callable[[datetime], int] | None, size: int = 0) -> Function:
    """Return a getter: of a timestamp, in an optional time zone, or in units of ``size`` nanoseconds of a duration."""

    def run(frame: Frame, value: Any, zone: Any = "UTC") -> int:
        if type(value) is Timestamp and of_date is not None:
            return of_date(moment(value, zone))
        if type(value) is Duration and size and zone == "UTC":
            return units(value, size)
        raise no_overload(f"{name}()", value)

    return Function(run=run, least=1, most=2, light=True, cost=10)


def milliseconds(frame: Frame, value: Any, zone: Any = "UTC") -> int:
    """Return ``value.getMilliseconds()``: those within the second."""
    if type(value) is Timestamp:
        return value.nanos % NANO // 1_000_000
    if type(value) is Duration:
        part = abs(value.nanos) % NANO // 1_000_000
        return -part if value.nanos < 0 else part
    raise no_overload("getMilliseconds()", value)


METHODS: Mapping[str, Function] = {
    "getFullYear": _part("getFullYear", lambda at: at.year),
    "getMonth": _part("getMonth", lambda at: at.month - 1),
    "getDate": _part("getDate", lambda at: at.day),
    "getDayOfMonth": _part("getDayOfMonth", lambda at: at.day - 1),
    "getDayOfWeek": _part("getDayOfWeek", lambda at: at.isoweekday() % 7),
    "getDayOfYear": _part("getDayOfYear", lambda at: at.timetuple().tm_yday - 1),
    "getHours": _part("getHours", lambda at: at.hour, 3600 * NANO),
    "getMinutes": _part("getMinutes", lambda at: at.minute, 60 * NANO),
    "getSeconds": _part("getSeconds", lambda at: at.second, NANO),
    "getMilliseconds": Function(run=milliseconds, least=1, most=2, light=True, cost=10),
}
