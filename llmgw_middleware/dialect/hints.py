"""How long an upstream asks to be left alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite

from llmgw_middleware.model.http import Header

_MILLISECONDS = (b"retry-after-ms", b"x-ms-retry-after-ms")
_PARTS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_RETRY_DELAY = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"')
_OPENAI = (b"x-ratelimit-remaining-", b"x-ratelimit-reset-")
_ANTHROPIC = (b"anthropic-ratelimit-", b"-remaining", b"-reset")


def hint(headers: Sequence[Header], body: bytes, *, now: float) -> float | None:
    """Return how long to wait after an error, in seconds, from the first place that says it.

    ``retry_after``; Gemini's ``RetryInfo`` in the body (``retryDelay: "34.4s"``); the reset of a limit that is used up:
    ``x-ratelimit-reset-…`` as a duration (OpenAI), ``anthropic-ratelimit-…-reset`` as a time (RFC 3339).
    """
    said = retry_after(headers, now=now)
    if said is None and b"retryDelay" in body and (found := _RETRY_DELAY.search(body)):
        said = _seconds(found[1])
    return reset(headers, now=now) if said is None else said


def reset(headers: Sequence[Header], *, now: float) -> float | None:
    """Return when the last of the limits that are used up is reset, in seconds from ``now``."""
    lines = dict(reversed(headers))
    waits = [
        wait
        for name, value in lines.items()
        if value.strip() == b"0" and (wait := _reset_of(name, lines, now)) is not None
    ]
    return max(waits, default=None)


def _reset_of(name: bytes, lines: Mapping[bytes, bytes], now: float) -> float | None:
    remaining, resets = _OPENAI
    if name.startswith(remaining):
        return _duration(lines.get(resets + name.removeprefix(remaining), b""))
    start, remaining, resets = _ANTHROPIC
    if name.startswith(start) and name.endswith(remaining):
        return _instant(lines.get(name.removesuffix(remaining) + resets, b""), now)
    return None


def _duration(value: bytes) -> float | None:
    text = value.decode("latin-1").strip()
    found = _PARTS.fullmatch(text) if text and len(text) < 40 else None  # noqa: PLR2004 - no duration is longer
    if found is None:
        return None
    hours, minutes, seconds, milli = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + milli / 1000


def _instant(value: bytes, now: float) -> float | None:
    from datetime import UTC, datetime

    try:
        at = datetime.fromisoformat(value.decode("ascii").strip())
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


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
