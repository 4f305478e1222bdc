"""Gemini's streams: each event a whole response object with what is new, and no terminator."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmgw_middleware.dialect.chat_event import ChatEvent, Failed
from llmgw_middleware.dialect.chat_port import Mint
from llmgw_middleware.dialect.gemini_reply import Reader
from llmgw_middleware.dialect.sse import MAX_EVENT, EventTooLong, Splitter, read_event
from llmgw_middleware.model.fault import Fault, FaultKind

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class GeminiDecoder:
    """Reads one stream. The end after a reason to finish is success, without one truncation. Implements ``Decoder``."""

    __slots__ = ("_reader", "_splitter", "done", "finished", "malformed")

    def __init__(self, mint: Mint, *, max_event: int = MAX_EVENT) -> None:
        self._reader = Reader(mint)
        self._splitter = Splitter(max_event)
        self.finished = False
        self.done = False
        self.malformed = 0

    def __repr__(self) -> str:
        return f"<GeminiDecoder {'done' if self.done else 'finished' if self.finished else 'open'}>"

    def feed(self, data: bytes) -> Sequence[ChatEvent]:
        """Take bytes split anywhere."""
        if self.done:
            return ()
        try:
            return self._read(self._splitter.feed(data))
        except EventTooLong as problem:
            events = self._read(problem.events)
            return events if _failed(events) else [*events, self._fail(FaultKind.PROTOCOL, str(problem))]

    def close(self) -> Sequence[ChatEvent]:
        """Take the upstream's end. A last event without its blank line counts."""
        if self.done:
            return ()
        rest = self._splitter.close()
        events = self._read([rest]) if rest.strip() else []
        if _failed(events):
            return events
        if not self.finished:
            return [*events, self._fail(FaultKind.TRUNCATED, "the stream ended before its finish")]
        self.done = True
        return [*events, *self._reader.end()]

    def _read(self, events: Sequence[bytes]) -> list[ChatEvent]:
        out: list[ChatEvent] = []
        for event in events:
            _, data = read_event(event)
            if data is None or not data.strip():
                continue
            try:
                data.decode()
                answer = msgspec.json.decode(data)
            except _UNREADABLE:
                self.malformed += 1
                continue
            if not isinstance(answer, dict):
                self.malformed += 1
                continue
            for said in self._reader.take(answer, data):
                out.append(said)
                if isinstance(said, Failed):
                    self.done = True
                    return out
            self.finished = self._reader.finished
        return out

    def _fail(self, kind: FaultKind, message: str) -> Failed:
        self.done = True
        return Failed(Fault(kind=kind, message=message))


def _failed(events: Sequence[ChatEvent]) -> bool:
    return bool(events) and isinstance(events[-1], Failed)
