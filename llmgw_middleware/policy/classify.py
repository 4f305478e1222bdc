"""What follows from each kind of fault: who is to blame, who may be asked next, what the caller is told.

One row for each line of the classification table; code elsewhere looks things up and never compares kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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


Cooldown = Literal["none", "hint", "long", "key"]
"""What a fault means for the credential it was sent with: nothing · a rest for as long as the upstream says · a long
rest, as nothing changes soon · the same, but only where another key can stand in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A row.

    ``failure``: it counts against the backend; otherwise it is neutral. ``other``: another backend may be asked; ``larger``: only one whose ``contextWindow`` is
    larger. ``same``: the same backend may be asked again; ``replay``: but only where a request that may have been
    acted upon may be sent twice; ``elsewhere_first``: and only if nobody else is left. ``sent``: the upstream may have
    had the request; when it cannot, ``retryOn`` and replay safety are not asked. ``cooldown`` as in ``Cooldown``.

    ``says`` is the gateway's own text; None shows the caller the upstream's words, which only faults of the
    request itself do.
    """

    failure: bool
    other: bool
    error: type[GatewayError]
    code: str
    says: str | None
    larger: bool = False
    same: bool = False
    replay: bool = False
    elsewhere_first: bool = False
    sent: bool = True
    cooldown: Cooldown = "none"


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


_K = FaultKind

_FAILS = {"failure": True, "other": True}
_NEUTRAL = {"failure": False, "other": True}
_FINAL = {"failure": False, "other": False}
_AGAIN = {"same": True}
_REPLAY = {"same": True, "replay": True}

_ROWS: tuple[tuple[FaultKind, type[GatewayError], Mapping[str, Any]], ...] = (
    (_K.UNREACHABLE, UpstreamError, _FAILS | _AGAIN | {"sent": False}),
    (_K.RATE_LIMITED, RateLimited, _NEUTRAL | _AGAIN | {"cooldown": "hint"}),
    (_K.QUOTA, RateLimited, _NEUTRAL | {"cooldown": "long"}),
    (_K.OVERLOADED, Unavailable, _FAILS | _AGAIN | {"code": "overloaded"}),
    (_K.FAILED, UpstreamError, _FAILS | _REPLAY),
    (_K.RESET, UpstreamError, _FAILS | _REPLAY),
    (_K.SILENT, UpstreamTimeout, _FAILS),
    (_K.UNAUTHORIZED, UpstreamError, _NEUTRAL | {"cooldown": "key"}),
    (_K.NO_MODEL, NotFound, _NEUTRAL),
    (_K.CONTEXT_LENGTH, BadRequest, _NEUTRAL | {"larger": True}),
    (_K.CONTENT_FILTER, BadRequest, _FINAL),
    (_K.REFUSED, BadRequest, _FINAL),
    (_K.REDIRECT, UpstreamError, _FAILS),
    (_K.PROTOCOL, UpstreamError, _FAILS),
    (_K.TRUNCATED, UpstreamError, _FAILS | _REPLAY | {"elsewhere_first": True}),
)

VERDICTS: dict[FaultKind, Verdict] = {
    kind: Verdict(**{"error": error, "code": kind.value, "says": _TEXTS.get(kind), **row})
    for kind, error, row in _ROWS
}


def hint_of(fault: Fault) -> float | None:
    """Return the seconds that the upstream asks to wait; None where it says nothing, or nothing sensible."""
    hint = fault.retry_after
    return hint if hint is not None and 0 <= hint < float("inf") else None


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
