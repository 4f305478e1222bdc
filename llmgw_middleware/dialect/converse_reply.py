"""What Converse answers, read block by block: a complete answer has whole blocks, a stream their pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import Source
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Finish,
    Finished,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_port import Mint
from llmgw_middleware.dialect.loose import count, mapping, objects, text
from llmgw_middleware.model.usage import Usage

_FINISHES: Mapping[str, Finish] = {
    "content_filtered": Finish.FILTERED,
    "end_turn": Finish.STOP,
    "guardrail_intervened": Finish.FILTERED,
    "malformed_model_output": Finish.MALFORMED,
    "malformed_tool_use": Finish.MALFORMED,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "stop_sequence": Finish.STOP,
    "tool_use": Finish.TOOLS,
}
_TELLING = frozenset({"end_turn", "stop_sequence", "tool_use", "max_tokens"})
"""Reasons of which the canonical finish says all."""

_SERVERS = frozenset({"server_tool_use", "server_tool_result"})


def read_usage(reported: Any) -> Usage | None:
    """Return ``usage`` as counts, None if it is none. ``inputTokens`` leaves out what a cache was read from or written to."""
    found = mapping(reported)
    if not found:
        return None
    read = count(found.get("cacheReadInputTokens"))
    written = count(found.get("cacheWriteInputTokens"))
    hour = sum(
        count(d.get("inputTokens")) for d in objects(found.get("cacheDetails")) if d.get("ttl") == "1h"
    )
    return Usage(
        input=count(found.get("inputTokens")) + read + written,
        output=count(found.get("outputTokens")),
        cached=read,
        cache_write=written,
        cache_write_hour=min(hour, written),
    )


class Reader:
    """One answer, as far as it was read. ``finished``: it said why it ended."""

    __slots__ = ("_mint", "_quiet", "_reason", "_started", "_tools", "finished")

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._started = False
        self._reason = ""
        self._tools: dict[int, int] = {}
        self._quiet: set[int] = set()
        self.finished = False

    def start(self) -> Iterator[ChatEvent]:
        """Tell once that the answer begins; Converse names neither itself nor its model."""
        if not self._started:
            self._started = True
            yield Started()

    def whole(self, answer: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Read a complete answer."""
        yield from self.start()
        content = mapping(mapping(answer.get("output")).get("message")).get("content")
        for index, block in enumerate(objects(content)):
            yield from self._block(index, block)
        usage = read_usage(answer.get("usage"))
        if usage is not None:
            yield UsageSeen(usage)
        self.stop(answer)

    def open_block(self, index: int, start: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Read the start of a block: only tools have one that says something."""
        call = mapping(start.get("toolUse"))
        if text(call.get("type")) in _SERVERS or "toolResult" in start:
            self._quiet.add(index)
        elif call:
            tool = self._tools[index] = len(self._tools)
            identity = text(call.get("toolUseId")) or f"tooluse_{self._mint()}"
            yield ToolStarted(tool, identity, text(call.get("name")) or "tool")

    def delta(self, index: int, delta: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Read a piece of a block."""
        said = text(delta.get("text"))
        if said:
            yield Text(said)
        arguments = text(mapping(delta.get("toolUse")).get("input"))
        if arguments and index in self._tools and index not in self._quiet:
            yield ToolArguments(self._tools[index], arguments)
        if "reasoningContent" in delta:
            yield from _thought(mapping(delta["reasoningContent"]))
        if "citation" in delta:
            yield Citation(_source(mapping(delta["citation"])))

    def stop(self, told: Mapping[str, Any]) -> None:
        """Take why the answer ended."""
        self._reason = text(told.get("stopReason"))
        self.finished = bool(self._reason)

    def end(self) -> Finished:
        """Tell why the answer ended."""
        reason = self._reason
        kind = _FINISHES.get(reason, Finish.STOP)
        if kind is Finish.STOP and self._tools:
            kind = Finish.TOOLS
        return Finished(kind, detail=None if reason in _TELLING else reason or None)

    def _block(self, index: int, block: Mapping[str, Any]) -> Iterator[ChatEvent]:
        if "toolUse" in block:
            yield from self.open_block(index, block)
            arguments = mapping(block["toolUse"]).get("input")
            if index in self._tools and arguments:
                yield ToolArguments(self._tools[index], msgspec.json.encode(arguments).decode())
        elif "reasoningContent" in block:
            yield from _thought(mapping(block["reasoningContent"]))
        elif "citationsContent" in block:
            cited = mapping(block["citationsContent"])
            for piece in objects(cited.get("content")):
                yield from self.delta(index, piece)
            for citation in objects(cited.get("citations")):
                yield Citation(_source(citation))
        else:
            yield from self.delta(index, block)


def _thought(content: Mapping[str, Any]) -> Iterator[ChatEvent]:
    """Read thoughts: whole ones have ``reasoningText`` around what the pieces of a stream have directly."""
    inner = mapping(content.get("reasoningText")) or content
    said, signature = text(inner.get("text")), text(inner.get("signature"))
    redacted = text(content.get("redactedContent"))
    if said:
        yield Thinking(said)
    if signature:
        yield Carrier("signature", signature, "anthropic")
    if redacted:
        yield Carrier("redacted", redacted, "anthropic")


def _source(citation: Mapping[str, Any]) -> Source:
    url = text(mapping(mapping(citation.get("location")).get("web")).get("url"))
    cited = "".join(text(piece.get("text")) for piece in objects(citation.get("sourceContent")))
    return Source(
        url=url or None,
        title=text(citation.get("title")) or None,
        cited=cited or None,
        raw=None if url else msgspec.Raw(msgspec.json.encode(citation)),
    )
