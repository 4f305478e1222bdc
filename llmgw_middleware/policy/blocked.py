"""Why nobody can be asked, and what the caller is told then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmgw_middleware.errors import GatewayError, RateLimited, Unavailable

Reason = Literal["tried", "small", "unhealthy", "cooling", "open", "full"]
"""Why an endpoint is passed over: asked already · its context window is no larger than one that was too small · out
by active checks · its provider limits the rate · its circuit is open · at ``maxInFlight``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """No endpoint of ``target`` can be leased.

    ``reason`` is ``tried`` when nobody is left that time could free, else what holds back the endpoint that is usable
    soonest. ``retry_after``: seconds until then, where that is known. ``passed_over``: every endpoint and why.
    ``is_pool`` as in the target.
    """

    target: str
    reason: Reason
    retry_after: float | None = None
    passed_over: tuple[tuple[str, Reason], ...] = ()
    is_pool: bool = True

    def error(self) -> GatewayError:
        """Return what a caller is told who met nothing else: 429 if all are cooling, else 503."""
        reasons = {reason for _, reason in self.passed_over} - {"tried", "small"}
        if reasons == {"cooling"}:
            return RateLimited(
                f"The providers behind {self.target} limit the rate of requests. Retry after the time given.",
                code="rate_limit_exceeded",
                retry_after=self.retry_after,
                headers=_FINAL,
            )
        code = "no_healthy_backend" if self.is_pool else _SINGLE.get(self.reason, "no_healthy_backend")
        return Unavailable(
            f"No backend of {self.target} can be asked now ({', '.join(sorted(reasons)) or 'all were asked'}). Retry later.",
            code=code,
            retry_after=self.retry_after,
            headers=_FINAL,
        )


_FINAL = ((b"x-should-retry", b"false"),)
"""The gateway has given up: without this the official SDKs would multiply the attempts."""

_SINGLE: dict[Reason, str] = {"open": "circuit_open", "full": "overloaded"}
"""A backend that stands alone says what it is that holds it back."""
