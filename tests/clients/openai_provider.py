"""OpenAI's side: chat completions and embeddings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.clients.speech import INPUT, OUTPUT, Asked, Said, Tool, plain

HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "system_fingerprint": "fp_1"}
UNKNOWN_MODEL = {
    "error": {
        "message": "The model does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": None,
        "code": "model_not_found",
    }
}
USAGE = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}


def asked(body: dict[str, Any]) -> Asked:
    """Read a request for a chat completion."""
    messages = body["messages"]
    last_user = max((i for i, each in enumerate(messages) if each["role"] == "user"), default=-1)
    choice = body.get("tool_choice")
    form = body.get("response_format") or {}
    return Asked(
        text=plain(messages[last_user]["content"]),
        tools=tuple(
            Tool(name=each["function"]["name"], schema=each["function"].get("parameters") or {})
            for each in body.get("tools") or ()
            if choice != "none"
        ),
        forced=choice["function"]["name"] if isinstance(choice, dict) else None,
        results=tuple(plain(each["content"]) for each in messages[last_user + 1 :] if each["role"] == "tool"),
        schema=form["json_schema"].get("schema") if form.get("type") == "json_schema" else None,
        stream=body.get("stream") is True,
        model=body["model"],
    )


def whole(said: Said, request: Asked) -> dict[str, Any]:
    """Word a complete answer."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.calls:
        message["tool_calls"] = [
            {
                "id": each.id,
                "type": "function",
                "function": {"name": each.name, "arguments": json.dumps(each.arguments)},
            }
            for each in said.calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": _finish(said), "logprobs": None}
    return {**HEAD, "object": "chat.completion", "model": request.model, "choices": [choice], "usage": USAGE}


def events(said: Said, request: Asked) -> Iterator[str]:
    """Word a stream."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _event(request, choices=[choice], usage=None)

    yield chunk({"role": "assistant", "content": "" if said.text else None, "refusal": None})
    for word in said.words if said.text else ():
        yield chunk({"content": word})
    for index, call in enumerate(said.calls):
        head = {"index": index, "id": call.id, "type": "function"}
        yield chunk({"tool_calls": [{**head, "function": {"name": call.name, "arguments": ""}}]})
        text = json.dumps(call.arguments)
        for piece in (text[:4], text[4:]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish(said))
    yield _event(request, choices=[], usage=USAGE)
    yield "data: [DONE]\n\n"


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Word the answer to a request for embeddings: as floats only, which every client takes."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    rows = [
        {"object": "embedding", "index": index, "embedding": [0.25, float(len(text))]}
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": INPUT, "total_tokens": INPUT}
    return {"object": "list", "data": rows, "model": body["model"], "usage": usage}


def _event(request: Asked, **more: Any) -> str:
    event = {**HEAD, "object": "chat.completion.chunk", "model": request.model, **more}
    return f"data: {json.dumps(event)}\n\n"


def _finish(said: Said) -> str:
    return "tool_calls" if said.calls else "stop"
