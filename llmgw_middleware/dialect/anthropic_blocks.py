"""Turns of the canonical chat as Anthropic's messages and content blocks."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.chat import (
    AudioPart,
    Cache,
    CarrierPart,
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
    merged,
)
from llmgw_middleware.errors import BadRequest

MOST_BREAKPOINTS = 4
"""Cache breakpoints that a request may have; the last ones are kept."""

_EMPTY = msgspec.Raw(b"{}")
_ARGUMENTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FORBIDDEN_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_TEXTS = ("text/plain", "text/markdown", "text/csv", "text/html")

Block = dict[str, Any]


def cache_control(cache: Cache | None) -> Block:
    """Return the member that marks a breakpoint, or nothing."""
    if cache is None:
        return {}
    said: Block = {"type": "ephemeral"}
    if cache.ttl in {"5m", "1h"}:
        said["ttl"] = cache.ttl
    return {"cache_control": said}


def limit_breakpoints(body: Block) -> None:
    """Take away the first breakpoints where there are more than ``MOST_BREAKPOINTS``: the last cover the longest prefix."""
    marked = list(_marked([body.get("tools"), body.get("system"), body.get("messages")]))
    for block in marked[: max(0, len(marked) - MOST_BREAKPOINTS)]:
        del block["cache_control"]


def _marked(value: Any) -> Iterator[Block]:
    if isinstance(value, dict):
        if "cache_control" in value:
            yield value
        else:
            yield from _marked(value.get("content"))
    elif isinstance(value, list):
        for one in value:
            yield from _marked(one)


class Blocks:
    """Writes the system blocks and the messages of one request.

    ``mid_system``: instructions may stand among the messages; else they are said as the user's, in their place.
    """

    def __init__(self, request: ChatRequest, adjust: Adjustments, *, mid_system: bool) -> None:
        self._request = request
        self._system_inside = mid_system
        self._adjust = adjust

    def __repr__(self) -> str:
        return f"<Blocks of {len(self._request.turns)} turns>"

    def system(self) -> list[Block]:
        """Return the leading instructions: one block each, so that their boundaries stay."""
        return [_text(part.text, part.cache) for part in self._request.system if part.text]

    def messages(self) -> list[Block]:
        """Return the messages. Turns without a block are left out: an empty one is refused."""
        turns = self._request.turns if self._system_inside else _instructed(self._request.turns)
        out = []
        for turn in merged(turns):
            blocks = [block for part in turn.parts if (block := self._block(part, turn)) is not None]
            if turn.name:
                self._adjust.leave_out(f"{turn.at}.name")
            if blocks:
                out.append({"role": turn.role, "content": blocks})
        return out

    def _block(self, part: Part, turn: Turn) -> Block | None:
        match part:
            case TextPart(text, cache):
                return _text(text, cache) if text else None
            case ToolCall():
                return self._call(part)
            case ToolResult():
                return self._result(part, turn)
            case ThinkingPart() | CarrierPart() | RefusalPart():
                return _thought(part)
            case _:
                return self._media(part, turn)

    def _media(self, part: ImagePart | FilePart | AudioPart, turn: Turn) -> Block | None:
        match part:
            case ImagePart():
                return self._image(part, turn)
            case FilePart():
                return self._document(part, turn)
            case AudioPart():
                why = "The backend of this route does not hear audio."
                self._adjust.leave_out_value(f"{turn.at}.content", why)
                return None

    def _image(self, image: ImagePart, turn: Turn) -> Block | None:
        if image.data is not None:
            source = {"type": "base64", "media_type": image.media_type, "data": image.data}
        elif image.url is not None:
            source = {"type": "url", "url": image.url}
        else:
            self._leave_out_foreign_file(turn)
            return None
        return {"type": "image", "source": source, **cache_control(image.cache)}

    def _document(self, file: FilePart, turn: Turn) -> Block | None:
        if file.text is not None:
            source = {"type": "text", "media_type": "text/plain", "data": file.text}
        elif file.data is not None and file.media_type == "application/pdf":
            source = {"type": "base64", "media_type": "application/pdf", "data": file.data}
        elif file.data is not None and file.media_type in _TEXTS:
            source = {"type": "text", "media_type": "text/plain", "data": _plain(file.data, turn)}
        elif file.url is not None:
            source = {"type": "url", "url": file.url}
        elif file.data is not None and (file.media_type or "").startswith("image/"):
            return self._image(ImagePart(media_type=file.media_type, data=file.data, cache=file.cache), turn)
        elif file.data is not None:
            self._adjust.leave_out_value(
                f"{turn.at}.content", f"The backend of this route reads no files of type {file.media_type}."
            )
            return None
        else:
            self._leave_out_foreign_file(turn)
            return None
        title = {"title": file.name} if file.name else {}
        return {"type": "document", "source": source, **title, **cache_control(file.cache)}

    def _leave_out_foreign_file(self, turn: Turn) -> None:
        self._adjust.leave_out_value(
            f"{turn.at}.content",
            "A file's id belongs to the provider that gave it; send the file itself to the backend of this route.",
        )

    def _call(self, call: ToolCall) -> Block:
        if call.custom:
            self._adjust.leave_out_value(
                call.at or "messages", "The backend of this route has no calls in free text."
            )
        return {
            "type": "tool_use",
            "id": tool_id(call.id),
            "name": call.name,
            "input": _EMPTY if call.custom else arguments(call),
            **cache_control(call.cache),
        }

    def _result(self, result: ToolResult, turn: Turn) -> Block:
        out: Block = {"type": "tool_result", "tool_use_id": tool_id(result.id)}
        parts = result.parts
        if len(parts) == 1 and isinstance(parts[0], TextPart):
            out["content"] = parts[0].text
        else:
            blocks = [block for part in parts if (block := self._block(part, turn)) is not None]
            if blocks:
                out["content"] = blocks
        if result.is_error:
            out["is_error"] = True
        return {**out, **cache_control(result.cache)}


def tool_id(identity: str) -> str:
    """Return an id as Anthropic takes it: letters, digits, ``_`` and ``-``. Equal ids stay equal."""
    return _FORBIDDEN_IN_ID.sub("_", identity)


def arguments(call: ToolCall) -> msgspec.Raw:
    """Return a call's arguments as a JSON object, its bytes untouched; raises BadRequest naming the place."""
    if not call.arguments.strip():
        return _EMPTY
    try:
        _ARGUMENTS.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        param = call.at or "messages"
        raise BadRequest(
            f"The arguments of the tool call {call.id!r} at {param!r} are no JSON object.", param=param
        ) from problem
    return msgspec.Raw(call.arguments.encode())


def _thought(part: ThinkingPart | CarrierPart | RefusalPart) -> Block | None:
    """Write what only the model that thought it can read; unsigned thinking would be refused."""
    match part:
        case RefusalPart(text):
            return _text(text, None) if text else None
        case ThinkingPart(text, str(signature), "anthropic") if signature:
            return {"type": "thinking", "thinking": text, "signature": signature}
        case CarrierPart(data, "anthropic"):
            return {"type": "redacted_thinking", "data": data}
        case _:
            return None


def _text(text: str, cache: Cache | None) -> Block:
    return {"type": "text", "text": text, **cache_control(cache)}


def _plain(data: str, turn: Turn) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except ValueError as problem:
        param = f"{turn.at}.content"
        raise BadRequest(f"A file at {param!r} is no text in base64.", param=param) from problem


def _instructed(turns: Sequence[Turn]) -> list[Turn]:
    """Say instructions in the middle as text of the user's, in their place: hoisted, they would mean something else."""
    return [
        Turn(role="user", parts=turn.parts, at=turn.at) if turn.role == "system" else turn for turn in turns
    ]
