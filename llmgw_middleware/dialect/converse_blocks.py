"""What is said in a conversation, as the content blocks of Bedrock's Converse."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.chat import (
    AudioPart,
    Cache,
    CarrierPart,
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
from llmgw_middleware.dialect.media import ending_of, guessed_type
from llmgw_middleware.errors import BadRequest

_FAMILY = "anthropic"
_IMAGES = frozenset({"gif", "jpeg", "png", "webp"})
_DOCUMENTS = frozenset({"csv", "doc", "docx", "html", "md", "pdf", "txt", "xls", "xlsx"})
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9\s()\[\]-]+")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]")
_MAX_ID = 64
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Blocks:
    """Words the turns of one request. ``mid_system``: instructions may stand among them; ``hears``: audio may, too."""

    __slots__ = ("_adjustments", "_documents", "_hears", "_mid_system")

    def __init__(self, adjustments: Adjustments, *, mid_system: bool, hears: bool) -> None:
        self._adjustments = adjustments
        self._mid_system = mid_system
        self._hears = hears
        self._documents = 0

    def write(self, turns: Sequence[Turn]) -> list[dict[str, Any]]:
        """Return the messages: roles alternate, tools' results of a turn come first, what is empty is left out."""
        out: list[dict[str, Any]] = []
        for turn in merged([self._placed(turn) for turn in turns]):
            content = [block for part in turn.parts for block in self._part(part, turn.at)]
            if content:
                out.append({"role": turn.role, "content": content})
        return out

    def _placed(self, turn: Turn) -> Turn:
        """Return instructions from the middle as the user's words where the model has no such role; never moved."""
        if turn.role != "system" or self._mid_system:
            return turn
        return Turn(role="user", parts=turn.parts, at=turn.at, name=turn.name)

    def _part(self, part: Part, at: str) -> Iterator[dict[str, Any]]:
        yield from self._worded(part, at)
        cache = getattr(part, "cache", None)
        if cache is not None:
            yield cache_point(cache)

    def _worded(self, part: Part, at: str) -> Iterator[dict[str, Any]]:
        match part:
            case TextPart(text) | RefusalPart(text):
                # A blank text is refused with a 400.
                yield from ({"text": text},) if text.strip() else ()
            case ThinkingPart() | CarrierPart():
                yield from _thought(part)
            case ImagePart():
                yield from self._image(part, at)
            case FilePart():
                yield from self._file(part, at)
            case AudioPart():
                yield from self._audio(part, at)
            case ToolCall():
                yield from self._call(part, at)
            case ToolResult():
                yield self._result(part, at)

    def _image(self, part: ImagePart, at: str) -> Iterator[dict[str, Any]]:
        if part.data is None:
            self._adjustments.leave_out_value(
                at, "The backend takes images as data, and the gateway fetches none."
            )
            return
        form = ending_of(part.media_type or "image/jpeg")
        if form not in _IMAGES:
            self._adjustments.leave_out_value(
                at, f"The backend takes no images of the type {part.media_type!r}."
            )
            return
        yield {"image": {"format": form, "source": {"bytes": part.data}}}

    def _file(self, part: FilePart, at: str) -> Iterator[dict[str, Any]]:
        data = part.data
        if data is None and part.text is not None:
            data = b64encode(part.text.encode(errors="replace")).decode()
        if data is None:
            self._adjustments.leave_out_value(
                at, "The backend takes documents as data, and the gateway fetches none."
            )
            return
        kind = (
            "text/plain"
            if part.data is None
            else part.media_type or guessed_type(part.name or "") or "application/pdf"
        )
        form = ending_of(kind)
        if form not in _DOCUMENTS:
            self._adjustments.leave_out_value(at, f"The backend takes no documents of the type {kind!r}.")
            return
        yield {"document": {"format": form, "name": self._name(part.name), "source": {"bytes": data}}}

    def _name(self, given: str | None) -> str:
        """Return a name such as Bedrock takes, no two alike."""
        self._documents += 1
        plain = " ".join(_NOT_IN_NAMES.sub(" ", (given or "").rpartition(".")[0] or given or "").split())[
            :180
        ]
        return f"{plain or 'document'} {self._documents}"

    def _audio(self, part: AudioPart, at: str) -> Iterator[dict[str, Any]]:
        if not self._hears:
            self._adjustments.leave_out(at, "The model of this backend does not hear.")
            return
        yield {"audio": {"format": part.format, "source": {"bytes": part.data}}}

    def _call(self, call: ToolCall, at: str) -> Iterator[dict[str, Any]]:
        if call.custom:
            self._adjustments.leave_out(at, "The backend has no tools that take free text.")
            return
        yield {"toolUse": {"toolUseId": tool_id(call.id), "name": call.name, "input": arguments(call, at)}}

    def _result(self, result: ToolResult, at: str) -> dict[str, Any]:
        content = [block for part in result.parts for block in self._worded(part, at)]
        status = {"status": "error"} if result.is_error else {}
        return {"toolResult": {"toolUseId": tool_id(result.id), "content": content, **status}}


def cache_point(cache: Cache) -> dict[str, Any]:
    """Return the block that ends what is cached."""
    lifetime = {} if cache.ttl is None else {"ttl": cache.ttl}
    return {"cachePoint": {"type": "default", **lifetime}}


def tool_id(given: str) -> str:
    """Return an id of a call such as Bedrock takes; the same for the same id."""
    return _NOT_IN_IDS.sub("_", given)[:_MAX_ID]


def arguments(call: ToolCall, at: str) -> Mapping[str, msgspec.Raw]:
    """Return a call's arguments as an object, its values untouched. Raises BadRequest ``bad_arguments``."""
    if not call.arguments.strip():
        return {}
    try:
        return _OBJECT.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        param = call.at or at
        raise BadRequest(
            f"{param!r}: the arguments of {call.name!r} are no JSON object.",
            code="bad_arguments",
            param=param,
        ) from None


def _thought(part: ThinkingPart | CarrierPart) -> Iterator[dict[str, Any]]:
    """Word a thought with its proof. Those of other makers, and unsigned ones, are left out."""
    if part.family != _FAMILY:
        return
    if isinstance(part, CarrierPart):
        yield {"reasoningContent": {"redactedContent": part.data}}
    elif part.signature:
        yield {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}
