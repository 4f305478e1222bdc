"""Gemini's side: generateContent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.clients.speech import INPUT, OUTPUT, SIGNATURE, Asked, Said, Tool

UNKNOWN_MODEL = {
    "error": {"code": 404, "message": "models/no-such-model is not found.", "status": "NOT_FOUND"}
}
USAGE = {
    "promptTokenCount": INPUT,
    "candidatesTokenCount": OUTPUT,
    "totalTokenCount": INPUT + OUTPUT,
}


def asked(body: dict[str, Any], model: str, *, stream: bool) -> Asked:
    """Read a request."""
    parts = [(each.get("role", "user"), part) for each in body["contents"] for part in each["parts"]]
    spoken = [i for i, (role, part) in enumerate(parts) if role == "user" and "text" in part]
    at = spoken[-1] if spoken else -1
    config = body.get("generationConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    declared = [each for tool in body.get("tools") or () for each in tool.get("functionDeclarations") or ()]
    results = [part["functionResponse"] for _, part in parts[at + 1 :] if "functionResponse" in part]
    return Asked(
        text=parts[at][1]["text"] if spoken else "",
        tools=tuple(
            Tool(name=each["name"], schema=each.get("parametersJsonSchema") or each.get("parameters") or {})
            for each in declared
            if calling.get("mode") != "NONE"
        ),
        forced=next(iter(calling.get("allowedFunctionNames") or ()), None),
        results=tuple(_result(each["response"]) for each in results),
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        thinks=bool((config.get("thinkingConfig") or {}).get("includeThoughts")),
        carried=tuple(part["thoughtSignature"] for _, part in parts if "thoughtSignature" in part),
        stream=stream,
        model=model,
    )


def whole(said: Said, request: Asked) -> dict[str, Any]:
    """Word a complete answer."""
    return _answer(request, [*_thought(said), *_text(said.text), *_calls(said)], finish="STOP")


def events(said: Said, request: Asked) -> Iterator[str]:
    """Word a stream."""
    pieces = [*_thought(said), *(part for word in said.words for part in _text(word)), *_calls(said)]
    for number, part in enumerate(pieces):
        last = number == len(pieces) - 1
        yield f"data: {json.dumps(_answer(request, [part], finish='STOP' if last else None))}\r\n\r\n"


def _answer(request: Asked, parts: list[dict[str, Any]], *, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": request.model,
        "responseId": "resp-1",
    }


def _thought(said: Said) -> list[dict[str, Any]]:
    return [{"text": said.thought, "thought": True}] if said.thought else []


def _text(text: str) -> list[dict[str, Any]]:
    return [{"text": text}] if text else []


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"functionCall": {"name": each.name, "args": dict(each.arguments)}, "thoughtSignature": SIGNATURE}
        for each in said.calls
    ]


def _result(response: Any) -> str:
    if isinstance(response, dict) and len(response) == 1:
        response = next(iter(response.values()))
    return response if isinstance(response, str) else json.dumps(response)
