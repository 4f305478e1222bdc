"""What a host's own objects are in the language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from llmgw_middleware.body import MISSING
from llmgw_middleware.cel.times import NANO, Duration, Timestamp

_PLAIN: Final = frozenset({str, bool, int, float, bytes, type(None), type(MISSING)})


def adopted(value: Any) -> Any:
    """Return a value of the host's as one of the language: text-like as string, sets as lists, dates as timestamps.

    What has no counterpart stays as it is, and no operation takes it.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return adopted(value.value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [adopted(item) for item in value]
    if isinstance(value, Mapping):
        return {_key(key): adopted(item) for key, item in value.items()}
    return _scalar(value)


def _key(key: Any) -> Any:
    plain = adopted(key)
    return plain if type(plain) in {str, int} else str(plain)


def _scalar(value: Any) -> Any:
    for kind, make in _COUNTERPARTS:
        if isinstance(value, kind):
            return make(value)
    return value


def _timestamp(value: date) -> Timestamp:
    moment = (
        value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    )
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return Timestamp((since.days * 86400 + since.seconds) * NANO + since.microseconds * 1000)


def _duration(value: timedelta) -> Duration:
    return Duration(((value.days * 86400 + value.seconds) * 1_000_000 + value.microseconds) * 1000)


_COUNTERPARTS: Final[tuple[tuple[Any, Any], ...]] = (
    (str, str),
    (int, int),
    (float, float),
    (Decimal, float),
    (UUID, str),
    (date, _timestamp),
    (timedelta, _duration),
)
