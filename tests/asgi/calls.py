"""An ASGI server of a few lines: it plays the messages it is given and keeps what is sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.doors import CHAT

GONE = {"type": "http.disconnect"}


def scope_of(
    path: str = CHAT, method: str = "POST", headers: tuple[tuple[bytes, bytes], ...] = (), **more: Any
) -> dict[str, Any]:
    lines = ((b"host", b"shop.example"), (b"content-type", b"application/json"), *headers)
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*lines],
        "client": ("10.0.0.1", 4711),
        "scheme": "http",
        **more,
    }


class Call:
    """One request: ``body`` comes in these pieces, then the caller stays until ``leave``."""

    def __init__(self, *body: bytes, leave_amid: bool = False) -> None:
        pieces = body or (b"{}",)
        last = len(pieces) - 1
        self._messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": leave_amid or index < last}
            for index, piece in enumerate(pieces)
        ]
        self.read = 0
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        if leave_amid:
            self.left.set()

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            self.read += 1
            return self._messages.pop(0)
        await self.left.wait()
        return GONE

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> Any:
        [start] = [m for m in self.sent if m["type"] == "http.response.start"]
        return start["status"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent if m["type"] == "http.response.body")

    @property
    def complete(self) -> bool:
        return self.sent[-1].get("more_body") is False

    @property
    def told(self) -> Any:
        return json.loads(self.body)


async def host(scope: Any, receive: Any, send: Any) -> None:
    """The application behind the door: it gives the body back."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"host " + body})


async def ask(door: Any, *body: bytes, call: Call | None = None, **scope: Any) -> Call:
    call = call or Call(*body)
    await door(scope_of(**scope), call.receive, call.send)
    return call
