"""Streams of Anthropic messages that pass through: what each event means, and what may go to the caller when.

An event's bytes are forwarded as they came, unknown ones too. ``message_delta`` is held until ``message_stop``: errors
are on record that came after it. Malformed events are dropped and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.anthropic_errors import fault_in_stream
from llmgw_middleware.dialect.anthropic_usage import UsageMeter
from llmgw_middleware.dialect.port import Piece
from llmgw_middleware.dialect.sse import MAX_EVENT, EventTooLong, Splitter, read_event
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.usage import Usage


class _Inner(msgspec.Struct, gc=False):
    # Any: nothing but emptiness is asked, and types yet to come must not fail the stream.
    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    signature: Any = None
    citation: Any = None
    data: Any = None
    model: Any = None
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    delta: _Inner | None = None
    content_block: _Inner | None = None
    message: _Inner | None = None
    usage: Any = None


_decode = msgspec.json.Decoder(_Event).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
MAX_HELD = 64 * 1024
"""Bytes that are held after a ``message_delta``; beyond them everything held goes on."""

_OPENING = frozenset({"text", "thinking"})
"""Blocks whose beginning says nothing yet."""


class MessagesTap:
    """Reads one stream of messages; see the module for the rules. Implements ``port.StreamTap``."""

    __slots__ = (
        "_began",
        "_held",
        "_meter",
        "_opened",
        "_splitter",
        "done",
        "fault",
        "finished",
        "malformed",
        "model",
    )

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self.fault: Fault | None = None
        self.finished = False
        self.done = False
        self.model: str | None = None
        self.malformed = 0
        self._meter = UsageMeter()
        self._splitter = Splitter(max_event)
        self._held: list[bytes] = []
        self._began = False
        self._opened = False

    def __repr__(self) -> str:
        state = "done" if self.done else "open" if self.fault is None else self.fault.kind.value
        return f"<MessagesTap {state}, {len(self._held)} events held, {self.malformed} malformed>"

    @property
    def usage(self) -> Usage | None:
        """The counts so far; None where none were told."""
        return self._meter.usage if self._meter.seen else None

    @usage.setter
    def usage(self, _: Usage | None) -> None:
        raise AttributeError("the counts are the upstream's")

    @property
    def _over(self) -> bool:
        return self.done or self.fault is not None

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Take bytes split anywhere; return what may go to the caller now. After ``done`` bytes are ignored."""
        if self._over:
            return ()
        try:
            return self._run(self._splitter.feed(data))
        except EventTooLong as problem:
            pieces = self._run(problem.events)
            if not self._over:
                self.fault = Fault(kind=FaultKind.PROTOCOL, message=str(problem))
            return pieces

    def close(self) -> Sequence[Piece]:
        """Take the upstream's clean end. Without ``message_stop`` the stream is truncated."""
        if self._over:
            return ()
        rest = self._splitter.close()
        pieces = self._run([rest.rstrip(b"\r\n") + b"\n\n"]) if rest.strip() else ()
        if not self._over:
            self.fault = Fault(kind=FaultKind.TRUNCATED, message="the stream ended before message_stop")
        return pieces

    def _run(self, events: Sequence[bytes]) -> Sequence[Piece]:
        out: list[bytes] = []
        content = False
        for event in events:
            content |= self._judge(event, out)
            if self._over:
                break
        return (Piece(b"".join(out), content),) if out else ()

    def _judge(self, event: bytes, out: list[bytes]) -> bool:
        """Put an event where it belongs; returns whether it is content."""
        name, data = read_event(event)
        if data is None:
            self._place(event, out)
            return False
        try:
            if not data.isascii():
                data.decode()
            found = _decode(data)
        except _UNREADABLE:
            self.malformed += 1
            return False
        kind = found.type or name.decode("latin-1")
        if kind == "content_block_delta":
            self._place(event, out)
            return _says(found.delta)
        if kind == "content_block_start":
            self._opened = True
            self._place(event, out)
            return _begins(found.content_block)
        self._judge_frame(kind, found, event, data, out)
        return False

    def _judge_frame(self, kind: Any, found: _Event, event: bytes, data: bytes, out: list[bytes]) -> None:
        """Judge an event that is about the message as a whole."""
        match kind:
            case "error":
                self.fault = fault_in_stream(data)
            case "message_start" if self._began:
                # It would make SDKs begin anew. Before any block it is passed over, after one the stream is broken.
                if self._opened:
                    self.fault = Fault(kind=FaultKind.PROTOCOL, message="a second message_start")
            case "message_start":
                self._start(found)
                self._place(event, out)
            case "message_delta":
                self._meter.note(found.usage)
                self._hold(event, out)
            case "message_stop":
                out += [*self._held, event]
                self._held = []
                self.finished = self.done = True
            case _:
                self._place(event, out)

    def _start(self, found: _Event) -> None:
        self._began = True
        message = found.message or _Inner()
        self._meter.note(message.usage)
        self.model = message.model if isinstance(message.model, str) and message.model else None

    def _place(self, event: bytes, out: list[bytes]) -> None:
        """Let an event go on, or wait behind what is held: order is kept."""
        if self._held:
            self._hold(event, out)
        else:
            out.append(event)

    def _hold(self, event: bytes, out: list[bytes]) -> None:
        self._held.append(event)
        if sum(map(len, self._held)) > MAX_HELD:
            out += self._held
            self._held = []


def _says(delta: _Inner | None) -> bool:
    if delta is None:
        return False
    return bool(
        delta.text or delta.thinking or delta.partial_json or delta.signature or delta.citation or delta.data
    )


def _begins(block: _Inner | None) -> bool:
    return block is not None and (block.type not in _OPENING or bool(block.text or block.thinking))
