"""The mock as Anthropic: messages, whole and as events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgw_middleware.testing.mock_answers import MockAnswer
from llmgw_middleware.testing.mock_faults import MockError, MockMisuse
from llmgw_middleware.testing.mock_wire import Lines, event

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_TYPES: Mapping[int, str] = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
_TOO_LONG = "prompt is too long: 210000 tokens > 200000 maximum"


class AnthropicWire:
    """Implements ``mock_wire.Wire``."""

    content_type = b"text/event-stream; charset=utf-8"

    def asked(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - the body says it all
        """Return the request as a chat completion. Raises MockMisuse for what Anthropic would refuse as well."""
        if not isinstance(body.get("max_tokens"), int):
            raise MockMisuse("max_tokens: Field required")
        form = (body.get("output_config") or {}).get("format")
        choice = body.get("tool_choice") or {}
        request: dict[str, Any] = {
            "model": body.get("model"),
            "stream": body.get("stream"),
            "messages": [said for message in body.get("messages") or () for said in _messages(message)],
            "tools": [_tool(tool) for tool in body.get("tools") or () if "input_schema" in tool],
            "max_tokens": body["max_tokens"],
        }
        if choice.get("type") == "any":
            request["tool_choice"] = "required"
        elif choice.get("type") in {"none", "tool"}:
            named = {"type": "function", "function": {"name": choice.get("name")}}
            request["tool_choice"] = named if choice["type"] == "tool" else "none"
        if form:
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"schema": form.get("schema")},
            }
        return request

    def whole(self, answer: MockAnswer) -> Any:
        """Return the ``message``."""
        if answer.call is None:
            block: dict[str, Any] = {"type": "text", "text": answer.text}
        else:
            block = {
                "type": "tool_use",
                "id": _call_id(answer),
                "name": answer.call,
                "input": json.loads(answer.text),
            }
        return {
            **_head(answer),
            "content": [block],
            "stop_reason": _STOPS[answer.finish],
            "usage": _usage(answer, len(answer.words)),
        }

    def opening(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield the head of the message, a ping, and the head of its block."""
        yield event(
            {"type": "message_start", "message": {**_head(answer), "usage": _usage(answer, 1)}},
            "message_start",
        )
        block: dict[str, Any] = {"type": "text", "text": ""}
        if answer.call is not None:
            block = {"type": "tool_use", "id": _call_id(answer), "name": answer.call, "input": {}}
        yield event(
            {"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start"
        )
        yield event({"type": "ping"}, "ping")

    def spoken(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield a delta for every word."""
        for word in answer.words:
            delta = {"type": "text_delta", "text": word}
            if answer.call is not None:
                delta = {"type": "input_json_delta", "partial_json": word}
            yield event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")

    def closing(self, answer: MockAnswer, *, usage: bool) -> Iterator[bytes]:  # noqa: ARG002 - it is always told
        """Yield the ends of block and message."""
        yield event({"type": "content_block_stop", "index": 0}, "content_block_stop")
        delta = {"stop_reason": _STOPS[answer.finish], "stop_sequence": None}
        counts = _usage(answer, len(answer.words))
        yield event({"type": "message_delta", "delta": delta, "usage": counts}, "message_delta")
        yield event({"type": "message_stop"}, "message_stop")

    def error(self, error: MockError) -> tuple[int, Lines, Any]:
        """Return status and body of an error."""
        status = 402 if error.code == "insufficient_quota" else error.status
        kind = _TYPES.get(status, "api_error")
        message = _TOO_LONG if error.code == "context_length_exceeded" else error.message
        return (
            status,
            [],
            {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"},
        )

    def failed(self, error: MockError) -> bytes:
        """Return an error event."""
        return event(self.error(error)[2], "error")


def counted(body: Mapping[str, Any]) -> dict[str, int]:
    """Answer ``count_tokens``: four characters are a token."""
    said = [str(one["content"]) for message in body.get("messages") or () for one in _messages(message)]
    return {"input_tokens": sum(4 + len(text) // 4 for text in said)}


def _head(answer: MockAnswer) -> dict[str, Any]:
    return {
        "id": f"msg_mock_{answer.number}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(answer: MockAnswer, output: int) -> dict[str, int]:
    return {
        "input_tokens": answer.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
    }


def _call_id(answer: MockAnswer) -> str:
    return f"toolu_mock_{answer.number}"


def _messages(message: Any) -> Iterator[dict[str, Any]]:
    """Yield a message as a chat's: each result of a tool is one of its own."""
    if not isinstance(message, dict):
        raise MockMisuse("messages: each message must be an object")
    content = message.get("content")
    if isinstance(content, str):
        yield {"role": message.get("role"), "content": content}
        return
    blocks = [block for block in content or () if isinstance(block, dict)]
    results = [block for block in blocks if block.get("type") == "tool_result"]
    texts = "\n".join(str(block.get("text")) for block in blocks if block.get("type") == "text")
    if texts or not results:
        yield {"role": message.get("role"), "content": texts}
    for result in results:
        yield {"role": "tool", "content": _texts(result.get("content"))}


def _texts(content: Any) -> str:
    if isinstance(content, Sequence) and not isinstance(content, str):
        return "\n".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    return str(content or "")


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": tool.get("name"), "parameters": tool.get("input_schema")},
    }


ANTHROPIC = AnthropicWire()
