"""Converse's streams: frames of an AWS event stream, ended by their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat_event import ChatEvent, Failed, UsageSeen
from llmgw_middleware.dialect.chat_port import Mint
from llmgw_middleware.dialect.converse_errors import fault_in_stream
from llmgw_middleware.dialect.converse_reply import Reader, read_usage
from llmgw_middleware.dialect.eventstream import MAX_FRAME, Frames, MalformedFrame, Message
from llmgw_middleware.dialect.loose import count, mapping
from llmgw_middleware.model.fault import Fault, FaultKind


class ConverseDecoder:
    """Reads one stream. ``messageStop`` is not the end: the usage comes after it. Implements ``chat_port.Decoder``."""

    __slots__ = ("_counted", "_frames", "_reader", "done", "finished", "malformed")

    def __init__(self, mint: Mint, *, max_event: int = MAX_FRAME) -> None:
        self._frames = Frames(max_event)
        self._reader = Reader(mint)
        self._counted = False
        self.finished = False
        self.done = False
        self.malformed = 0

    def __repr__(self) -> str:
        return f"<ConverseDecoder {'done' if self.done else 'finished' if self.finished else 'open'}>"

    def feed(self, data: bytes) -> Sequence[ChatEvent]:
        """Take bytes split anywhere."""
        if self.done:
            return ()
        try:
            return self._read(self._frames.feed(data))
        except MalformedFrame as problem:
            events = self._read(problem.messages)
            return events if _over(events) else [*events, self._fail(FaultKind.PROTOCOL, str(problem))]

    def close(self) -> Sequence[ChatEvent]:
        """Take the upstream's end: a success once the answer said why it ended, even without its usage."""
        if self.done:
            return ()
        if not self.finished or not self._frames.empty:
            return [self._fail(FaultKind.TRUNCATED, "the stream ended before its finish")]
        self.done = True
        return [self._reader.end()]

    def _read(self, messages: Sequence[Message]) -> list[ChatEvent]:
        out: list[ChatEvent] = []
        for message in messages:
            if message.failed:
                self.done = True
                return [*out, Failed(fault_in_stream(message))]
            payload = _json(message.payload)
            if payload is None:
                self.malformed += 1
                continue
            out += self._event(message.kind, payload)
            if self.finished and self._counted:
                self.done = True
                return [*out, self._reader.end()]
        return out

    def _event(self, kind: str, payload: dict[str, Any]) -> Sequence[ChatEvent]:
        reader = self._reader
        index = count(payload.get("contentBlockIndex"))
        events: list[ChatEvent] = list(reader.start())
        match kind:
            case "contentBlockStart":
                events += reader.open_block(index, mapping(payload.get("start")))
            case "contentBlockDelta":
                events += reader.delta(index, mapping(payload.get("delta")))
            case "messageStop":
                reader.stop(payload)
                self.finished = reader.finished
            case "metadata":
                usage = read_usage(payload.get("usage"))
                self._counted = True
                events += () if usage is None else (UsageSeen(usage),)
            case _:
                pass  # messageStart, contentBlockStop, and what is new
        return events

    def _fail(self, kind: FaultKind, message: str) -> Failed:
        self.done = True
        return Failed(Fault(kind=kind, message=message))


def _over(events: Sequence[ChatEvent]) -> bool:
    return bool(events) and isinstance(events[-1], Failed)


def _json(payload: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
