"""Small builders of stream events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from llmgw_middleware.dialect.openai_stream import ChatTap


def event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    return event({"object": "chat.completion.chunk", "model": "m-1", "choices": list(choices), **fields})


def delta(index: int = 0, finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"index": index, "delta": said, "finish_reason": finish}


ROLE = chunk(delta(role="assistant", content=""))
HELLO = chunk(delta(content="Hello"))
FINISH = chunk(delta(finish="stop"))
USAGE = chunk(usage={"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7})
DONE = b"data: [DONE]\n\n"
ERROR = event({"error": {"message": "boom", "type": "server_error"}})


class Seen:
    """What a caller saw of a tap: all bytes, and whether any of it was content."""

    def __init__(self, tap: ChatTap) -> None:
        self.tap = tap
        self.data = b""
        self.content = False

    def feed(self, data: bytes) -> Seen:
        self._take(self.tap.feed(data))
        return self

    def close(self) -> Seen:
        self._take(self.tap.close())
        return self

    def _take(self, pieces: Sequence[Any]) -> None:
        self.data += b"".join(piece.data for piece in pieces)
        self.content |= any(piece.content for piece in pieces)

    @property
    def fault(self) -> str | None:
        return self.tap.fault.kind.value if self.tap.fault else None


def tapped(*events: bytes, show_usage: bool = False, close: bool = False) -> Seen:
    seen = Seen(ChatTap(show_usage=show_usage))
    for data in events:
        seen.feed(data)
    return seen.close() if close else seen


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut ``data`` at the places (taken modulo its length)."""
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(marks)]
