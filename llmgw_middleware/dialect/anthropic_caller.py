"""How the gateway itself speaks to callers of the Anthropic API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.http import Header

_JSON: tuple[Header, ...] = ((b"content-type", b"application/json"),)
_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The kinds of errors by status; other 4xx are ``invalid_request_error``, other failures ``api_error``."""

_STATUSES: Mapping[str, int] = {"insufficient_quota": 402, "overloaded": 529}
"""What Anthropic says by a status of its own, by our code."""

_TOO_LONG = "prompt is too long"
"""How the message of an error begins that clients answer by shortening the conversation."""


class AnthropicCaller:
    """Errors and listings in Anthropic's shape. Stateless. Implements ``port.CallerDialect``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<AnthropicCaller>"

    def write_error(self, error: GatewayError, *, request_id: str) -> tuple[int, tuple[Header, ...], bytes]:
        """Return status, content headers and ``{"type": "error", …}``.

        Anthropic has statuses of its own for spent accounts (402) and overload (529).
        """
        status = _status(error)
        return status, _JSON, msgspec.json.encode(_body(error, status, request_id))

    def write_stream_error(self, error: GatewayError) -> bytes:
        """Return the event that ends a stream after commit, without ``message_delta`` and ``message_stop``."""
        body = msgspec.json.encode(_body(error, _status(error), None))
        return b"event: error\ndata: " + body + b"\n\n"

    def write_models(self, names: Sequence[str], query: bytes) -> bytes:
        """Return ``{"data": […], "has_more", "first_id", "last_id"}``.

        ``query``: ``limit`` (1 to 1000, default 20), ``after_id``, ``before_id``. When a model was made is not known
        here, so ``created_at`` is the epoch.
        """
        said = dict(parse_qsl(query.decode("latin-1")))
        limit = _limit(said.get("limit"))
        page, more = _page(list(names), limit, said.get("after_id"), said.get("before_id"))
        rows = [
            {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}
            for name in page
        ]
        ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
        return msgspec.json.encode({"data": rows, "has_more": more, **ends})


def _status(error: GatewayError) -> int:
    return _STATUSES.get(error.error_code, error.status_code)


def _page(names: list[str], limit: int, after: str | None, before: str | None) -> tuple[list[str], bool]:
    """Return one page, and whether there is more in its direction."""
    if before is not None and before in names:
        rest = names[: names.index(before)]
        return rest[-limit:], len(rest) > limit
    rest = names[names.index(after) + 1 :] if after is not None and after in names else names
    return rest[:limit], len(rest) > limit


def _limit(text: str | None) -> int:
    usual, most = 20, 1000
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 4:  # noqa: PLR2004 - a longer one is above the most
        return usual
    return min(max(1, int(text)), most)


def _body(error: GatewayError, status: int, request_id: str | None) -> dict[str, Any]:
    kind = _TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")  # noqa: PLR2004 - the class of failures
    message = error.message
    if error.error_code == "context_length_exceeded" and not message.lower().startswith(_TOO_LONG):
        message = f"{_TOO_LONG}: {message}"
    inner = {"type": kind, "message": message}
    # The gateway's own codes are stable, and Anthropic's shape has no other place for them.
    inner["code"] = error.error_code
    out: dict[str, Any] = {"type": "error", "error": inner}
    if request_id is not None:
        out["request_id"] = request_id
    return out
