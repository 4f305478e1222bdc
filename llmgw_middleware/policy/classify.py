"""What follows from each kind of fault: who is to blame, who may be asked next, what the caller is told.

One row for each line of the classification table; code elsewhere looks things up and never compares kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmgw_middleware.errors import (
    BadRequest,
    GatewayError,
    NotFound,
    RateLimited,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from llmgw_middleware.model.fault import Fault, FaultKind

LONGEST_HINT = 120.0
"""Seconds of Retry-After beyond which a hint is forwarded but never waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A row. ``failure``: it counts against the backend. ``other``: another backend may be asked.

    ``says`` is the gateway's own text; None shows the caller the upstream's words, which only faults of the
    request itself do.
    """

    failure: bool
    other: bool
    error: type[GatewayError]
    code: str
    says: str | None


_TEXTS = {
    FaultKind.UNREACHABLE: "No connection to the upstream could be made.",
    FaultKind.RATE_LIMITED: "The upstream limits the rate of requests. Retry later.",
    FaultKind.QUOTA: "The upstream account's quota is used up. Retrying will not help.",
    FaultKind.OVERLOADED: "The upstream is overloaded. Retry later.",
    FaultKind.FAILED: "The upstream failed to answer.",
    FaultKind.RESET: "The upstream closed the connection before answering.",
    FaultKind.SILENT: "The upstream did not answer in time.",
    FaultKind.UNAUTHORIZED: "The upstream refused the gateway's credential. This is the operator's to mend.",
    FaultKind.REDIRECT: "The upstream answered with a redirect, which is never followed.",
    FaultKind.PROTOCOL: "The upstream's answer was malformed.",
    FaultKind.TRUNCATED: "The upstream's answer ended before it was complete.",
}


def _row(
    kind: FaultKind, error: type[GatewayError], *, failure: bool, other: bool, code: str | None = None
) -> Verdict:
    return Verdict(failure=failure, other=other, error=error, code=code or kind.value, says=_TEXTS.get(kind))


VERDICTS: dict[FaultKind, Verdict] = {
    FaultKind.UNREACHABLE: _row(FaultKind.UNREACHABLE, UpstreamError, failure=True, other=True),
    FaultKind.RATE_LIMITED: _row(FaultKind.RATE_LIMITED, RateLimited, failure=False, other=True),
    FaultKind.QUOTA: _row(FaultKind.QUOTA, RateLimited, failure=False, other=True),
    FaultKind.OVERLOADED: _row(
        FaultKind.OVERLOADED, Unavailable, failure=True, other=True, code="overloaded"
    ),
    FaultKind.FAILED: _row(FaultKind.FAILED, UpstreamError, failure=True, other=True),
    FaultKind.RESET: _row(FaultKind.RESET, UpstreamError, failure=True, other=True),
    FaultKind.SILENT: _row(FaultKind.SILENT, UpstreamTimeout, failure=True, other=True),
    FaultKind.UNAUTHORIZED: _row(FaultKind.UNAUTHORIZED, UpstreamError, failure=False, other=True),
    FaultKind.NO_MODEL: _row(FaultKind.NO_MODEL, NotFound, failure=False, other=True),
    FaultKind.CONTEXT_LENGTH: _row(FaultKind.CONTEXT_LENGTH, BadRequest, failure=False, other=False),
    FaultKind.CONTENT_FILTER: _row(FaultKind.CONTENT_FILTER, BadRequest, failure=False, other=False),
    FaultKind.REFUSED: _row(FaultKind.REFUSED, BadRequest, failure=False, other=False),
    FaultKind.REDIRECT: _row(FaultKind.REDIRECT, UpstreamError, failure=True, other=True),
    FaultKind.PROTOCOL: _row(FaultKind.PROTOCOL, UpstreamError, failure=True, other=True),
    FaultKind.TRUNCATED: _row(FaultKind.TRUNCATED, UpstreamError, failure=True, other=True),
}


def error_for(fault: Fault) -> GatewayError:
    """Return what the caller is told when nothing else works."""
    verdict = VERDICTS[fault.kind]
    error = verdict.error(
        fault.message or "The upstream refused the request." if verdict.says is None else verdict.says,
        code=(fault.code or verdict.code) if fault.kind is FaultKind.REFUSED else verdict.code,
        status=_status(fault),
        param=fault.param if verdict.says is None else None,
        retry_after=fault.retry_after,
        # The gateway has given up: without this the official SDKs would multiply the attempts.
        headers=((b"x-should-retry", b"false"),),
    )
    if verdict.says is None:
        error.fault_type = fault.type
    return error


def _status(fault: Fault) -> int | None:
    if fault.kind is FaultKind.REFUSED:
        return fault.status
    if fault.kind is FaultKind.FAILED and fault.status == UpstreamTimeout.status:
        return UpstreamTimeout.status
    return None
