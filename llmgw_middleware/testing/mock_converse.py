"""The mock as Bedrock: Converse, whole and as an event stream, ``/invoke`` for embeddings and ``/count-tokens``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmgw_middleware.dialect.eventstream import frame
from llmgw_middleware.testing.mock_answers import MockAnswer, vector
from llmgw_middleware.testing.mock_faults import MockError, MockMisuse
from llmgw_middleware.testing.mock_wire import Lines

PATH = re.compile(r"/model/(.+)/(converse|converse-stream|invoke|count-tokens)$")
"""The end of a path: model and method."""

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_NAMES: Mapping[int, str] = {
    400: "ValidationException", 401: "UnrecognizedClientException", 403: "AccessDeniedException",
    404: "ResourceNotFoundException", 408: "ModelTimeoutException", 424: "ModelErrorException",
    429: "ThrottlingException", 500: "InternalServerException", 503: "ServiceUnavailableException",
}  # fmt: skip
_TOO_LONG = "Input is too long for requested model."


class ConverseWire:
    """Implements ``mock_wire.Wire``."""

    content_type = b"application/vnd.amazon.eventstream"

    def asked(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the request as a chat completion. Raises MockMisuse for what Bedrock would refuse as well."""
        model, method = named(path)
        tools = body.get("toolConfig") or {}
        choice = tools.get("toolChoice") or {}
        request: dict[str, Any] = {
            "model": model,
            "stream": method == "converse-stream",
            "messages": [said for message in body.get("messages") or () for said in _messages(message)],
            "tools": [_tool(tool["toolSpec"]) for tool in tools.get("tools") or () if "toolSpec" in tool],
            "max_tokens": (body.get("inferenceConfig") or {}).get("maxTokens"),
        }
        if "any" in choice:
            request["tool_choice"] = "required"
        elif "tool" in choice:
            request["tool_choice"] = {"type": "function", "function": {"name": choice["tool"].get("name")}}
        form = ((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}
        if "jsonSchema" in form:
            schema = json.loads(form["jsonSchema"]["schema"])
            request["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
        return request

    def whole(self, answer: MockAnswer) -> Any:
        """Return the response."""
        block: dict[str, Any] = {"text": answer.text}
        if answer.call is not None:
            call = {"toolUseId": _call_id(answer), "name": answer.call, "input": json.loads(answer.text)}
            block = {"toolUse": call}
        return {
            "output": {"message": {"role": "assistant", "content": [block]}},
            "stopReason": _STOPS[answer.finish],
            "usage": _usage(answer),
            "metrics": {"latencyMs": 1},
        }

    def opening(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield the start, and the head of a tool call."""
        yield _frame("messageStart", {"role": "assistant"})
        if answer.call is not None:
            start = {"toolUse": {"toolUseId": _call_id(answer), "name": answer.call}}
            yield _frame("contentBlockStart", {"contentBlockIndex": 0, "start": start})

    def spoken(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield a delta for every word."""
        for word in answer.words:
            delta: dict[str, Any] = {"text": word} if answer.call is None else {"toolUse": {"input": word}}
            yield _frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta})

    def closing(self, answer: MockAnswer, *, usage: bool) -> Iterator[bytes]:  # noqa: ARG002 - it is always told
        """Yield the ends, and the usage behind them."""
        yield _frame("contentBlockStop", {"contentBlockIndex": 0})
        yield _frame("messageStop", {"stopReason": _STOPS[answer.finish]})
        yield _frame("metadata", {"usage": _usage(answer), "metrics": {"latencyMs": 1}})

    def error(self, error: MockError) -> tuple[int, Lines, Any]:
        """Return status, the header that names an error, and the body."""
        name = (
            "ServiceQuotaExceededException"
            if error.code == "insufficient_quota"
            else _NAMES.get(error.status)
        )
        message = _TOO_LONG if error.code == "context_length_exceeded" else error.message
        lines = [] if name is None else [(b"x-amzn-errortype", f"{name}:http://internal.example/".encode())]
        return 400 if error.code == "insufficient_quota" else error.status, lines, {"message": message}

    def failed(self, error: MockError) -> bytes:
        """Return an exception's frame."""
        name = _NAMES.get(error.status, "InternalServerException")
        kind = name[0].lower() + name[1:]
        headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
        return frame(headers, json.dumps({"message": error.message}).encode())


def named(path: str) -> tuple[str, str]:
    """Return model and method of a path. Raises MockMisuse."""
    found = PATH.search(path)
    if found is None:
        raise MockMisuse("a path of Bedrock's ends in /model/{model}/{method}")
    return found[1], found[2]


def invoked(model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ``/invoke`` of an embedding model: Titan, Nova or Cohere. Raises MockMisuse for any other."""
    if "cohere" in model:
        texts = body.get("texts") or ()
        return {"embeddings": [vector(repr(text), 8) for text in texts], "id": "mock", "texts": list(texts)}
    if "nova" in model:
        said = ((body.get("singleEmbeddingParams") or {}).get("text") or {}).get("value")
        return {"embeddings": [{"embedding": vector(repr(said), 8), "embeddingType": "TEXT"}]}
    if "inputText" in body:
        said = body["inputText"]
        return {
            "embedding": vector(repr(said), body.get("dimensions") or 8),
            "inputTextTokenCount": 1 + len(said) // 4,
        }
    raise MockMisuse("this mock invokes embedding models of Titan, Nova and Cohere")


def counted(body: Mapping[str, Any]) -> dict[str, int]:
    """Answer ``/count-tokens``: four characters are a token."""
    inner = (body.get("input") or {}).get("converse") or {}
    blocks = [block for message in inner.get("messages") or () for block in message.get("content") or ()]
    return {"inputTokens": sum(4 + len(str(block.get("text", ""))) // 4 for block in blocks)}


def _messages(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    blocks = message.get("content") or ()
    if not blocks:
        raise MockMisuse("The content field in the Message object is empty.")
    said = "\n".join(str(block["text"]) for block in blocks if "text" in block)
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    if said or not results:
        yield {"role": message.get("role"), "content": said}
    for result in results:
        yield {"role": "tool", "content": json.dumps(result.get("content"))}


def _tool(spec: Mapping[str, Any]) -> dict[str, Any]:
    schema = (spec.get("inputSchema") or {}).get("json")
    return {"type": "function", "function": {"name": spec.get("name"), "parameters": schema}}


def _usage(answer: MockAnswer) -> dict[str, int]:
    words = len(answer.words)
    return {
        "inputTokens": answer.prompt_tokens,
        "outputTokens": words,
        "totalTokens": answer.prompt_tokens + words,
    }


def _call_id(answer: MockAnswer) -> str:
    return f"tooluse_mock_{answer.number}"


def _frame(kind: str, payload: Mapping[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps({**payload, "p": "abcdefgh"}, ensure_ascii=False).encode())


CONVERSE = ConverseWire()
