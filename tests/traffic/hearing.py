"""What a caller makes of an answer, streamed or whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from llmgw_middleware.gateway import Gateway
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Response
from tests.gateway.asking import ask, said

QUESTION = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is it?"}]}


@dataclass(frozen=True)
class Heard:
    """``ends`` are the finish reasons and terminators, in order; ``errors`` the codes of error objects."""

    status: int
    text: str
    models: frozenset[str]
    usage: dict[str, int] | None
    ends: tuple[str, ...]
    errors: tuple[str, ...]
    roles: int


async def hear(gw: Gateway, *, stream: bool = False, **more: Any) -> tuple[Heard, Decision]:
    """Ask, listen to the end, and return that with the record of it."""
    question = {**QUESTION, **more}
    if stream:
        question |= {"stream": True, "stream_options": {"include_usage": True}}
    response = await ask(gw, body=question)
    heard = await listen(response)
    assert response.decision is not None
    return heard, response.decision


async def listen(response: Response) -> Heard:
    data = await said(response)
    if response.stream is None:
        return _whole(response.status, json.loads(data))
    return _streamed(response.status, data)


def _whole(status: int, body: dict[str, Any]) -> Heard:
    if "error" in body:
        return Heard(status, body["error"]["message"], frozenset(), None, (), (body["error"]["code"],), 0)
    [choice] = body["choices"]
    return Heard(
        status,
        choice["message"]["content"],
        frozenset({body["model"]}),
        body.get("usage"),
        (choice["finish_reason"],),
        (),
        1,
    )


def _streamed(status: int, data: bytes) -> Heard:
    assert data.endswith(b"\n\n"), "an event is cut off"
    lines = [line[6:] for line in data.decode().split("\n") if line.startswith("data: ")]
    events = [json.loads(line) for line in lines if line != "[DONE]"]
    chunks = [event for event in events if "error" not in event]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    ends = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    usage = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    return Heard(
        status,
        "".join(choice["delta"].get("content") or "" for choice in choices),
        frozenset(chunk["model"] for chunk in chunks),
        usage[-1] if usage else None,
        (*ends, *(line for line in lines if line == "[DONE]")),
        tuple(event["error"]["code"] for event in events if "error" in event),
        sum("role" in choice["delta"] for choice in choices),
    )
