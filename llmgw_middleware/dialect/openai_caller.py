"""How the gateway itself speaks to callers of the OpenAI API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.http import Header

_JSON: tuple[Header, ...] = ((b"content-type", b"application/json"),)

_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class OpenAICaller:
    """Errors and listings in OpenAI's shape. Stateless. Implements ``port.CallerDialect``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<OpenAICaller>"

    def write_error(self, error: GatewayError, *, request_id: str) -> tuple[int, tuple[Header, ...], bytes]:  # noqa: ARG002 - OpenAI has the id in a header only
        """Return status, content headers and ``{"error": {…}}``."""
        return error.status_code, _JSON, msgspec.json.encode(_body(error))

    def write_stream_error(self, error: GatewayError) -> bytes:
        """Return the event that ends a stream after commit; official SDKs raise on it."""
        return b"data: " + msgspec.json.encode(_body(error)) + b"\n\n"

    def write_models(self, names: Sequence[str], query: bytes) -> bytes:  # noqa: ARG002 - OpenAI lists all on one page
        """Return ``{"object": "list", …}``. When a model was made is not known here, so ``created`` is 0."""
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "llmgw"} for name in names]
        return msgspec.json.encode({"object": "list", "data": rows})


def _body(error: GatewayError) -> dict[str, dict[str, str | None]]:
    kind = error.fault_type or _type(error)
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.error_code}}


def _type(error: GatewayError) -> str:
    status = error.status_code
    if status >= 500:  # noqa: PLR2004 - the class of failures
        return "api_error" if error.fault == "upstream" else "server_error"
    return _TYPES.get(status, "invalid_request_error")
