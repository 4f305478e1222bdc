"""Error answers in Anthropic's dialect: ``{"type": "error", "error": {"type", "message"}}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.hints import hint
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header

MAX_MESSAGE = 2000
"""Characters of an upstream's message that are kept."""

_BY_STATUS: Mapping[int, FaultKind] = {
    401: FaultKind.UNAUTHORIZED,
    402: FaultKind.QUOTA,
    403: FaultKind.UNAUTHORIZED,
    404: FaultKind.NO_MODEL,
    408: FaultKind.SILENT,
    424: FaultKind.FAILED,
    429: FaultKind.RATE_LIMITED,
    503: FaultKind.OVERLOADED,
    504: FaultKind.FAILED,
    529: FaultKind.OVERLOADED,
}

_BY_TYPE: Mapping[str, FaultKind] = {
    "api_error": FaultKind.FAILED,
    "authentication_error": FaultKind.UNAUTHORIZED,
    "billing_error": FaultKind.QUOTA,
    "invalid_request_error": FaultKind.REFUSED,
    "not_found_error": FaultKind.NO_MODEL,
    "overloaded_error": FaultKind.OVERLOADED,
    "permission_error": FaultKind.UNAUTHORIZED,
    "rate_limit_error": FaultKind.RATE_LIMITED,
    "request_too_large": FaultKind.REFUSED,
    "timeout_error": FaultKind.FAILED,
}

_TOO_LONG = (
    "prompt is too long",
    "input is too long",
    "exceed context limit",  # "input length and `max_tokens` exceed context limit"
    "maximum context length",
    "context window",
)

_SPENT = ("credit balance is too low", "spend limit", "usage limits")
"""Marks of a 400 that is about money: Anthropic words them as invalid requests."""


def read_error(status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
    """Read an error answer. A 2xx is judged by its words alone."""
    kind, message = _words(body)
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        found = FaultKind.REDIRECT
    elif 200 <= status < 300:  # noqa: PLR2004 - the class of success
        found = _refined(_BY_TYPE.get(kind or "", FaultKind.FAILED), message)
    else:
        usual = FaultKind.FAILED if status >= 500 else FaultKind.REFUSED  # noqa: PLR2004 - the class of failures
        found = _refined(_BY_STATUS.get(status, usual), message)
        if kind == "overloaded_error":
            found = FaultKind.OVERLOADED
    wait = None if 200 <= status < 300 else hint(headers, body, now=now)  # noqa: PLR2004 - the class of success
    return Fault(kind=found, status=status, message=message, type=kind, retry_after=wait)


def fault_in_stream(data: bytes) -> Fault:
    """Read the data of an ``error`` event."""
    kind, message = _words(data)
    found = _refined(_BY_TYPE.get(kind or "", FaultKind.FAILED), message)
    return Fault(kind=found, message=message, type=kind)


def _refined(kind: FaultKind, message: str) -> FaultKind:
    if kind is not FaultKind.REFUSED:
        return kind
    lower = message.lower()
    if any(mark in lower for mark in _TOO_LONG):
        return FaultKind.CONTEXT_LENGTH
    if any(mark in lower for mark in _SPENT):
        return FaultKind.QUOTA
    if "content filtering policy" in lower:
        return FaultKind.CONTENT_FILTER
    return kind


def _words(body: bytes) -> tuple[str | None, str]:
    """Return type and message; HTML and the like have none that are fit to be repeated."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, ""
    if not isinstance(found, dict):
        return None, ""
    inner: Any = found.get("error", found)
    if isinstance(inner, str):
        return None, inner[:MAX_MESSAGE]
    if not isinstance(inner, dict):
        return None, ""
    kind, message = inner.get("type"), inner.get("message") or inner.get("detail")
    return (
        kind if isinstance(kind, str) and kind != "error" else None,
        message[:MAX_MESSAGE] if isinstance(message, str) else "",
    )
