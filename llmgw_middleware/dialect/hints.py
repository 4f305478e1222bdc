"""How long an upstream asks to be left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from llmgw_middleware.model.http import Header

_MILLISECONDS = (b"retry-after-ms", b"x-ms-retry-after-ms")


def retry_after(headers: Sequence[Header], *, now: float) -> float | None:
    """Return the first hint that can be read, in seconds from ``now`` (wall time), or None.

    ``retry-after-ms`` (OpenAI, Azure) goes before ``retry-after``: seconds, with decimals too, or an HTTP date
    (RFC 9110, 10.2.3). What is negative, past or not finite is no hint.
    """
    lines: Mapping[bytes, bytes] = dict(reversed(headers))
    for name in _MILLISECONDS:
        hint = _seconds(lines.get(name, b""), unit=0.001)
        if hint is not None:
            return hint
    plain = lines.get(b"retry-after", b"")
    hint = _seconds(plain)
    return _until(plain, now) if hint is None else hint


def _seconds(value: bytes, unit: float = 1.0) -> float | None:
    try:
        seconds = float(value.decode("ascii")) * unit
    except ValueError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _until(value: bytes, now: float) -> float | None:
    if b":" not in value:
        return None
    from email.utils import parsedate_to_datetime  # takes 9 ms to load, and dates are rare

    try:
        seconds = parsedate_to_datetime(value.decode("ascii")).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None
