"""Streams of chat completions, decoded into the canonical stream.

Servers that speak this dialect differ: names come late, ids never or on every chunk, indices are left out, usage comes
with the finish or after it, a finish more than once, an error beside choices. All of that is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat_event import (
    ChatEvent,
    Citation,
    Failed,
    Finished,
    Ping,
    Refusal,
    Started,
    Text,
    Thinking,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_port import Mint
from llmgw_middleware.dialect.openai_chat_calls import Calls
from llmgw_middleware.dialect.openai_chat_finish import finish_of
from llmgw_middleware.dialect.openai_chat_parts import sources, spoken, thought
from llmgw_middleware.dialect.openai_errors import fault_in_stream
from llmgw_middleware.dialect.openai_usage import read_usage
from llmgw_middleware.dialect.sse import MAX_EVENT, EventTooLong, Splitter, read_event
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.usage import Usage


class _Delta(msgspec.Struct, gc=False):
    content: Any = None
    tool_calls: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    function_call: Any = None
    annotations: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: Any = 0
    delta: _Delta | None = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None
    object: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class CompletionDecoder:
    """Reads one stream of chat completions. Implements ``chat_port.Decoder``."""

    __slots__ = (
        "_calls",
        "_ends",
        "_mint",
        "_out",
        "_said",
        "_splitter",
        "_started",
        "_usage",
        "done",
        "finished",
        "malformed",
    )

    def __init__(self, mint: Mint, *, max_event: int = MAX_EVENT) -> None:
        self.finished = False
        self.done = False
        self.malformed = 0
        self._mint = mint
        self._splitter = Splitter(max_event)
        self._out: list[ChatEvent] = []
        self._started = False
        self._said = False
        self._usage: Usage | None = None
        self._ends: dict[int, str | None] = {}
        self._calls: dict[int, Calls] = {}

    def __repr__(self) -> str:
        state = "done" if self.done else "finished" if self.finished else "open"
        return f"<CompletionDecoder {state}, {len(self._ends)} choices>"

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
        """Take the upstream's clean end; without ``[DONE]`` it is one only after a finish."""
        if self.done:
            return ()
        rest = self._splitter.close()
        if rest.strip():
            self._judge(rest)
        if not self.done:
            if self.finished:
                self._end()
            else:
                self._fail(Fault(kind=FaultKind.TRUNCATED, message="the stream ended before its finish"))
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
        if name == b"error":
            self._fail(fault_in_stream(data or b""))
            return
        if data is None or not data.strip():
            self._out.append(Ping())
            return
        if data.strip() == b"[DONE]":
            self._terminate()
            return
        try:
            if not data.isascii():
                data.decode()
            chunk = _decode(data)
        except _UNREADABLE:
            self.malformed += 1
            return
        if chunk.error or chunk.object == "error":
            self._fail(fault_in_stream(data))
        else:
            self._read(chunk)

    def _terminate(self) -> None:
        if self._said or self.finished:
            self._end()
        else:
            # Proxies are known to send [DONE] after a failure of their own.
            self._fail(Fault(kind=FaultKind.TRUNCATED, message="the stream ended before anything was said"))

    def _read(self, chunk: _Chunk) -> None:
        choices = chunk.choices or ()
        if not self._started and (choices or chunk.usage):
            self._started = True
            self._out.append(Started(_word(chunk.id), _word(chunk.model)))
        for choice in choices:
            self._read_choice(choice)
        if chunk.usage is not None and (usage := read_usage(chunk.usage)) is not None:
            self._usage = usage

    def _read_choice(self, choice: _Choice) -> None:
        index = choice.index if isinstance(choice.index, int) else 0
        reason = choice.finish_reason
        if reason or index not in self._ends:
            self._ends[index] = reason if isinstance(reason, str) and reason else None
        if choice.delta is not None:
            before = len(self._out)
            self._read_delta(choice.delta, index)
            self._said = self._said or len(self._out) > before
        if reason:
            self.finished = all(self._ends.values())
        elif self.finished and not self._ends[index]:
            self.finished = False

    def _read_delta(self, delta: _Delta, index: int) -> None:
        if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
            self._think(delta, index)
        if delta.content:
            self._speak(delta.content, index)
        if delta.tool_calls:
            self._call(delta.tool_calls, index)
        elif delta.function_call:
            self._call([{"index": 0, "function": delta.function_call}], index)
        if delta.refusal and isinstance(delta.refusal, str):
            self._out.append(Refusal(delta.refusal, index))
        if delta.annotations:
            self._out += [Citation(source, index) for source in sources(delta.annotations)]

    def _speak(self, content: Any, index: int) -> None:
        if isinstance(content, str):
            self._out.append(Text(content, index))
            return
        for kind, text in spoken(content):  # Mistral's lists of parts
            self._out.append(Thinking(text, index) if kind == "thinking" else Text(text, index))

    def _think(self, delta: _Delta, index: int) -> None:
        text = thought(delta.reasoning_content, delta.reasoning, delta.reasoning_details)
        if text:
            self._out.append(Thinking(text, index))

    def _call(self, calls: Any, index: int) -> None:
        account = self._calls.get(index)
        if account is None:
            account = self._calls[index] = Calls(self._mint, index)
        self._out += account.read(calls)

    def _end(self) -> None:
        for calls in self._calls.values():
            if calls.nameless:
                self._fail(Fault(kind=FaultKind.PROTOCOL, message="a tool call without a name"))
                return
        if self._usage is not None:
            self._out.append(UsageSeen(self._usage))
        for index, reason in sorted(self._ends.items()) or [(0, None)]:
            self._out.append(self._finish(index, reason))
        self.finished = self.done = True

    def _finish(self, index: int, reason: str | None) -> Finished:
        return finish_of(reason, called=index in self._calls, choice=index)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
