"""What OpenAI's Responses answer, complete and as streams, read into canonical events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import Source
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Failed,
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
from llmgw_middleware.dialect.chat_port import Mint
from llmgw_middleware.dialect.loose import count, mapping, objects, text
from llmgw_middleware.dialect.openai_errors import fault_in_stream
from llmgw_middleware.dialect.sse import MAX_EVENT, EventTooLong, Splitter, read_event
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.usage import Usage

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_REASONS = {
    "max_output_tokens": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "content_filter": Finish.FILTERED,
}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""The items that are a client's calls, and where their arguments are; those of built-in tools never are."""

ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def read_usage(reported: Any) -> Usage | None:
    """Return ``usage`` as counts, None if it is none."""
    found = mapping(reported)
    if not found:
        return None
    sent = mapping(found.get("input_tokens_details"))
    prompt = count(found.get("input_tokens"))
    cached = min(count(sent.get("cached_tokens")), prompt)
    return Usage(
        input=prompt,
        output=count(found.get("output_tokens")),
        cached=cached,
        reasoning=count(mapping(found.get("output_tokens_details")).get("reasoning_tokens")),
        cache_write=min(count(sent.get("cache_write_tokens")), prompt - cached),
    )


class Reader:
    """One answer, as far as it was read."""

    __slots__ = ("_length", "_mint", "_started", "_thought", "_told", "_tools")

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._started = False
        self._tools: dict[int, int] = {}
        self._told: set[int] = set()
        self._thought = False
        self._length = 0

    def start(self, response: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Tell once that the answer begins."""
        if not self._started:
            self._started = True
            yield Started(text(response.get("id")) or None, text(response.get("model")) or None)

    def event(self, kind: str, said: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Read one event of a stream but for its end."""
        place, delta = count(said.get("output_index")), text(said.get("delta"))
        match kind:
            case "response.output_text.delta":
                yield from self._text(delta)
            case "response.refusal.delta":
                yield from (Refusal(delta),) if delta else ()
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield from self._thinking(delta)
            case "response.reasoning_summary_part.added":
                yield from self._thinking("\n\n") if self._thought else ()
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                yield from self._arguments(place, delta)
            case "response.output_text.annotation.added":
                yield from _cited(mapping(said.get("annotation")), 0)
            case "response.output_item.added":
                yield from self._open(place, mapping(said.get("item")))
            case "response.output_item.done":
                yield from self._close(place, mapping(said.get("item")))
            case _:
                pass

    def item(self, place: int, item: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Read a whole item of a complete answer."""
        kind = text(item.get("type"))
        if kind == "message":
            for part in objects(item.get("content")):
                before = self._length
                yield from self._text(text(part.get("text")) if part.get("type") == "output_text" else "")
                refusal = text(part.get("refusal"))
                yield from (Refusal(refusal),) if refusal else ()
                for annotation in objects(part.get("annotations")):
                    yield from _cited(annotation, before)
        elif kind == "reasoning":
            parts = [*objects(item.get("summary")), *objects(item.get("content"))]
            yield from self._thinking("\n\n".join(text(part.get("text")) for part in parts))
            yield from _kept(item)
        else:
            yield from self._open(place, item)
            yield from self._close(place, item)

    def end(self, response: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Tell how the answer ended."""
        usage = read_usage(response.get("usage"))
        if usage is not None:
            yield UsageSeen(usage)
        reason = text(mapping(response.get("incomplete_details")).get("reason"))
        if response.get("status") == "incomplete":
            finish = _REASONS.get(reason, Finish.LENGTH)
            yield Finished(finish, None if reason in _REASONS else reason or None)
        else:
            yield Finished(Finish.TOOLS if self._tools else Finish.STOP)

    def _text(self, said: str) -> Iterator[ChatEvent]:
        if said:
            self._length += len(said)
            yield Text(said)

    def _thinking(self, said: str) -> Iterator[ChatEvent]:
        if said:
            self._thought = True
            yield Thinking(said)

    def _open(self, place: int, item: Mapping[str, Any]) -> Iterator[ChatEvent]:
        kind = text(item.get("type"))
        if kind in _CALLS and place not in self._tools:
            tool = self._tools[place] = len(self._tools)
            identity = text(item.get("call_id")) or text(item.get("id")) or f"call_{self._mint()}"
            yield ToolStarted(tool, identity, text(item.get("name")) or "tool", kind == "custom_tool_call")

    def _arguments(self, place: int, said: str) -> Iterator[ChatEvent]:
        if said and place in self._tools:
            self._told.add(place)
            yield ToolArguments(self._tools[place], said)

    def _close(self, place: int, item: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Read the end of an item; a call whose arguments never came in pieces has them here."""
        kind = text(item.get("type"))
        if kind == "reasoning":
            yield from _kept(item)
        elif kind in _CALLS:
            yield from self._open(place, item)
            if place not in self._told:
                yield from self._arguments(place, text(item.get(_CALLS[kind])))


def _kept(item: Mapping[str, Any]) -> Iterator[ChatEvent]:
    encrypted = text(item.get("encrypted_content"))
    if encrypted:
        yield Carrier("redacted", f"{text(item.get('id'))}:{encrypted}", "openai")


def _cited(annotation: Mapping[str, Any], before: int) -> Iterator[ChatEvent]:
    url = text(annotation.get("url"))
    if annotation.get("type") == "url_citation" and url:
        start, end = (annotation.get(name) for name in ("start_index", "end_index"))
        yield Citation(
            Source(
                url=url,
                title=text(annotation.get("title")) or None,
                start=start + before if isinstance(start, int) else None,
                end=end + before if isinstance(end, int) else None,
            )
        )


def fault_of(response: Mapping[str, Any]) -> Fault:
    """Return what a failed response tells."""
    return fault_in_stream(
        msgspec.json.encode({"error": response.get("error") or {"message": "the response failed"}})
    )


class ResponsesDecoder:
    """Reads one stream. Implements ``chat_port.Decoder``."""

    __slots__ = ("_reader", "_splitter", "done", "finished", "malformed")

    def __init__(self, mint: Mint, *, max_event: int = MAX_EVENT) -> None:
        self._reader = Reader(mint)
        self._splitter = Splitter(max_event)
        self.finished = False
        self.done = False
        self.malformed = 0

    def __repr__(self) -> str:
        return f"<ResponsesDecoder {'done' if self.done else 'open'}>"

    def feed(self, data: bytes) -> Sequence[ChatEvent]:
        """Take bytes split anywhere."""
        if self.done:
            return ()
        try:
            return self._read(self._splitter.feed(data))
        except EventTooLong as problem:
            events = self._read(problem.events)
            return events if _over(events) else [*events, self._fail(FaultKind.PROTOCOL, str(problem))]

    def close(self) -> Sequence[ChatEvent]:
        """Take the upstream's end: without the event that ends an answer it was cut off."""
        if self.done:
            return ()
        rest = self._splitter.close()
        events = self._read([rest]) if rest.strip() else []
        return (
            events
            if _over(events)
            else [*events, self._fail(FaultKind.TRUNCATED, "the stream ended before its finish")]
        )

    def _read(self, events: Sequence[bytes]) -> list[ChatEvent]:
        out: list[ChatEvent] = []
        for event in events:
            _, data = read_event(event)
            if data is None or not data.strip() or data.strip() == b"[DONE]":
                continue
            try:
                data.decode()
                said = msgspec.json.decode(data)
            except _UNREADABLE:
                said = None
            if not isinstance(said, dict):
                self.malformed += 1
                continue
            out += self._event(text(said.get("type")), said, data)
            if self.done:
                break
        return out

    def _event(self, kind: str, said: Mapping[str, Any], data: bytes) -> Iterator[ChatEvent]:
        response = mapping(said.get("response"))
        if kind == "error" or (not kind and said.get("error")):
            self.done = True
            yield Failed(fault_in_stream(data))
        elif kind == "response.failed":
            self.done = True
            yield Failed(fault_of(response))
        else:
            yield from self._reader.start(response)
            if kind in ENDS:
                self.finished = self.done = True
                yield from self._reader.end(response)
            else:
                yield from self._reader.event(kind, said)

    def _fail(self, kind: FaultKind, message: str) -> Failed:
        self.done = True
        return Failed(Fault(kind=kind, message=message))


def _over(events: Sequence[ChatEvent]) -> bool:
    return bool(events) and isinstance(events[-1], Failed | Finished)
