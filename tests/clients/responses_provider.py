"""OpenAI's side once more: Responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from tests.clients.openai_provider import UNKNOWN_MODEL
from tests.clients.speech import INPUT, OUTPUT, Asked, Call, Said, Tool, plain

__all__ = ["UNKNOWN_MODEL", "asked", "events", "whole"]

USAGE = {
    "input_tokens": INPUT,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": OUTPUT,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT + OUTPUT,
}


def asked(body: dict[str, Any]) -> Asked:
    """Read a request for a response."""
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    spoken = max((i for i, each in enumerate(items) if each.get("role") == "user"), default=-1)
    choice = body.get("tool_choice")
    form = (body.get("text") or {}).get("format") or {}
    return Asked(
        text=plain(items[spoken]["content"]),
        tools=tuple(
            Tool(name=each["name"], schema=each.get("parameters") or {})
            for each in body.get("tools") or ()
            if choice != "none"
        ),
        forced=choice.get("name") if isinstance(choice, dict) else None,
        results=tuple(
            plain(each["output"])
            for each in items[spoken + 1 :]
            if each.get("type") == "function_call_output"
        ),
        schema=form.get("schema"),
        stream=body.get("stream") is True,
        model=body["model"],
    )


def whole(said: Said, request: Asked) -> dict[str, Any]:
    """Word a complete answer."""
    return _response(request, output=[_item(each) for each in _parts(said)], status="completed")


def events(said: Said, request: Asked) -> Iterator[str]:
    """Word a stream."""
    number = count()

    def event(kind: str, **more: Any) -> str:
        document = {"type": kind, "sequence_number": next(number), **more}
        return f"event: {kind}\ndata: {json.dumps(document)}\n\n"

    begun = _response(request, output=[], status="in_progress")
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for index, part in enumerate(_parts(said)):
        item = _item(part)
        at: dict[str, Any] = {"output_index": index, "item_id": item["id"]}
        if isinstance(part, Call):
            empty = {**item, "arguments": "", "status": "in_progress"}
            yield event("response.output_item.added", output_index=index, item=empty)
            for piece in (item["arguments"][:4], item["arguments"][4:]):
                yield event("response.function_call_arguments.delta", **at, delta=piece)
            yield event(
                "response.function_call_arguments.done", **at, arguments=item["arguments"], name=part.name
            )
        else:
            at |= {"content_index": 0}
            text = item["content"][0]
            empty = {**item, "content": [], "status": "in_progress"}
            yield event("response.output_item.added", output_index=index, item=empty)
            yield event("response.content_part.added", **at, part={**text, "text": ""})
            for word in said.words:
                yield event("response.output_text.delta", **at, delta=word, logprobs=[])
            yield event("response.output_text.done", **at, text=said.text, logprobs=[])
            yield event("response.content_part.done", **at, part=text)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=whole(said, request))


def _parts(said: Said) -> list[str | Call]:
    return [*([said.text] if said.text else []), *said.calls]


def _item(part: str | Call) -> dict[str, Any]:
    if isinstance(part, Call):
        words = {"call_id": part.id, "name": part.name, "arguments": json.dumps(part.arguments)}
        return {"id": f"fc_{part.id}", "type": "function_call", "status": "completed", **words}
    text = {"type": "output_text", "text": part, "annotations": [], "logprobs": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}


def _response(request: Asked, **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": request.model,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": USAGE if more["status"] == "completed" else None,
        **more,
    }
