"""What went wrong with one attempt, in words that no provider owns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FaultKind(Enum):
    """The rows of the classification table; ``policy/classify.py`` says what follows from each."""

    UNREACHABLE = "upstream_unreachable"
    RATE_LIMITED = "rate_limit_exceeded"
    QUOTA = "insufficient_quota"
    OVERLOADED = "upstream_overloaded"
    FAILED = "upstream_error"
    RESET = "upstream_reset"
    SILENT = "upstream_timeout"
    UNAUTHORIZED = "upstream_auth_failed"
    NO_MODEL = "model_not_found"
    CONTEXT_LENGTH = "context_length_exceeded"
    CONTENT_FILTER = "content_filter"
    REFUSED = "invalid_request_error"
    REDIRECT = "upstream_redirect"
    PROTOCOL = "upstream_protocol_error"
    TRUNCATED = "upstream_stream_truncated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A failed attempt.

    ``status`` is the upstream's (None if it never answered, or in a stream); ``message``, ``code``, ``type`` and
    ``param`` are the upstream's words, shown to the caller only where the classification allows; ``retry_after`` is
    the upstream's hint in seconds.
    """

    kind: FaultKind
    status: int | None = None
    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    retry_after: float | None = None
