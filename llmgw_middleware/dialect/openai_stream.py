"""Streams of chat completions: what each event means, and what may go to the caller when.

Per event one of four things is decided. *Content* goes on at once. *Quiet* events (roles, comments, empty choices)
go on as well, unless something is held: order is kept. A chunk with a finish reason is *held* until the usage chunk,
``[DONE]`` or the end, because errors are on record that came after it. What nobody may see is *dropped*: malformed
events, and the usage chunk that the caller did not ask for.

Most events of a stream differ in their text only. Those are recognised by their mould, whole chunks at once (``mould``).

The end. ``finished`` is true once every choice that was seen has its finish reason. ``[DONE]`` ends the answer; a
clean end without it is a success only after a finish, and then ``[DONE]`` is added. An answer of which nothing was
said before ``[DONE]`` is truncated: proxies are known to send it after a failure of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto
from math import inf
from typing import Any

import msgspec

from llmgw_middleware.dialect.mould import Mould, mould_of
from llmgw_middleware.dialect.openai_errors import fault_in_stream
from llmgw_middleware.dialect.openai_shapes import Choice, Chunk
from llmgw_middleware.dialect.openai_usage import read_usage
from llmgw_middleware.dialect.port import Piece
from llmgw_middleware.dialect.sse import MAX_EVENT, EventTooLong, Splitter, read_event
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.usage import Usage

MAX_HELD = 64 * 1024
"""Bytes that are held after a finish; beyond them everything held goes on."""

OPENING = 4
"""Events at the beginning of a stream that are read one by one: the role, and then the first that says something."""

LESSON = 16
"""Events that are read by the book before their mould is taken anew: a server may begin to word them otherwise."""

DONE = b"data: [DONE]\n\n"
"""The terminator of a stream."""

_CR = 0x0D

_MEANT = re.compile(rb"(?:^|[\r\n])(?::|(?:event|id|retry)[:\r\n])")
"""A comment, or a field that an event may have beside its data."""


_decode = msgspec.json.Decoder(Chunk).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Verdict(Enum):
    CONTENT = auto()
    QUIET = auto()
    HOLD = auto()
    USAGE = auto()  # what is held goes on, and the event itself if the caller asked for it
    DROP = auto()
    DONE = auto()


# Names of their own: they are looked up for every event.
_CONTENT, _QUIET, _HOLD, _USAGE, _DROP, _DONE = _Verdict


class ChatTap:
    """Reads one stream of chat completions; see the module for the rules. Implements ``port.StreamTap``.

    ``max_event``: bytes of an event. ``learn`` false has every event read by the book.
    """

    __slots__ = (
        "_choices",
        "_held",
        "_held_content",
        "_held_size",
        "_longest",
        "_mould",
        "_said",
        "_show_usage",
        "_splitter",
        "_unlike",
        "done",
        "fault",
        "finished",
        "malformed",
        "model",
        "usage",
    )

    def __init__(self, *, show_usage: bool, max_event: int = MAX_EVENT, learn: bool = True) -> None:
        self.fault: Fault | None = None
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.malformed = 0
        self._show_usage = show_usage
        self._splitter = Splitter(max_event)
        self._choices: dict[int | float | None, bool] = {}
        self._said = False
        self._held: list[bytes] = []
        self._held_content = False
        self._held_size = 0
        self._longest = max_event
        self._mould: Mould | None = None
        self._unlike = LESSON if learn else -inf

    def __repr__(self) -> str:
        state = "done" if self.done else "finished" if self.finished else "open"
        if self.fault is not None:
            state = self.fault.kind.value
        return f"<ChatTap {state}, {len(self._held)} events held, {self.malformed} malformed>"

    @property
    def _over(self) -> bool:
        return self.done or self.fault is not None

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Take bytes split anywhere; return what may go to the caller now. After ``done`` bytes are ignored."""
        if self.done or self.fault is not None:
            return ()
        fresh = not (self._held or self._splitter.amid)
        mould = self._mould
        if mould is not None and fresh and len(data) <= self._longest and mould.made(data):
            return (Piece(data, content=True),)
        out: list[bytes] = []
        content = self._begin(data, out) if mould is None else self._go_on(data, 0, out)
        if fresh and sum(map(len, out)) == len(data):
            out = [data]  # all of it goes on, and in its order: nothing has to be put together
        return (Piece(b"".join(out), content),) if out else ()

    def _begin(self, data: bytes, out: list[bytes]) -> bool:
        """Read the first events by the book, one by one, until those behind them may be known by their mould."""
        content, start = False, 0
        whole = not self._splitter.amid and _CR not in data and len(data) <= self._longest
        for _ in range(OPENING):
            end = data.find(b"\n\n", start) + 2
            if end in (1, len(data)):
                break  # there is no other event behind it
            event = data[start:end]
            content |= self._run([event], out) if whole else self._read(event, out)
            start = end
            if self._over:
                return content
            if self._mould is not None:
                return self._go_on(data, start, out) or content
        return self._read(data[start:], out) or content

    def _go_on(self, data: bytes, start: int, out: list[bytes]) -> bool:
        """Take events, those that are known by their mould together; behind the end of one that was cut there may be."""
        content = False
        if self._splitter.amid:
            end = data.find(b"\n\n", start) + 2
            if end in (1, len(data)):
                return self._read(data[start:], out)
            content = self._read(data[start:end], out)
            start = end
            if self._over:
                return content
        mould = self._mould
        if mould is not None and not self._held and len(data) - start <= self._longest:
            end = mould.last_end(data)
            run = data[start:end] if end > start else b""  # mypyc's slices must not end before they begin
            if mould.made(run):
                out.append(run)
                if end == len(data):
                    return True
                content, start = True, end
        return self._read(data[start:], out) or content

    def _read(self, data: bytes, out: list[bytes]) -> bool:
        """Read by the book what goes on as ``out``; returns whether there is content in it."""
        try:
            return self._run(self._splitter.feed(data), out)
        except EventTooLong as problem:
            content = self._run(problem.events, out)
            if not self._over:
                self.fault = Fault(kind=FaultKind.PROTOCOL, message=str(problem))
            return content

    def close(self) -> Sequence[Piece]:
        """Take the upstream's clean end. A last event without its blank line counts."""
        if self._over:
            return ()
        rest = self._splitter.close()
        out: list[bytes] = []
        content = bool(rest.strip()) and self._run([rest.rstrip(b"\r\n") + b"\n\n"], out)
        if not self._over:
            if self.finished:
                self.done = True
                content |= self._move(out)
                out.append(DONE)
            else:
                self.fault = Fault(kind=FaultKind.TRUNCATED, message="the stream ended before its finish")
        return (Piece(b"".join(out), content),) if out else ()

    def _run(self, events: Sequence[bytes], out: list[bytes]) -> bool:
        """Sort the events; returns whether any that goes on is content."""
        content = False
        told: bytes | None = None
        for event in events:
            verdict = self._judge(event)
            if verdict is _CONTENT:
                content, told = True, event
                if self._held:
                    self._move(out)
                out.append(event)
            else:
                content |= self._place(event, verdict, out)
                if self._over:
                    break
        if told is not None:
            self._learn(told, len(events))
        return content

    def _learn(self, event: bytes, events: int) -> None:
        """Take the mould of an event of content, once many came that were not of the mould before."""
        self._unlike += events
        if self._unlike >= LESSON:
            self._unlike = 0
            self._mould = mould_of(event)

    def _place(self, event: bytes, verdict: _Verdict, out: list[bytes]) -> bool:
        """Put an event where it belongs; returns whether content went out with it."""
        if verdict is _QUIET and not self._held:
            out.append(event)
            return False
        if verdict is _QUIET or verdict is _HOLD:
            self._held.append(event)
            self._held_size += len(event)
            return self._move(out) if self._held_size > MAX_HELD else False
        if verdict is _DROP:
            return False
        content = self._move(out)
        if verdict is _DONE or self._show_usage:
            out.append(event)
        return content

    def _move(self, out: list[bytes]) -> bool:
        """Let what is held go on; returns whether there was content in it."""
        content = self._held_content
        out += self._held
        self._held, self._held_content, self._held_size = [], False, 0
        return content

    def _judge(self, event: bytes) -> _Verdict:
        if event == DONE:
            return self._end()
        # The common event is one line of JSON after "data:"; JSON allows the white space around it. A line break
        # inside would end the line for the caller, so such an event is read by the book.
        if event.startswith(b"data:") and event.find(b"\n", 5, -2) < 0 and _CR not in event:
            data = event[5:]
            try:
                chunk = _decode(data)
                if not data.isascii():
                    data.decode()  # the JSON parser passes over bytes in fields that nobody reads
            except _UNREADABLE:
                return self._judge_odd(event)
            return self._judge_chunk(chunk, data)
        return self._judge_odd(event)

    def _judge_odd(self, event: bytes) -> _Verdict:
        name, data = read_event(event)
        if name == b"error":
            return self._fail(data or b"")
        if data is None:
            return self._judge_dumb(event)
        if not data.strip():
            return _QUIET
        if data.strip() == b"[DONE]":
            return self._end()
        try:
            data.decode()
            chunk = _decode(data)
        except _UNREADABLE:
            self.malformed += 1
            return _DROP
        return self._judge_chunk(chunk, data)

    def _judge_dumb(self, event: bytes) -> _Verdict:
        """Judge an event without data. One without a line that means anything is not of this format."""
        if not event.strip() or _MEANT.search(event):
            return _QUIET
        self.malformed += 1
        return _DROP

    def _judge_chunk(self, chunk: Chunk, data: bytes) -> _Verdict:
        choices = chunk.choices or ()
        content, finish = self._note(choices)
        counted = chunk.usage is not None and self._count(chunk.usage)
        if chunk.error or chunk.object == "error":
            return self._fail(data)
        if self.model is None and chunk.model and isinstance(chunk.model, str):
            self.model = chunk.model
        self._said = self._said or content
        if finish:
            self._held_content |= content
            return _HOLD
        if content:
            return _CONTENT
        # OpenRouter's usage chunk has a choice with an empty delta, after the finish.
        if counted and (not choices or self.finished):
            return _USAGE
        return _QUIET

    def _note(self, choices: Sequence[Choice]) -> tuple[bool, bool]:
        """Keep the account of the choices; return whether there is content and whether one finishes."""
        content = finish = False
        for choice in choices:
            delta = choice.delta
            if delta is not None and (
                delta.content
                or delta.tool_calls
                or delta.reasoning_content
                or delta.reasoning
                or delta.refusal
                or delta.function_call
                or delta.reasoning_details
                or delta.audio
            ):
                content = True
            if choice.finish_reason:
                finish = self._choices[choice.index] = True
            elif choice.index not in self._choices:
                self._choices[choice.index] = self.finished = False
        if finish:
            self.finished = all(self._choices.values())
        return content, finish

    def _count(self, reported: Any) -> bool:
        usage = read_usage(reported)
        if usage is not None:
            self.usage = usage
        return usage is not None

    def _fail(self, data: bytes) -> _Verdict:
        self.fault = fault_in_stream(data)
        return _DROP

    def _end(self) -> _Verdict:
        if not (self._said or self.finished):
            self.fault = Fault(kind=FaultKind.TRUNCATED, message="the stream ended before anything was said")
            return _DROP
        self.finished = self.done = True
        return _DONE
