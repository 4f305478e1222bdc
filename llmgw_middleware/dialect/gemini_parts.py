"""What is said in a conversation, as the parts of Gemini's contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.chat import (
    AudioPart,
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
from llmgw_middleware.dialect.media import guessed_type
from llmgw_middleware.errors import BadRequest

UNSIGNED = "skip_thought_signature_validator"
"""What Google documents for calls whose signature is not known: they were made by another model."""

_FAMILY = "google"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Contents:
    """Words the turns of one request. ``needs_signatures``: the model refuses calls of an open round without one."""

    __slots__ = ("_adjustments", "_names", "_needs_signatures")

    def __init__(self, adjustments: Adjustments, *, needs_signatures: bool) -> None:
        self._adjustments = adjustments
        self._needs_signatures = needs_signatures
        self._names: dict[str, str] = {}

    def write(self, turns: Sequence[Turn]) -> list[dict[str, Any]]:
        """Return the contents: roles alternate, the tools' results of a turn come first, what is empty is left out."""
        out = []
        for turn in merged([_spoken_by_user(turn) for turn in turns]):
            parts = [part for said in turn.parts for part in self._part(said, turn)]
            if self._needs_signatures and turn.role == "assistant":
                _sign_first(parts)
            if parts:
                out.append({"role": "model" if turn.role == "assistant" else "user", "parts": parts})
        return out

    def _part(self, part: Part, turn: Turn) -> Iterator[dict[str, Any]]:
        match part:
            case TextPart(text) | RefusalPart(text):
                yield from ({"text": text},) if text else ()
            case ThinkingPart():
                yield from _thought(part)
            case ImagePart():
                yield from self._image(part, turn.at)
            case FilePart():
                yield from self._file(part, turn.at)
            case AudioPart(data, form):
                yield _inline(f"audio/{form}", data)
            case ToolCall():
                yield from self._call(part, turn.at)
            case ToolResult():
                yield from self._result(part, turn.at)
            case _:
                pass  # what only another maker can read

    def _image(self, part: ImagePart, at: str) -> Iterator[dict[str, Any]]:
        if part.data is not None:
            yield _inline(part.media_type or "image/jpeg", part.data)
        elif part.url is not None:
            yield from self._by_url(part.url, part.media_type, at)
        else:
            self._adjustments.leave_out(at, "A file's id belongs to the provider that gave it.")

    def _file(self, part: FilePart, at: str) -> Iterator[dict[str, Any]]:
        if part.text is not None:
            yield {"text": part.text}
        elif part.data is not None:
            yield _inline(part.media_type or guessed_type(part.name or "") or "application/pdf", part.data)
        elif part.url is not None:
            yield from self._by_url(part.url, part.media_type, at)
        else:
            self._adjustments.leave_out(at, "A file's id belongs to the provider that gave it.")

    def _by_url(self, url: str, media_type: str | None, at: str) -> Iterator[dict[str, Any]]:
        known = media_type or guessed_type(url)
        if known is None:
            self._adjustments.leave_out_value(
                at, "The backend must be told the media type of a URL, and this one tells none."
            )
        else:
            yield {"fileData": {"mimeType": known, "fileUri": url}}

    def _call(self, call: ToolCall, at: str) -> Iterator[dict[str, Any]]:
        self._names[call.id] = call.name
        if call.custom:
            self._adjustments.leave_out(at, "The backend has no tools that take free text.")
            return
        part: dict[str, Any] = {
            "functionCall": {"id": call.id, "name": call.name, "args": arguments(call, at)}
        }
        if call.signature:
            part["thoughtSignature"] = call.signature
        yield part

    def _result(self, result: ToolResult, at: str) -> Iterator[dict[str, Any]]:
        name = result.name or self._names.get(result.id)
        if name is None:
            raise BadRequest(
                f"{at!r} answers the tool call {result.id!r}, which no message before it makes.", param=at
            )
        response = {"error" if result.is_error else "result": result.text}
        yield {"functionResponse": {"id": result.id, "name": name, "response": response}}
        for part in result.parts:
            if isinstance(part, ImagePart):
                yield from self._image(part, at)
            elif isinstance(part, FilePart):
                yield from self._file(part, at)


def arguments(call: ToolCall, at: str) -> Mapping[str, msgspec.Raw]:
    """Return a call's arguments as an object, its values untouched. Raises BadRequest ``bad_arguments``."""
    if not call.arguments.strip():
        return {}
    try:
        return _OBJECT.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        param = at
        raise BadRequest(
            f"{param!r}: the arguments of {call.name!r} are no JSON object.",
            code="bad_arguments",
            param=param,
        ) from None


def _thought(part: ThinkingPart) -> Iterator[dict[str, Any]]:
    """Word a thought. Those of other makers are left out: their proof means nothing here, and without one it is none."""
    if part.signature and part.family == _FAMILY:
        shown = {"thought": True} if part.text else {}
        yield {"text": part.text, **shown, "thoughtSignature": part.signature}


def _spoken_by_user(turn: Turn) -> Turn:
    """Return instructions from the middle as the user's words: they are never moved to the front."""
    if turn.role != "system":
        return turn
    return Turn(role="user", parts=turn.parts, at=turn.at, name=turn.name)


def _sign_first(parts: Sequence[dict[str, Any]]) -> None:
    """Give the first call of a turn the placeholder if it has no signature; only the first needs one."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", UNSIGNED)


def _inline(media_type: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": data}}
