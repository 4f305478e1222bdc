"""The errors of the gateway: each says what the caller gets and whose fault it was.

Inside the gateway only these are raised; doors and dialects turn them into answers. Codes are stable: programs
may rely on them. The texts name the rule and the remedy, never an upstream's address, key or internal words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

Fault = Literal["client", "gateway", "upstream"]


class GatewayError(Exception):
    """A request that cannot be answered as asked.

    ``status`` and ``code`` go to the caller; ``retry_after`` is in seconds; ``param`` is the dotted path of the
    request's field at fault; ``headers`` are sent with the answer; ``fault_type`` is the upstream's own word for the
    kind of error, where its words are shown.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    fault: ClassVar[Fault] = "gateway"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = self.status if status is None else status
        self.error_code = self.code if code is None else code
        self.param = param
        self.retry_after = retry_after
        self.headers = tuple(headers)
        self.fault_type: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status_code} {self.error_code}: {self.message}>"


class BadRequest(GatewayError):
    """The request cannot be read: ``invalid_json``, ``duplicate_key``, ``json_too_deep``, ``bad_path``, ``bad_header``, ``bad_method``."""

    status = 400
    code = "invalid_request"
    fault: ClassVar[Fault] = "client"


class AuthError(GatewayError):
    """Who calls is not known (401) or not allowed (403). Resolvers raise it: ``AuthError("token expired")``."""

    status = 401
    code = "not_authenticated"
    fault: ClassVar[Fault] = "client"

    def __init__(
        self, message: str = "Authentication is required.", *, status: int = 401, code: str | None = None
    ) -> None:
        usual = "not_authenticated" if status == AuthError.status else "forbidden"
        super().__init__(message, status=status, code=code or usual)


class Forbidden(GatewayError):
    """Known, but not allowed: ``csrf_failed``, ``model_not_allowed``, or a deny rule's own code."""

    status = 403
    code = "forbidden"
    fault: ClassVar[Fault] = "client"


class NotFound(GatewayError):
    """Nothing answers here: ``no_route``, ``model_not_found``."""

    status = 404
    code = "no_route"
    fault: ClassVar[Fault] = "client"


class MethodNotAllowed(GatewayError):
    """A path that some rule knows, with a method that none allows."""

    status = 405
    code = "method_not_allowed"
    fault: ClassVar[Fault] = "client"

    def __init__(self, message: str, *, allow: tuple[str, ...]) -> None:
        super().__init__(message, headers=((b"allow", ", ".join(allow).encode()),))


class BodyTooLarge(GatewayError):
    """The body is longer than ``gateway.maxBodySize``."""

    status = 413
    code = "body_too_large"
    fault: ClassVar[Fault] = "client"


class UnsupportedMediaType(GatewayError):
    """An operation with a JSON body was sent something else."""

    status = 415
    code = "unsupported_media_type"
    fault: ClassVar[Fault] = "client"


class RateLimited(GatewayError):
    """The upstream (``rate_limit_exceeded``, ``insufficient_quota``) or the gateway (``rate_limited``) asks to wait."""

    status = 429
    code = "rate_limited"
    fault: ClassVar[Fault] = "client"


class UpstreamError(GatewayError):
    """The upstream failed: 502 ``upstream_error`` and its more exact kin of ``upstream_…`` codes."""

    status = 502
    code = "upstream_error"
    fault: ClassVar[Fault] = "upstream"


class Unavailable(GatewayError):
    """Nobody can serve now: ``no_healthy_backend``, ``overloaded``, ``draining``."""

    status = 503
    code = "no_healthy_backend"
    fault: ClassVar[Fault] = "gateway"


class UpstreamTimeout(GatewayError):
    """The upstream did not answer in time."""

    status = 504
    code = "upstream_timeout"
    fault: ClassVar[Fault] = "upstream"


class ConfigError(Exception):
    """The configuration cannot be used. The text lists every problem as ``file:line:column CODE message``."""
