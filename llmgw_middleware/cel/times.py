"""Points in time and lengths of time, to the nanosecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, ClassVar, Final

from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.values import no_overload

NANO: Final = 1_000_000_000
_FIRST: Final = -62_135_596_800 * NANO
_LAST: Final = 253_402_300_800 * NANO - 1
_LONGEST: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Nanos:
    """A number of nanoseconds with a meaning."""

    __slots__ = ("nanos",)
    ORDERED: ClassVar = True

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.nanos == self.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __lt__(self, other: Any) -> bool:
        return bool(self.nanos < other.nanos)

    def __le__(self, other: Any) -> bool:
        return bool(self.nanos <= other.nanos)

    def __gt__(self, other: Any) -> bool:
        return bool(self.nanos > other.nanos)

    def __ge__(self, other: Any) -> bool:
        return bool(self.nanos >= other.nanos)


class Timestamp(_Nanos):
    """A point in time, in nanoseconds since 1970; from the year 1 to the year 9999."""

    __slots__ = ()
    TYPE: ClassVar = "google.protobuf.Timestamp"

    def __init__(self, nanos: int) -> None:
        if not _FIRST <= nanos <= _LAST:
            raise EvaluationError("a time lies between the years 1 and 9999")
        super().__init__(nanos)

    def __repr__(self) -> str:
        return f"timestamp('{self}')"

    def __str__(self) -> str:
        whole, rest = divmod(self.nanos, NANO)
        text = (_EPOCH + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
        # strftime does not pad the years before 1000 on every platform.
        year, dash, more = text.partition("-")
        return f"{year.zfill(4)}{dash}{more}{_fraction(rest)}Z"


class Duration(_Nanos):
    """A length of time in nanoseconds, up to 292 years."""

    __slots__ = ()
    TYPE: ClassVar = "google.protobuf.Duration"

    def __init__(self, nanos: int) -> None:
        if not -_LONGEST <= nanos <= _LONGEST:
            raise EvaluationError("a duration is at most 292 years long")
        super().__init__(nanos)

    def __repr__(self) -> str:
        return f"duration('{self}')"

    def __str__(self) -> str:
        whole, rest = divmod(abs(self.nanos), NANO)
        return f"{'-' if self.nanos < 0 else ''}{whole}{_fraction(rest)}s"


def _fraction(nanos: int) -> str:
    return f".{nanos:09}".rstrip("0") if nanos else ""


def add_times(left: Any, right: Any) -> Any:
    """Return the sum where one side is a duration, the other a duration or a timestamp."""
    if type(left) is Timestamp and type(right) is Duration:
        return Timestamp(left.nanos + right.nanos)
    if type(left) is Duration and type(right) in {Timestamp, Duration}:
        return type(right)(left.nanos + right.nanos)
    raise no_overload('"+"', left, right)


def subtract_times(left: Any, right: Any) -> Any:
    """Return the difference of two of a kind, or a timestamp less a duration."""
    if type(left) is type(right):
        return Duration(left.nanos - right.nanos)
    if type(left) is Timestamp and type(right) is Duration:
        return Timestamp(left.nanos - right.nanos)
    raise no_overload('"-"', left, right)


_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_LENGTH = re.compile(r"([+-])?((?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|µs|ns))+", re.ASCII)
_PIECE = re.compile(r"(\d*)\.?(\d*)(h|ms|m|s|us|µs|ns)", re.ASCII)
_UNITS: Final = {
    "h": 3600 * NANO,
    "m": 60 * NANO,
    "s": NANO,
    "ms": 1_000_000,
    "us": 1000,
    "µs": 1000,
    "ns": 1,
}


def timestamp(value: Any) -> Timestamp:
    """Return ``timestamp(value)``: from RFC 3339 text, or seconds since 1970."""
    if type(value) is Timestamp:
        return value
    if type(value) is int:
        return Timestamp(value * NANO)
    if type(value) is not str:
        raise no_overload("timestamp()", value)
    found = _STAMP.fullmatch(value)
    if found is None:
        raise EvaluationError("timestamp() takes a time as RFC 3339 writes it: 2026-01-31T12:00:00Z")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError as error:
        raise EvaluationError(f"timestamp() was given a time that does not exist: {error}") from error
    ahead = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    since = moment - _EPOCH
    return Timestamp(
        (since.days * 86400 + since.seconds - ahead) * NANO + int((fraction or "").ljust(9, "0"))
    )


def duration(value: Any) -> Duration:
    """Return ``duration(value)``: from text such as ``1h30m``, ``-2.5s``."""
    if type(value) is Duration:
        return value
    if type(value) is not str:
        raise no_overload("duration()", value)
    found = _LENGTH.fullmatch(value) if len(value) < 100 else None  # noqa: PLR2004 - no length is that long
    if value in {"0", "-0", "+0"}:
        return Duration(0)
    if found is None:
        raise EvaluationError("duration() takes numbers with units: 1h30m, 2.5s, 200ms")
    total = 0
    for digits, fraction, unit in _PIECE.findall(value):
        size = _UNITS[unit]
        total += int(digits or "0") * size + (int(fraction) * size // 10 ** len(fraction) if fraction else 0)
    return Duration(-total if found[1] == "-" else total)


_OFFSET = re.compile(r"([+-])?(\d\d):(\d\d)", re.ASCII)


def zone(name: Any) -> tzinfo:
    """Return a time zone by its name (``Europe/Berlin``) or its offset (``-02:30``)."""
    if type(name) is not str:
        raise no_overload("a time zone", name)
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # few expressions need the files of zones

    found = _OFFSET.fullmatch(name)
    try:
        if found is None:
            return ZoneInfo(name)
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise EvaluationError(f"there is no time zone {name[:80]!r} on this machine") from error


def moment(stamp: Timestamp, name: Any = "UTC") -> datetime:
    """Return a timestamp as Python's datetime in a time zone, to the second."""
    try:
        return (_EPOCH + timedelta(seconds=stamp.nanos // NANO)).astimezone(zone(name))
    except (OverflowError, ValueError) as error:
        raise EvaluationError("the time lies outside the years 1 to 9999 in that zone") from error


def units(length: Duration, size: int) -> int:
    """Return how many whole units of ``size`` nanoseconds a duration has, cut towards zero."""
    count = abs(length.nanos) // size
    return -count if length.nanos < 0 else count
