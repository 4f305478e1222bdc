"""Calls of an ASGI application without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llmgw_middleware.testing.mock import MockProvider, create_mock


@dataclass
class Answer:
    """What an application sent. ``complete`` is false when it returned without ending its answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    complete: bool = False
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        found = [line[6:] for line in self.body.decode().split("\n\n") if line.startswith("data: ")]
        return [json.loads(line) if line != "[DONE]" else line for line in found]

    @property
    def text(self) -> str:
        chunks = [event for event in self.events if isinstance(event, dict)]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
        return "".join(delta.get("content") or "" for delta in deltas)


async def ask(
    mock: MockProvider,
    path: str,
    body: Any = None,
    *,
    method: str | None = None,
    headers: Sequence[tuple[bytes, bytes]] = (),
    leave_after: int | None = None,
) -> Answer:
    """Call ``mock``; with ``leave_after`` the caller goes once that many parts of the body have come."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    answer, left, asked = Answer(), asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not asked.is_set():
            asked.set()
            return {"type": "http.request", "body": raw, "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        answer.parts.append(message["body"])
        answer.complete = not message["more_body"]
        if leave_after is not None and len(answer.parts) >= leave_after:
            left.set()

    scope = {"type": "http", "method": method or ("GET" if body is None else "POST"), "path": path}
    if leave_after == 0:
        left.set()
    await mock({**scope, "headers": list(headers), "query_string": b""}, receive, send)
    return answer


def hasty(name: str = "mock", **options: Any) -> MockProvider:
    """A mock that never waits."""
    return create_mock(name, pace=0.0, **options)


def chat(model: str = "gpt-4o-mini", said: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": said}], **more}


CHAT = "/v1/chat/completions"
