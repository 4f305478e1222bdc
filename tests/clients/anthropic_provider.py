"""Anthropic's side: messages and the counting of tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.clients.speech import INPUT, OUTPUT, SIGNATURE, Asked, Said, Tool, plain

UNKNOWN_MODEL = {
    "type": "error",
    "error": {"type": "not_found_error", "message": "model: no-such-model"},
    "request_id": "req_1",
}


def asked(body: dict[str, Any]) -> Asked:
    """Read a request for a message."""
    blocks = [
        (each["role"], block)
        for each in body["messages"]
        for block in (
            [{"type": "text", "text": each["content"]}]
            if isinstance(each["content"], str)
            else each["content"]
        )
    ]
    spoken = [
        (i, block) for i, (role, block) in enumerate(blocks) if role == "user" and block["type"] == "text"
    ]
    at, last = spoken[-1] if spoken else (-1, {"text": ""})
    choice = body.get("tool_choice") or {}
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return Asked(
        text=last["text"],
        tools=tuple(
            Tool(name=each["name"], schema=each.get("input_schema") or {})
            for each in body.get("tools") or ()
            if choice.get("type") != "none"
        ),
        forced=choice.get("name"),
        results=tuple(
            plain(block.get("content")) for _, block in blocks[at + 1 :] if block["type"] == "tool_result"
        ),
        schema=form.get("schema"),
        thinks=(body.get("thinking") or {}).get("type") in {"enabled", "adaptive"},
        carried=tuple(block["signature"] for _, block in blocks if block["type"] == "thinking"),
        stream=body.get("stream") is True,
        model=body["model"],
    )


def whole(said: Said, request: Asked) -> dict[str, Any]:
    """Word a complete message."""
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT}
    return {**_head(request), "content": _blocks(said), "stop_reason": _stop(said), "usage": usage}


def events(said: Said, request: Asked) -> Iterator[str]:
    """Word a stream."""
    usage = {"input_tokens": INPUT, "output_tokens": 1}
    yield _event(
        "message_start", message={**_head(request), "content": [], "stop_reason": None, "usage": usage}
    )
    yield _event("ping")
    for index, block in enumerate(_blocks(said)):
        empty, deltas = _pieces(block, said)
        yield _event("content_block_start", index=index, content_block=empty)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    end = {"stop_reason": _stop(said), "stop_sequence": None}
    yield _event("message_delta", delta=end, usage={"output_tokens": OUTPUT})
    yield _event("message_stop")


def _head(request: Asked) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "stop_sequence": None,
    }


def _blocks(said: Said) -> list[dict[str, Any]]:
    thought = [{"type": "thinking", "thinking": said.thought, "signature": SIGNATURE}] if said.thought else []
    text = [{"type": "text", "text": said.text}] if said.text else []
    calls = [
        {"type": "tool_use", "id": each.id, "name": each.name, "input": dict(each.arguments)}
        for each in said.calls
    ]
    return [*thought, *text, *calls]


def _pieces(block: dict[str, Any], said: Said) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            deltas = [
                {"type": "thinking_delta", "thinking": part} for part in (said.thought[:8], said.thought[8:])
            ]
            signed = {"type": "signature_delta", "signature": SIGNATURE}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": word} for word in said.words]
        case _:
            text = json.dumps(block["input"])
            pieces = ("", text[:4], text[4:])
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            return {**block, "input": {}}, deltas


def _event(kind: str, **more: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n"


def _stop(said: Said) -> str:
    return "tool_use" if said.calls else "end_turn"
