"""Errors of Gemini and Vertex: an object, or a list of one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.hints import hint
from llmgw_middleware.dialect.loose import mapping, objects, text
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header

MAX_MESSAGE = 2000
"""Characters of an upstream's message that are kept."""

_BY_STATUS: Mapping[int, FaultKind] = {
    401: FaultKind.UNAUTHORIZED,
    402: FaultKind.QUOTA,
    403: FaultKind.UNAUTHORIZED,
    404: FaultKind.NO_MODEL,
    429: FaultKind.RATE_LIMITED,
    503: FaultKind.OVERLOADED,
}
_BY_WORD: Mapping[str, FaultKind] = {
    "ABORTED": FaultKind.FAILED,
    "CANCELLED": FaultKind.FAILED,
    "DEADLINE_EXCEEDED": FaultKind.FAILED,
    "FAILED_PRECONDITION": FaultKind.REFUSED,
    "INTERNAL": FaultKind.FAILED,
    "INVALID_ARGUMENT": FaultKind.REFUSED,
    "NOT_FOUND": FaultKind.NO_MODEL,
    "OUT_OF_RANGE": FaultKind.REFUSED,
    "PERMISSION_DENIED": FaultKind.UNAUTHORIZED,
    "RESOURCE_EXHAUSTED": FaultKind.RATE_LIMITED,
    "UNAUTHENTICATED": FaultKind.UNAUTHORIZED,
    "UNAVAILABLE": FaultKind.OVERLOADED,
    "UNKNOWN": FaultKind.FAILED,
}
_BAD_KEY = frozenset(
    {"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "ACCESS_TOKEN_EXPIRED"}
)
"""Reasons under which a refused key comes as a 400."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_error(status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
    """Read an error answer; ``now`` is wall time."""
    try:
        found = msgspec.json.decode(body)
    except _UNREADABLE:
        found = None
    return _fault(error_in(found), status, hint(headers, body, now=now))


def error_in(found: Any) -> dict[str, Any]:
    """Return the error object of an answer, empty if there is none."""
    first = next(iter(objects(found)), {}) if isinstance(found, list) else mapping(found)
    error = first.get("error")
    return error if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}


def fault_in_stream(error: Mapping[str, Any], body: bytes) -> Fault:
    """Read the error object of an event: the kind is that of the status that it names."""
    code = error.get("code")
    return _fault(error, code if isinstance(code, int) else None, hint((), body, now=0.0))


def _fault(error: Mapping[str, Any], status: int | None, wait: float | None) -> Fault:
    message, word = text(error.get("message")), text(error.get("status"))
    return Fault(
        kind=_kind(error, status, word, message),
        status=status,
        message=message[:MAX_MESSAGE],
        code=word or None,
        retry_after=wait,
    )


def _kind(error: Mapping[str, Any], status: int | None, word: str, message: str) -> FaultKind:
    if status is not None and 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return FaultKind.REDIRECT
    kind = _BY_WORD.get(word) or _BY_STATUS.get(status or 0)
    if kind is None:
        kind = FaultKind.FAILED if status is None or status >= 500 else FaultKind.REFUSED  # noqa: PLR2004
    details = objects(error.get("details"))
    if kind is FaultKind.REFUSED:
        if any(detail.get("reason") in _BAD_KEY for detail in details):
            return FaultKind.UNAUTHORIZED
        lower = message.lower()
        too_long = "input token count" in lower or "exceeds the maximum number of tokens" in lower
        return FaultKind.CONTEXT_LENGTH if too_long else kind
    return FaultKind.QUOTA if kind is FaultKind.RATE_LIMITED and _used_up(details) else kind


def _used_up(details: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the quota of a whole day is gone: nothing changes within minutes."""
    violations = [v for detail in details for v in objects(detail.get("violations"))]
    return bool(violations) and all("PerDay" in text(v.get("quotaId")) for v in violations)
