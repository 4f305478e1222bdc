"""Turns of the canonical chat as the messages of a chat completion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.chat import (
    AudioPart,
    Cache,
    ChatRequest,
    FilePart,
    ImagePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Turn,
)
from llmgw_middleware.dialect.chat_port import Terms
from llmgw_middleware.dialect.data_url import data_url

ERROR_PREFIX = "Error: "
"""What the text of a failed tool's result begins with: the dialect has no word for it."""

MEDIA_MARKER = "The tool call {id} also returned:"
"""The text before the media of a tool's result, which can only stand in a user's message."""

_BREAKPOINTS = re.compile(r"gpt-(?:5\.(?:[6-9]|\d\d)|[6-9])")
"""Models that know explicit breakpoints of caching: from gpt-5.6 on."""

Message = dict[str, Any]


class Messages:
    """Writes the messages of one request for one backend."""

    def __init__(self, terms: Terms, adjust: Adjustments) -> None:
        quirks = terms.quirks
        self._adjust = adjust
        self._system = "developer" if quirks.developer_role and terms.can.developer else "system"
        self._thinking = quirks.reasoning_field if quirks.thinking_in_history else None
        self._lists = quirks.content_list
        own = terms.family == "openai" and _BREAKPOINTS.match(terms.model or "") is not None
        self._marks = own

    def __repr__(self) -> str:
        return f"<Messages with role {self._system}>"

    def written(self, request: ChatRequest) -> list[Message]:
        """Return the messages: one for each leading instruction, results of tools before what else a turn says."""
        out: list[Message] = [
            {"role": self._system, "content": self._content([part])} for part in request.system
        ]
        for turn in request.turns:
            out += self._turn(turn)
        return out

    def _turn(self, turn: Turn) -> Iterator[Message]:
        match turn.role:
            case "system":
                yield {"role": self._system, "content": self._content(turn.parts)}
            case "assistant":
                said = self._said(turn)
                if said is not None:
                    yield said
            case "user":
                yield from self._asked(turn)

    def _asked(self, turn: Turn) -> Iterator[Message]:
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        rest: list[Part] = []
        for result in results:
            yield self._result(result)
            media = [part for part in result.parts if not isinstance(part, TextPart)]
            if media:
                rest += [TextPart(MEDIA_MARKER.format(id=result.id)), *media]
        rest += [part for part in turn.parts if not isinstance(part, ToolResult)]
        content = self._content(rest, turn)
        if content or not results:
            out: Message = {"role": "user", "content": content}
            if turn.name:
                out["name"] = turn.name
            yield out

    def _result(self, result: ToolResult) -> Message:
        texts = [part for part in result.parts if isinstance(part, TextPart)]
        if result.is_error:
            first = texts[0] if texts else TextPart("")
            texts = [TextPart(ERROR_PREFIX + first.text, first.cache), *texts[1:]]
        if result.cache is not None and texts:
            texts[-1] = TextPart(texts[-1].text, result.cache)
        return {"role": "tool", "tool_call_id": result.id, "content": self._content(texts)}

    def _said(self, turn: Turn) -> Message | None:
        out: Message = {"role": "assistant"}
        texts = [part for part in turn.parts if isinstance(part, TextPart) and part.text]
        out["content"] = self._content([TextPart(part.text) for part in texts]) if texts else None
        refusal = "".join(part.text for part in turn.parts if isinstance(part, RefusalPart))
        if refusal:
            out["refusal"] = refusal
        thoughts = "".join(part.text for part in turn.parts if isinstance(part, ThinkingPart))
        if self._thinking is not None and thoughts:
            out[self._thinking] = thoughts
        calls = [_call(part) for part in turn.parts if isinstance(part, ToolCall)]
        if calls:
            out["tool_calls"] = calls
        if turn.name:
            out["name"] = turn.name
        return out if len(out) > 2 or out["content"] is not None else None  # noqa: PLR2004 - role and content

    def _content(self, parts: Sequence[Part], turn: Turn | None = None) -> str | list[Message]:
        """Return one text as a string, several parts as a list; a server that knows no lists gets texts joined."""
        marked = self._marks and any(getattr(part, "cache", None) is not None for part in parts)
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        if len(texts) == len(parts) and not marked and (len(texts) == 1 or not self._lists):
            return "\n".join(texts)
        if not parts:
            return ""
        found = (self._part(part, turn) for part in parts)
        return [part for part in found if part is not None]

    def _part(self, part: Part, turn: Turn | None) -> Message | None:
        match part:
            case TextPart(text, cache):
                return {"type": "text", "text": text, **self._mark(cache)}
            case ImagePart():
                return self._image(part, turn)
            case FilePart():
                return self._file(part, turn)
            case AudioPart(data, form):
                return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
            case _:
                return None

    def _image(self, image: ImagePart, turn: Turn | None) -> Message | None:
        if image.data is None and image.url is None:
            self._leave_out(
                turn,
                "A file's id belongs to the provider that gave it; send the image itself to this backend.",
            )
            return None
        url = image.url if image.data is None else data_url(image.media_type, image.data)
        inner: Message = {"url": url}
        if image.detail:
            inner["detail"] = image.detail
        return {"type": "image_url", "image_url": inner, **self._mark(image.cache)}

    def _file(self, file: FilePart, turn: Turn | None) -> Message | None:
        if file.text is not None:
            title = f"{file.name}\n\n" if file.name else ""
            return {"type": "text", "text": title + file.text, **self._mark(file.cache)}
        if file.data is None:
            what = "files by their URL" if file.url else "files by an id of another provider"
            self._leave_out(turn, f"The backend of this route takes no {what}; send the file itself.")
            return None
        inner = {
            "filename": file.name or "document.pdf",
            "file_data": data_url(file.media_type, file.data),
        }
        return {"type": "file", "file": inner, **self._mark(file.cache)}

    def _leave_out(self, turn: Turn | None, why: str) -> None:
        self._adjust.leave_out_value("messages" if turn is None else f"{turn.at}.content", why)

    def _mark(self, cache: Cache | None) -> Message:
        """Return the breakpoint of a part, for models that know it; for others it is a hint without a word."""
        if cache is None or not self._marks:
            return {}
        return {"prompt_cache_breakpoint": {"mode": "explicit"}}


def _call(call: ToolCall) -> Message:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}
