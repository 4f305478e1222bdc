"""Durations, sizes, rates and shares as operators write them.

Each function takes a number or text and raises ValueError with what it wants instead. Booleans are no numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

Written = str | float

_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")
_SIZE = re.compile(rf"{_NUMBER}\s*(B|[KMGT]i?B)", re.IGNORECASE)
_RATE = re.compile(r"(\d+)\s*/\s*(s|sec|second|min|minute|h|hour|d|day)")
_PERCENT = re.compile(rf"{_NUMBER}\s*%")
_PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

_HOUR, _MINUTE = 3600.0, 60.0
_PERIODS = {
    "s": 1.0, "sec": 1.0, "second": 1.0,
    "min": _MINUTE, "minute": _MINUTE,
    "h": _HOUR, "hour": _HOUR,
    "d": 24 * _HOUR, "day": 24 * _HOUR,
}  # fmt: skip
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many per so many seconds."""

    count: int
    seconds: float


def duration(written: Written) -> float:
    """Return seconds: ``200ms``, ``5s``, ``1m30s``, ``2h``; a bare number is seconds. Zero and less are refused."""
    seconds = _seconds(written)
    if seconds is None or not 0 < seconds < math.inf:
        raise ValueError("a duration above zero such as 200ms, 5s, 1m30s or 2h")
    return seconds


def lifetime(written: Written) -> float:
    """Return seconds, written as a duration is; zero says that nothing is kept."""
    seconds = _seconds(written)
    if seconds is None or not 0 <= seconds < math.inf:
        raise ValueError("a duration such as 30s or 5m, or 0")
    return seconds


def _seconds(written: Written) -> float | None:
    seconds = _number(written)
    text = written.strip() if isinstance(written, str) else ""
    if seconds is None and text and (match := _DURATION.fullmatch(text)):
        hours, minutes, rest, milli = (float(part or 0) for part in match.groups())
        seconds = hours * _HOUR + minutes * _MINUTE + rest + milli / 1000
    return seconds


def size(written: Written) -> int:
    """Return bytes: ``20MB`` (powers of 1000), ``256KiB`` (powers of 1024); a bare number is bytes."""
    wanted = "a size of whole bytes such as 20MB or 256KiB"
    count = _number(written)
    if count is None and isinstance(written, str) and (match := _SIZE.fullmatch(written.strip())):
        unit = match[2].lower()
        count = float(match[1]) * (1024 if "i" in unit else 1000) ** _POWERS[unit.rstrip("b").rstrip("i")]
    if count is None or not 1 <= count < math.inf or not math.isclose(count, round(count), abs_tol=1e-6):
        raise ValueError(wanted)
    return round(count)


def rate(written: Written) -> Rate:
    """Return a rate: ``60/min``, ``1000/h``; the periods are s, min, h and day."""
    match = _RATE.fullmatch(written.strip()) if isinstance(written, str) else None
    if match is None or len(match[1]) > 15 or not int(match[1]):  # noqa: PLR2004 - beyond any request count
        raise ValueError("a rate above zero such as 60/min or 1000/h")
    return Rate(int(match[1]), _PERIODS[match[2]])


def share(written: Written) -> float:
    """Return a part of one: ``5%`` and ``0.05`` are the same."""
    part = _number(written)
    if part is None and isinstance(written, str) and (match := _PERCENT.fullmatch(written.strip())):
        part = float(match[1]) / 100
    if part is None or not 0 <= part <= 1:
        raise ValueError("a share such as 5% or 0.05, at most 100%")
    return part


def weight(written: Written) -> float:
    """Return a relative weight: ``80`` and ``80%`` are the number 80."""
    number = _number(written)
    if number is None and isinstance(written, str) and (match := _PERCENT.fullmatch(written.strip())):
        number = float(match[1])
    if number is None or not 0 <= number < math.inf:
        raise ValueError("a weight of zero or more such as 80 or 80%")
    return number


def _number(written: Written) -> float | None:
    if isinstance(written, bool):
        return None
    if isinstance(written, int | float):
        return written
    return float(written) if _PLAIN.fullmatch(written.strip()) else None
