"""The canonical stream, encoded as an Anthropic message.

The grammar of that dialect is narrower: blocks never overlap and are numbered without gaps, while canonical calls may
interleave. So blocks wait in a queue. The first one is open and streams; it is closed once another one waits and it
can get nothing more: a text at once, a call when its arguments are a complete object. At the end all are closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from llmgw_middleware.dialect.anthropic_blocks import tool_id
from llmgw_middleware.dialect.anthropic_finish import written
from llmgw_middleware.dialect.anthropic_sources import citation_of
from llmgw_middleware.dialect.anthropic_usage import write_usage
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Finish,
    Finished,
    Refusal,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_port import Scene
from llmgw_middleware.model.usage import Usage

_encode = msgspec.json.encode
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
_TEXT = b'{"type":"text_delta","text":'
_THINKING = b'{"type":"thinking_delta","thinking":'
_ARGUMENTS = b'{"type":"input_json_delta","partial_json":'
_SIGNATURE = b'{"type":"signature_delta","signature":'
_PER_TOKEN = 4
"""Characters of an answer that are taken for a token where the upstream does not count."""


class _Block:
    """One content block: how it starts, and the deltas that could not be sent yet."""

    __slots__ = ("arguments", "frame", "kind", "sealed", "start", "waiting")

    def __init__(self, kind: Literal["text", "thinking", "redacted", "tool"], start: dict[str, Any]) -> None:
        self.kind = kind
        self.start = start
        self.frame = b""
        self.waiting: list[bytes] = []
        self.arguments: list[str] = []
        self.sealed = False

    @property
    def over(self) -> bool:
        """Whether nothing more can come for it once another block has begun."""
        return self.kind != "tool" or _complete(self.arguments)


class MessagesEncoder:
    """Writes one stream of an Anthropic message. Implements ``chat_port.Encoder``. Only the first choice is told."""

    __slots__ = (
        "_end",
        "_index",
        "_last",
        "_length",
        "_open",
        "_queue",
        "_scene",
        "_started",
        "_tools",
        "_usage",
    )

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._started = False
        self._queue: list[_Block] = []
        self._open = False
        self._last: _Block | None = None
        self._index = 0
        self._tools: dict[int, _Block] = {}
        self._usage: Usage | None = None
        self._length = 0
        self._end: Finished | None = None

    def __repr__(self) -> str:
        return f"<MessagesEncoder block {self._index}, {len(self._queue)} waiting>"

    def write(self, events: Iterable[ChatEvent]) -> bytes:
        """Return the events that can be said now."""
        out: list[bytes] = []
        for event in events:
            kind = type(event)
            if kind is Text:
                self._say("text", event.text, _TEXT, out)  # type: ignore[union-attr] # its type was looked at
            elif kind is ToolArguments:
                self._argue(event, out)  # type: ignore[arg-type] # its type was looked at
            else:
                self._write(event, out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return the rest of the blocks, ``message_delta`` with the counts, and ``message_stop``."""
        out: list[bytes] = []
        self._start(Started(), out)
        while self._queue:
            if not self._open:
                self._open_first(out)
            self._close_first(out)
        reason, sequence = written(self._end or Finished(Finish.STOP))
        usage = self._usage or Usage(input=self._scene.estimate, output=-(-self._length // _PER_TOKEN))
        said = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": write_usage(usage),
        }
        out.append(b"event: message_delta\ndata: " + _encode(said) + b"\n\n" + _STOP)
        return b"".join(out)

    def _write(self, event: ChatEvent, out: list[bytes]) -> None:
        match event:
            case Started():
                self._start(event, out)
            case Thinking(text):
                self._say("thinking", text, _THINKING, out)
            case Refusal(text):
                self._say("text", text, _TEXT, out)
            case Carrier(_, _, "anthropic"):
                self._carry(event, out)
            case ToolStarted():
                self._call(event, out)
            case Citation(source) if self._last is not None and self._last.kind == "text" and source.url:
                said = _encode({"type": "citations_delta", "citation": citation_of(source)})
                self._put(self._last, said + b"}\n\n", out)
            case UsageSeen(usage):
                self._usage = usage
            case Finished():
                self._end = self._end or event
            case _:
                pass

    def _start(self, event: Started, out: list[bytes]) -> None:
        if self._started:
            return
        self._started = True
        scene = self._scene
        usage = write_usage(event.usage or Usage(input=scene.estimate))
        message: dict[str, Any] = {
            "id": event.id or f"msg_{scene.mint()}",
            "type": "message",
            "role": "assistant",
            "model": event.model or scene.model or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        said = {"type": "message_start", "message": message}
        out.append(b"event: message_start\ndata: " + _encode(said) + b"\n\n")

    def _say(self, kind: Literal["text", "thinking"], text: str, opening: bytes, out: list[bytes]) -> None:
        self._length += len(text)
        block = self._last
        if block is None or block.kind != kind or block.sealed:
            start = {"type": kind, kind: ""} if kind == "text" else {"type": kind, kind: "", "signature": ""}
            block = self._begin(_Block(kind, start), out)
        self._put(block, opening + _encode(text) + b"}}\n\n", out)

    def _argue(self, event: ToolArguments, out: list[bytes]) -> None:
        block = self._tools.get(event.tool)
        if block is None or block.sealed:
            return
        self._length += len(event.text)
        block.arguments.append(event.text)
        self._put(block, _ARGUMENTS + _encode(event.text) + b"}}\n\n", out)
        if len(self._queue) > 1:
            self._advance(out)

    def _carry(self, event: Carrier, out: list[bytes]) -> None:
        if event.kind == "redacted":
            start = {"type": "redacted_thinking", "data": event.data}
            self._begin(_Block("redacted", start), out).sealed = True
            return
        block = self._last
        if block is None or block.kind != "thinking" or block.sealed:
            start = {"type": "thinking", "thinking": "", "signature": ""}
            block = self._begin(_Block("thinking", start), out)
        self._put(block, _SIGNATURE + _encode(event.data) + b"}}\n\n", out)
        block.sealed = True

    def _call(self, event: ToolStarted, out: list[bytes]) -> None:
        start = {"type": "tool_use", "id": tool_id(event.id), "name": event.name, "input": {}}
        self._tools[event.tool] = self._begin(_Block("tool", start), out)

    def _begin(self, block: _Block, out: list[bytes]) -> _Block:
        self._last = block
        self._queue.append(block)
        self._advance(out)
        return block

    def _put(self, block: _Block, delta: bytes, out: list[bytes]) -> None:
        if block.frame:
            out.append(block.frame + delta)
        else:
            block.waiting.append(delta)

    def _advance(self, out: list[bytes]) -> None:
        """Close what is over, as long as something waits behind it, and open the next."""
        while True:
            if not self._open:
                self._open_first(out)
            if len(self._queue) == 1 or not self._queue[0].over:
                return
            self._close_first(out)

    def _open_first(self, out: list[bytes]) -> None:
        block = self._queue[0]
        self._open = True
        start = {"type": "content_block_start", "index": self._index, "content_block": block.start}
        out.append(b"event: content_block_start\ndata: " + _encode(start) + b"\n\n")
        block.frame = _DELTA % self._index
        out += [block.frame + delta for delta in block.waiting]

    def _close_first(self, out: list[bytes]) -> None:
        block = self._queue.pop(0)
        block.sealed = True
        stop = b'{"type":"content_block_stop","index":%d}' % self._index
        out.append(b"event: content_block_stop\ndata: " + stop + b"\n\n")
        self._index += 1
        self._open = False


def _complete(arguments: list[str]) -> bool:
    """Whether a call's arguments are a whole JSON value, so that none can follow."""
    if not arguments or not arguments[-1].rstrip().endswith("}"):
        return False
    try:
        msgspec.json.decode("".join(arguments))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
