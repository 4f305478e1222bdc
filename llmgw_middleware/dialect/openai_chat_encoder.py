"""The canonical stream, encoded as chunks of a chat completion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import Source
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
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
from llmgw_middleware.dialect.openai_chat_finish import WRITTEN
from llmgw_middleware.dialect.openai_chat_parts import cited, redacted_block, thinking_block
from llmgw_middleware.dialect.openai_usage import write_usage
from llmgw_middleware.model.usage import Usage

_encode = msgspec.json.encode
_DONE = b"data: [DONE]\n\n"


class CompletionEncoder:
    """Writes one stream of chat completion chunks. Implements ``chat_port.Encoder``.

    One ``id``, ``created`` and ``model`` for the whole stream. The frame around a delta is made once for each choice.
    """

    __slots__ = (
        "_after",
        "_argued",
        "_before",
        "_ends",
        "_head",
        "_scene",
        "_show_usage",
        "_sources",
        "_thought",
        "_usage",
    )

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._show_usage = scene.request.include_usage
        self._after = (
            b',"finish_reason":null}],"usage":null}\n\n'
            if self._show_usage
            else b',"finish_reason":null}]}\n\n'
        )
        self._head = b""
        self._before: dict[int, bytes] = {}
        self._ends: list[Finished] = []
        self._usage: Usage | None = None
        self._sources: dict[int, list[Source]] = {}
        self._thought: dict[int, list[str]] = {}
        self._argued: dict[tuple[int, int], bool] = {}

    def __repr__(self) -> str:
        return f"<CompletionEncoder {len(self._before)} choices, {len(self._ends)} finished>"

    def write(self, events: Iterable[ChatEvent]) -> bytes:
        """Return the chunks that say the events."""
        out: list[bytes] = []
        for event in events:
            # The two that make up a stream come first.
            if type(event) is Text:
                out.append(
                    (self._before.get(event.choice) or self._begin(event.choice, out))
                    + b'{"content":'
                    + _encode(event.text)
                    + b"}"
                    + self._after
                )
            elif type(event) is ToolArguments:
                self._argued[event.choice, event.tool] = True
                out.append(
                    self._before[event.choice]
                    + b'{"tool_calls":[{"index":%d,"function":{"arguments":' % event.tool
                    + _encode(event.text)
                    + b"}}]}"
                    + self._after
                )
            else:
                self._write(event, out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return what is still owed (empty arguments, sources), the finish of each choice, usage and ``[DONE]``."""
        out: list[bytes] = []
        for (choice, tool), argued in self._argued.items():
            if not argued:
                self._delta({"tool_calls": [{"index": tool, "function": {"arguments": "{}"}}]}, choice, out)
        for choice, found in self._sources.items():
            self._delta(cited(found), choice, out)
        for end in self._ends:
            self._finish(end, out)
        if self._show_usage and self._usage is not None:
            usage = _encode(write_usage(self._usage))
            out.append(self._start() + b'"choices":[],"usage":' + usage + b"}\n\n")
        out.append(_DONE)
        return b"".join(out)

    def _start(self) -> bytes:
        if not self._head:
            self._begin_as(None, None)
        return self._head

    def _begin_as(self, identity: str | None, model: str | None) -> None:
        scene = self._scene
        frame = {
            "id": identity or f"chatcmpl-{scene.mint()}",
            "object": "chat.completion.chunk",
            "created": scene.created,
            "model": model or scene.model or "",
        }
        self._head = b"data: " + _encode(frame)[:-1] + b","

    def _begin(self, choice: int, out: list[bytes]) -> bytes:
        """Say the role of a choice that is heard of for the first time; returns the frame before its deltas."""
        before = self._start() + b'"choices":[{"index":%d,"delta":' % choice
        self._before[choice] = before
        out.append(before + b'{"role":"assistant","content":""}' + self._after)
        return before

    def _delta(self, delta: dict[str, Any], choice: int, out: list[bytes]) -> None:
        before = self._before.get(choice) or self._begin(choice, out)
        out.append(before + _encode(delta) + self._after)

    def _write(self, event: ChatEvent, out: list[bytes]) -> None:
        match event:
            case Started(identity, model):
                self._begin_as(identity, model)
                self._begin(0, out)
            case Thinking(text, choice):
                self._thought.setdefault(choice, []).append(text)
                self._delta({"reasoning_content": text}, choice, out)
            case Carrier():
                self._delta(self._carried(event), event.choice, out)
            case ToolStarted():
                self._argued[event.choice, event.tool] = False
                self._delta({"tool_calls": [_call(event)]}, event.choice, out)
            case Refusal(text, choice):
                self._delta({"refusal": text}, choice, out)
            case Citation(source, choice):
                self._sources.setdefault(choice, []).append(source)
            case UsageSeen(usage):
                self._usage = usage
            case Finished():
                self._ends.append(event)
            case _:
                pass

    def _carried(self, event: Carrier) -> dict[str, Any]:
        if event.tool is not None:
            # OpenAI's own client takes no delta of a call without its function for one.
            extra = {"google": {"thought_signature": event.data}}
            call = {"index": event.tool, "function": {"arguments": ""}, "extra_content": extra}
            return {"tool_calls": [call]}
        if event.family == "google":
            return {"extra_content": {"google": {"thought_signature": event.data}}}
        if event.kind == "redacted":
            return {"thinking_blocks": [redacted_block(event.data)]}
        thought = "".join(self._thought.pop(event.choice, ()))
        return {"thinking_blocks": [thinking_block(thought, event.data)]}

    def _finish(self, end: Finished, out: list[bytes]) -> None:
        if end.explanation:
            self._delta({"refusal": end.explanation}, end.choice, out)
        before = self._before.get(end.choice) or self._begin(end.choice, out)
        detail = b"" if end.detail is None else b',"x_finish_detail":' + _encode(end.detail)
        usage = b',"usage":null' if self._show_usage else b""
        reason = _encode(WRITTEN[end.reason])
        out.append(before + b'{},"finish_reason":' + reason + detail + b"}]" + usage + b"}\n\n")


def _call(event: ToolStarted) -> dict[str, Any]:
    if event.custom:
        return {
            "index": event.tool,
            "id": event.id,
            "type": "custom",
            "custom": {"name": event.name, "input": ""},
        }
    return {
        "index": event.tool,
        "id": event.id,
        "type": "function",
        "function": {"name": event.name, "arguments": ""},
    }
