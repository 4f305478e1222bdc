"""Error answers in OpenAI's dialect, and in the many spellings of servers that speak it.

First the words are found (``_words``), then the kind: by status where it alone decides, else by what the words say.
Messages are matched only for context length, which many servers report without any code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    408: FaultKind.FAILED,
    424: FaultKind.FAILED,
    429: FaultKind.RATE_LIMITED,
    503: FaultKind.OVERLOADED,
    529: FaultKind.OVERLOADED,
}

# Codes and types, in lower case. The status decides first; these refine it, or stand for it in a stream.
_BY_WORD: Mapping[str, FaultKind] = {
    "access_denied": FaultKind.UNAUTHORIZED,
    "api_error": FaultKind.FAILED,
    "authentication_error": FaultKind.UNAUTHORIZED,
    "badrequesterror": FaultKind.REFUSED,
    "billing_error": FaultKind.QUOTA,
    "billing_hard_limit_reached": FaultKind.QUOTA,
    "billing_not_active": FaultKind.QUOTA,
    "content_filter": FaultKind.CONTENT_FILTER,
    "content_policy_violation": FaultKind.CONTENT_FILTER,
    "context_length_exceeded": FaultKind.CONTEXT_LENGTH,
    "deadline_exceeded": FaultKind.FAILED,
    "exceed_context_size_error": FaultKind.CONTEXT_LENGTH,  # llama.cpp
    "insufficient_quota": FaultKind.QUOTA,
    "internal_error": FaultKind.FAILED,
    "internal_server_error": FaultKind.FAILED,
    "internalservererror": FaultKind.FAILED,
    "invalid_api_key": FaultKind.UNAUTHORIZED,
    "invalid_argument": FaultKind.REFUSED,
    "invalid_request_error": FaultKind.REFUSED,
    "model_not_found": FaultKind.NO_MODEL,
    "not_found": FaultKind.NO_MODEL,
    "not_found_error": FaultKind.NO_MODEL,
    "overloaded": FaultKind.OVERLOADED,
    "overloaded_error": FaultKind.OVERLOADED,
    "permission_denied": FaultKind.UNAUTHORIZED,
    "permission_error": FaultKind.UNAUTHORIZED,
    "rate_limit_error": FaultKind.RATE_LIMITED,
    "rate_limit_exceeded": FaultKind.RATE_LIMITED,
    "rate_limit_reached": FaultKind.RATE_LIMITED,
    "requests": FaultKind.RATE_LIMITED,  # OpenAI's type of a 429: what ran out
    "resource_exhausted": FaultKind.RATE_LIMITED,
    "responsibleaipolicyviolation": FaultKind.CONTENT_FILTER,
    "server_error": FaultKind.FAILED,
    "server_overloaded": FaultKind.OVERLOADED,
    "service_unavailable": FaultKind.OVERLOADED,
    "tokens": FaultKind.RATE_LIMITED,
    "unavailable": FaultKind.OVERLOADED,
}

# What a status alone leaves open: these words of a 4xx say more than its number.
_REFINES: Mapping[int, frozenset[FaultKind]] = {
    400: frozenset({FaultKind.CONTENT_FILTER, FaultKind.CONTEXT_LENGTH, FaultKind.NO_MODEL}),
    403: frozenset({FaultKind.QUOTA}),
    413: frozenset({FaultKind.CONTEXT_LENGTH}),
    422: frozenset({FaultKind.CONTENT_FILTER, FaultKind.CONTEXT_LENGTH, FaultKind.NO_MODEL}),
    429: frozenset({FaultKind.QUOTA}),
}

_TOO_LONG = (
    "maximum context length",
    "prompt is too long",
    "input is too long",
    "context length exceeded",
    "context window",
    "available context size",  # llama.cpp
    "reduce the length of the messages",  # groq, vllm
    "input token count",  # Gemini: "… exceeds the maximum number of tokens allowed"
    "`inputs` tokens + `max_new_tokens` must be",  # TGI
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What an error body says of itself. ``number`` is a status found inside; ``kinds`` what its words mean."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    number: int | None = None
    kinds: tuple[FaultKind, ...] = ()


def read_error(status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
    """Read an error answer. A 2xx is judged by its words alone: some answer 200 with an error object."""
    words = _words(body)
    success = 200 <= status < 300  # noqa: PLR2004 - the class of success
    kind = _kind_of_words(words) if success else _kind(status, words)
    # Successes are known to come with a retry-after that means nothing.
    return _fault(kind, words, status=status, wait=None if success else hint(headers, body, now=now))


def fault_in_stream(data: bytes) -> Fault:
    """Read the data of an error event: the kind is that of the status which the error would have had."""
    words = _words(data)
    return _fault(_kind_of_words(words), words, status=None, wait=None)


def _fault(kind: FaultKind, words: _Words, *, status: int | None, wait: float | None) -> Fault:
    return Fault(
        kind=kind,
        status=status,
        message=words.message,
        code=words.code,
        type=words.type,
        param=words.param,
        retry_after=wait,
    )


def _kind(status: int, words: _Words) -> FaultKind:
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return FaultKind.REDIRECT
    refined = _REFINES.get(status, frozenset())
    for kind in words.kinds:
        if kind in refined:
            return kind
    if FaultKind.CONTEXT_LENGTH in refined and _tells_of_length(words.message):
        return FaultKind.CONTEXT_LENGTH
    return _BY_STATUS.get(status) or (FaultKind.FAILED if status >= 500 else FaultKind.REFUSED)  # noqa: PLR2004


def _kind_of_words(words: _Words) -> FaultKind:
    if words.number is not None:
        return _kind(words.number, words)
    if FaultKind.REFUSED in words.kinds and _tells_of_length(words.message):
        return FaultKind.CONTEXT_LENGTH
    # The most exact word: the code stands before the type.
    exact = [kind for kind in words.kinds if kind not in {FaultKind.REFUSED, FaultKind.FAILED}]
    return next(iter((*exact, *words.kinds)), FaultKind.FAILED)


def _tells_of_length(message: str) -> bool:
    lower = message.lower()
    return any(mark in lower for mark in _TOO_LONG)


def _words(body: bytes) -> _Words:
    """Find the words in whatever shape the body has; HTML and the like have none that are fit to be repeated."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Words()
    if isinstance(found, list) and found:
        found = found[0]  # Gemini wraps its error in a list
    if not isinstance(found, dict):
        return _Words()
    inner = found.get("error")
    if isinstance(inner, dict):
        return _from_object(inner)
    if isinstance(inner, str):
        return _from_object({**found, "message": found.get("message") or inner, "type": inner})
    return _from_object(found)


def _from_object(error: Mapping[str, Any]) -> _Words:
    code, kind = error.get("code"), error.get("type")
    nested = error.get("innererror") or error.get("inner_error")  # Azure, in two spellings
    named = [code, nested.get("code") if isinstance(nested, dict) else None, kind, error.get("status")]
    return _Words(
        message=_message(error),
        code=_text(code) or _text(error.get("status")),
        type=_text(kind),
        param=_text(error.get("param")),
        number=_number(code) or _number(error.get("status")) or _number(error.get("statusCode")),
        kinds=tuple(_BY_WORD[w.lower()] for w in named if isinstance(w, str) and w.lower() in _BY_WORD),
    )


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message") or error.get("detail")  # the latter FastAPI's
    return message[:MAX_MESSAGE] if isinstance(message, str) else ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and not value.isdigit() else None


def _number(value: Any) -> int | None:
    """Return a status of an error, written as a number or as its digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:  # noqa: PLR2004
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 400 <= value < 600 else None  # noqa: PLR2004 - the statuses of errors
