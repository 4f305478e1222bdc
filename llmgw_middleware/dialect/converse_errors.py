"""Errors of Bedrock: named by a header, or by the type of an exception's frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.eventstream import Message
from llmgw_middleware.dialect.hints import hint
from llmgw_middleware.dialect.loose import mapping, text
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header

MAX_MESSAGE = 2000
"""Characters of an upstream's message that are kept."""

_BY_NAME: Mapping[str, FaultKind] = {
    "accessdenied": FaultKind.UNAUTHORIZED,
    "conflict": FaultKind.FAILED,
    "expiredtoken": FaultKind.UNAUTHORIZED,
    "incompletesignature": FaultKind.UNAUTHORIZED,
    "internalserver": FaultKind.FAILED,
    "invalidsignature": FaultKind.UNAUTHORIZED,
    "missingauthenticationtoken": FaultKind.UNAUTHORIZED,
    "modelerror": FaultKind.FAILED,
    "modelnotready": FaultKind.OVERLOADED,
    "modelstreamerror": FaultKind.FAILED,
    "modeltimeout": FaultKind.FAILED,
    "resourcenotfound": FaultKind.NO_MODEL,
    "servicequotaexceeded": FaultKind.QUOTA,
    "serviceunavailable": FaultKind.OVERLOADED,
    "throttling": FaultKind.RATE_LIMITED,
    "toomanyrequests": FaultKind.RATE_LIMITED,
    "unrecognizedclient": FaultKind.UNAUTHORIZED,
    "validation": FaultKind.REFUSED,
}
"""Kinds by an exception's name, in lower case and without its last word."""

_BY_STATUS: Mapping[int, FaultKind] = {
    401: FaultKind.UNAUTHORIZED,
    403: FaultKind.UNAUTHORIZED,
    404: FaultKind.NO_MODEL,
    408: FaultKind.FAILED,
    424: FaultKind.FAILED,
    429: FaultKind.RATE_LIMITED,
    503: FaultKind.OVERLOADED,
}
_TOO_LONG = (
    "input is too long",
    "prompt is too long",
    "maximum context length",
    "too many input tokens",
    "exceeds the maximum",
)
_NO_MODEL = ("model identifier is invalid", "model id", "on-demand throughput isn", "provided model doesn")
_USED_UP = ("per day", "daily")


def read_error(status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
    """Read an error answer; ``now`` is wall time."""
    lines = dict(reversed(headers))
    found = _json(body)
    named = lines.get(b"x-amzn-errortype", b"").decode("latin-1") or text(found.get("__type"))
    return _fault(named, status, _message(found), hint(headers, body, now=now))


def fault_in_stream(message: Message) -> Fault:
    """Read an exception frame."""
    found = _json(message.payload)
    said = _message(found) or message.headers.get(":error-message", "")
    return _fault(message.kind, None, said, None)


def _fault(named: str, status: int | None, message: str, wait: float | None) -> Fault:
    # "ThrottlingException:http://internal.amazon.com/…", or "com.amazon.coral#ThrottlingException"
    name = named.partition(":")[0].rpartition("#")[2]
    plain = (
        name.lower().removesuffix("exception").removesuffix("error")
        if name.lower().endswith("exception")
        else name.lower()
    )
    return Fault(
        kind=_kind(plain, status, message.lower()),
        status=status,
        message=message[:MAX_MESSAGE],
        code=name or None,
        retry_after=wait,
    )


def _kind(name: str, status: int | None, message: str) -> FaultKind:
    if status is not None and 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return FaultKind.REDIRECT
    kind = _BY_NAME.get(name) or _BY_NAME.get(name + "error") or _BY_STATUS.get(status or 0)
    if kind is None:
        kind = FaultKind.FAILED if status is None or status >= 500 else FaultKind.REFUSED  # noqa: PLR2004
    if kind is FaultKind.REFUSED:
        if any(mark in message for mark in _TOO_LONG):
            return FaultKind.CONTEXT_LENGTH
        return FaultKind.NO_MODEL if any(mark in message for mark in _NO_MODEL) else kind
    used_up = kind is FaultKind.RATE_LIMITED and any(mark in message for mark in _USED_UP)
    return FaultKind.QUOTA if used_up else kind


def _message(found: Mapping[str, Any]) -> str:
    return text(found.get("message")) or text(found.get("Message"))


def _json(body: bytes) -> dict[str, Any]:
    try:
        return mapping(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
