"""Streams of Anthropic messages, decoded into the canonical stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.anthropic_errors import fault_in_stream
from llmgw_middleware.dialect.anthropic_finish import finish_of
from llmgw_middleware.dialect.anthropic_sources import source_of
from llmgw_middleware.dialect.anthropic_usage import UsageMeter
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Failed,
    Finished,
    Ping,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.sse import MAX_EVENT, EventTooLong, Splitter, read_event
from llmgw_middleware.model.fault import Fault, FaultKind


class _Delta(msgspec.Struct, gc=False):
    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    signature: Any = None
    citation: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None


class _Block(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    name: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    input: Any = None
    citations: Any = None


class _Message(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    index: Any = None
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Any = None


_decode = msgspec.json.Decoder(_Event).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class MessagesDecoder:
    """Reads one stream of messages. Implements ``chat_port.Decoder``.

    Blocks of server tools and their results are never told as calls. A second ``message_start`` is passed over before
    any block, and a broken stream after one.
    """

    __slots__ = (
        "_block_at",
        "_call",
        "_cited",
        "_end",
        "_length",
        "_meter",
        "_opened",
        "_out",
        "_read",
        "_splitter",
        "_started",
        "_tools",
        "done",
        "finished",
        "malformed",
    )

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self.finished = False
        self.done = False
        self.malformed = 0
        self._splitter = Splitter(max_event)
        self._meter = UsageMeter()
        self._out: list[ChatEvent] = []
        self._tools = 0
        self._call: int | None = None
        self._block_at = 0
        self._cited: list[dict[str, Any]] = []
        self._started = False
        self._opened = False
        self._length = 0
        self._end: Finished | None = None
        self._read: dict[str, Callable[[_Event], None]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
        }

    def __repr__(self) -> str:
        state = "done" if self.done else "finished" if self.finished else "open"
        return f"<MessagesDecoder {state}, {self._tools} tools>"

    def feed(self, data: bytes) -> Sequence[ChatEvent]:
        """Take bytes split anywhere."""
        if self.done:
            return ()
        try:
            events = self._splitter.feed(data)
        except EventTooLong as problem:
            for event in problem.events:
                self._judge(event)
            self._fail(Fault(kind=FaultKind.PROTOCOL, message=str(problem)))
        else:
            for event in events:
                self._judge(event)
        return self._taken()

    def close(self) -> Sequence[ChatEvent]:
        """Take the upstream's clean end; without ``message_stop`` the stream is truncated."""
        if self.done:
            return ()
        rest = self._splitter.close()
        if rest.strip():
            self._judge(rest)
        if not self.done:
            self._fail(Fault(kind=FaultKind.TRUNCATED, message="the stream ended before message_stop"))
        return self._taken()

    def _taken(self) -> Sequence[ChatEvent]:
        out, self._out = self._out, []
        return out

    def _fail(self, fault: Fault) -> None:
        if not self.done:
            self._out.append(Failed(fault))
            self.done = True

    def _judge(self, event: bytes) -> None:
        if self.done:
            return
        name, data = read_event(event)
        if data is None:
            return
        try:
            if not data.isascii():
                data.decode()
            found = _decode(data)
        except _UNREADABLE:
            self.malformed += 1
            return
        kind = found.type or name.decode("latin-1")
        if kind == "error":
            self._fail(fault_in_stream(data))
        elif kind == "ping":
            self._out.append(Ping())
        elif isinstance(kind, str) and (read := self._read.get(kind)) is not None:
            if not self._started and kind != "message_start":
                self._message_start(_Event())  # it is missing, or was one of those that cannot be read
            read(found)

    def _message_start(self, event: _Event) -> None:
        if self._started:
            if self._opened:
                self._fail(Fault(kind=FaultKind.PROTOCOL, message="a second message_start"))
            return
        self._started = True
        message = event.message or _Message()
        self._meter.note(message.usage)
        usage = self._meter.usage if self._meter.seen else None
        self._out.append(Started(_word(message.id), _word(message.model), usage))

    def _block_start(self, event: _Event) -> None:
        block = event.content_block or _Block()
        self._opened = True
        self._block_at = self._length
        match block.type:
            case "tool_use":
                self._call = self._tools
                self._tools += 1
                identity, name = _word(block.id), _word(block.name)
                if identity is None or name is None:
                    self._fail(Fault(kind=FaultKind.PROTOCOL, message="a tool_use without id or name"))
                    return
                self._out.append(ToolStarted(self._call, identity, name))
                if isinstance(block.input, dict) and block.input:
                    self._argue(msgspec.json.encode(block.input).decode())
            case "text":
                self._say(block.text)
            case "thinking":
                self._think(block.thinking, block.signature)
            case "redacted_thinking" if block.data and isinstance(block.data, str):
                self._out.append(Carrier("redacted", block.data, "anthropic"))
            case _:
                pass  # server tools, their results, and what is yet to come

    def _block_delta(self, event: _Event) -> None:
        delta = event.delta
        if delta is None:
            return
        kind = delta.type
        if kind == "text_delta":
            self._say(delta.text)
        elif kind == "thinking_delta":
            self._think(delta.thinking, None)
        elif kind == "input_json_delta":
            if self._call is not None and delta.partial_json:
                self._argue(delta.partial_json)
        elif kind == "signature_delta":
            self._think(None, delta.signature)
        elif kind == "citations_delta" and isinstance(delta.citation, dict):
            self._cited.append(delta.citation)

    def _say(self, text: Any) -> None:
        if text and isinstance(text, str):
            self._length += len(text)
            self._out.append(Text(text))

    def _think(self, text: Any, signature: Any) -> None:
        if text and isinstance(text, str):
            self._out.append(Thinking(text))
        if signature and isinstance(signature, str):
            self._out.append(Carrier("signature", signature, "anthropic"))

    def _argue(self, text: Any) -> None:
        if self._call is not None and isinstance(text, str):
            self._out.append(ToolArguments(self._call, text))

    def _block_stop(self, event: _Event) -> None:  # noqa: ARG002 - blocks do not overlap here
        self._call = None
        for citation in self._cited:  # they come before the text they belong to
            self._out.append(Citation(source_of(citation, start=self._block_at, end=self._length)))
        self._cited = []

    def _message_delta(self, event: _Event) -> None:
        self._meter.note(event.usage)
        delta = event.delta
        if delta is not None and delta.stop_reason:
            self._end = finish_of(delta.stop_reason, delta.stop_sequence, delta.stop_details)

    def _message_stop(self, event: _Event) -> None:  # noqa: ARG002 - it says nothing but that
        if self._end is None:
            self._fail(
                Fault(kind=FaultKind.TRUNCATED, message="the message stopped without a reason to stop")
            )
            return
        if self._meter.seen:
            self._out.append(UsageSeen(self._meter.usage))
        self._out.append(self._end)
        self.finished = self.done = True


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
