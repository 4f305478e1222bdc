"""How the gateway itself speaks to callers of the Responses API."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.http import Header


class ResponsesErrors:
    """Errors as OpenAI words them; one that ends a stream as ``response.failed``. Implements ``port.CallerDialect``."""

    __slots__ = ("_plain",)

    def __init__(self) -> None:
        self._plain = OpenAICaller()

    def __repr__(self) -> str:
        return "<ResponsesErrors>"

    def write_error(self, error: GatewayError, *, request_id: str) -> tuple[int, tuple[Header, ...], bytes]:
        """Return status, content headers and ``{"error": {…}}``."""
        return self._plain.write_error(error, request_id=request_id)

    def write_stream_error(self, error: GatewayError) -> bytes:
        """Return the event that ends a stream after commit: no ``response.completed`` comes."""
        response = {
            "id": "resp_failed",
            "object": "response",
            "status": "failed",
            "error": {"code": error.error_code, "message": error.message},
            "output": [],
        }
        payload = {"type": "response.failed", "response": response}
        return b"event: response.failed\ndata: " + msgspec.json.encode(payload) + b"\n\n"

    def write_models(self, names: Sequence[str], query: bytes) -> bytes:
        """Return a listing in OpenAI's shape."""
        return self._plain.write_models(names, query)
