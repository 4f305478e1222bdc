"""The mock as Gemini: ``generateContent``, whole and as events, ``batchEmbedContents`` and ``countTokens``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmgw_middleware.testing.mock_answers import DIMENSIONS, MockAnswer, vector
from llmgw_middleware.testing.mock_faults import MockError, MockMisuse
from llmgw_middleware.testing.mock_wire import Lines, event

PATH = re.compile(r"/models/(.+):(generateContent|streamGenerateContent|batchEmbedContents|countTokens)$")
"""The end of a path: model and method."""

_STATUSES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED", 529: "UNAVAILABLE",
}  # fmt: skip
_TOO_LONG = "The input token count (210000) exceeds the maximum number of tokens allowed (200000)."
_DAILY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}
_RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}


class GeminiWire:
    """Implements ``mock_wire.Wire``."""

    content_type = b"text/event-stream"

    def asked(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the request as a chat completion. Raises MockMisuse for what Gemini would refuse as well."""
        model, method = named(path)
        config = body.get("generationConfig") or {}
        calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
        request: dict[str, Any] = {
            "model": model,
            "stream": method == "streamGenerateContent",
            "messages": [said for content in body.get("contents") or () for said in _messages(content)],
            "tools": [
                _tool(one)
                for tool in body.get("tools") or ()
                for one in tool.get("functionDeclarations") or ()
            ],
            "n": config.get("candidateCount"),
            "max_tokens": config.get("maxOutputTokens"),
        }
        allowed = calling.get("allowedFunctionNames")
        if calling.get("mode") == "ANY":
            request["tool_choice"] = (
                {"type": "function", "function": {"name": allowed[0]}} if allowed else "required"
            )
        elif calling.get("mode") == "NONE":
            request["tool_choice"] = "none"
        if config.get("responseMimeType") == "application/json":
            schema = config.get("responseJsonSchema") or config.get("responseSchema")
            kind = "json_schema" if schema else "json_object"
            request["response_format"] = {"type": kind, "json_schema": {"schema": schema}}
        return request

    def whole(self, answer: MockAnswer) -> Any:
        """Return the response."""
        if answer.call is None:
            parts: list[dict[str, Any]] = [{"text": answer.text}]
        else:
            parts = [{"functionCall": {"name": answer.call, "args": json.loads(answer.text)}}]
        return _response(answer, [_candidate(i, parts, answer.finish) for i in range(answer.choices)])

    def opening(self, answer: MockAnswer) -> Iterator[bytes]:  # noqa: ARG002 - nothing comes before the first word
        """Yield nothing."""
        return iter(())

    def spoken(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield a response for every word; a call comes whole, with its last one."""
        for place, word in enumerate(answer.words):
            for index in range(answer.choices):
                parts: list[dict[str, Any]] = [{"text": word}]
                if answer.call is not None:
                    last = place == len(answer.words) - 1
                    parts = (
                        [{"functionCall": {"name": answer.call, "args": json.loads(answer.text)}}]
                        if last
                        else []
                    )
                yield event(_response(answer, [_candidate(index, parts, None)], place + 1))

    def closing(self, answer: MockAnswer, *, usage: bool) -> Iterator[bytes]:  # noqa: ARG002 - it is always told
        """Yield a last response with the reason; there is no terminator."""
        yield event(
            _response(answer, [_candidate(i, [{"text": ""}], answer.finish) for i in range(answer.choices)])
        )

    def error(self, error: MockError) -> tuple[int, Lines, Any]:
        """Return status and body of an error."""
        message = _TOO_LONG if error.code == "context_length_exceeded" else error.message
        details = [_DAILY] if error.code == "insufficient_quota" else [_RETRY] if error.status == 429 else []  # noqa: PLR2004
        status = _STATUSES.get(error.status, "UNKNOWN")
        return (
            error.status,
            [],
            {"error": {"code": error.status, "message": message, "status": status, "details": details}},
        )

    def failed(self, error: MockError) -> bytes:
        """Return an event that is an error."""
        return event(self.error(error)[2])


def named(path: str) -> tuple[str, str]:
    """Return model and method of a path. Raises MockMisuse."""
    found = PATH.search(path)
    if found is None:
        raise MockMisuse("a path of Gemini's ends in /models/{model}:{method}")
    return found[1], found[2]


def embedded(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ``batchEmbedContents``."""
    rows = []
    for one in body.get("requests") or ():
        said = "".join(str(part.get("text", "")) for part in (one.get("content") or {}).get("parts") or ())
        rows.append({"values": vector(repr(said), one.get("outputDimensionality") or DIMENSIONS)})
    if not rows:
        raise MockMisuse("requests: at least one is needed")
    return {"embeddings": rows}


def counted(body: Mapping[str, Any]) -> dict[str, int]:
    """Answer ``countTokens``: four characters are a token."""
    inner = body.get("generateContentRequest") or body
    said = [
        str(part.get("text", ""))
        for content in inner.get("contents") or ()
        for part in content.get("parts") or ()
    ]
    return {"totalTokens": sum(4 + len(text) // 4 for text in said)}


def _messages(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    parts = content.get("parts") or ()
    said = "\n".join(str(part["text"]) for part in parts if "text" in part)
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if said or not results:
        yield {"role": "assistant" if content.get("role") == "model" else "user", "content": said}
    for result in results:
        yield {"role": "tool", "content": json.dumps(result.get("response"))}


def _tool(declaration: Mapping[str, Any]) -> dict[str, Any]:
    schema = declaration.get("parametersJsonSchema") or declaration.get("parameters")
    return {"type": "function", "function": {"name": declaration.get("name"), "parameters": schema}}


def _candidate(index: int, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": index, "content": {"role": "model", "parts": parts}}
    return (
        candidate
        if finish is None
        else candidate | {"finishReason": "MAX_TOKENS" if finish == "length" else "STOP"}
    )


def _response(
    answer: MockAnswer, candidates: list[dict[str, Any]], spoken: int | None = None
) -> dict[str, Any]:
    words = (len(answer.words) if spoken is None else spoken) * answer.choices
    return {
        "candidates": candidates,
        "usageMetadata": {
            "promptTokenCount": answer.prompt_tokens,
            "candidatesTokenCount": words,
            "totalTokenCount": answer.prompt_tokens + words,
        },
        "modelVersion": answer.model,
        "responseId": f"mock-{answer.number}",
    }


GEMINI = GeminiWire()
