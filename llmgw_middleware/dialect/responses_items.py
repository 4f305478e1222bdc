"""The input items of a Responses request, read into turns."""

from __future__ import annotations

import msgspec

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.chat import (
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
)
from llmgw_middleware.dialect.data_url import split_data_url
from llmgw_middleware.dialect.media import guessed_type
from llmgw_middleware.dialect.responses_carrier import unpacked
from llmgw_middleware.dialect.unread import Unread, is_text, opened, text_of, wrong
from llmgw_middleware.errors import BadRequest

_ROLES = ("user", "assistant", "system", "developer")
_ECHOED = ("id", "status", "phase")
"""Fields of answers that clients send back with the history; they say nothing."""


class Items:
    """Reads ``instructions`` and ``input``. What has no place goes to ``extra``. Raises BadRequest naming the item."""

    def __init__(self, body: Unread, extra: dict[str, msgspec.Raw]) -> None:
        self.system: list[TextPart] = []
        self.turns: list[Turn] = []
        self._extra = extra
        self._names: dict[str, str] = {}
        instructions = body.text("instructions")
        if instructions:
            self.system.append(TextPart(instructions))
        raw = body.take("input")
        if raw is None:
            raise BadRequest("The request has no input.", param="input")
        if is_text(raw):
            self.turns.append(Turn(role="user", parts=[TextPart(text_of(raw, "input"))], at="input"))
            return
        for at, item in Unread({"input": raw}).items("input"):
            self._item(opened(item, at))

    def __repr__(self) -> str:
        return f"<Items {len(self.system)} leading, {len(self.turns)} after>"

    def _item(self, item: Unread) -> None:
        kind = item.text("type") or "message"
        match kind:
            case "message":
                self._message(item)
            case "function_call" | "custom_tool_call":
                self._add("assistant", [self._call(item, custom=kind == "custom_tool_call")], item)
            case "function_call_output" | "custom_tool_call_output":
                self._add("user", [self._result(item)], item)
            case "reasoning":
                parts = _thoughts(item)
                item.skip("summary", "content")
                self._add("assistant", parts, item)
            case "item_reference":
                raise Unsupported(
                    f"{item.at!r} refers to an item that a backend keeps, and this route's keeps none.",
                    param=item.at,
                )
            case _:
                self._extra[item.at] = msgspec.Raw(msgspec.json.encode(kind))
                return
        item.skip(*_ECHOED)
        item.left(self._extra)

    def _add(self, role: str, parts: list[Part], item: Unread) -> None:
        if parts:
            self.turns.append(Turn(role=role, parts=parts, at=item.at))  # type: ignore[arg-type]  # one of three

    def _message(self, item: Unread) -> None:
        role = item.text("role")
        if role not in _ROLES:
            raise wrong(item.path("role"), f"one of {', '.join(_ROLES)}")
        raw = item.take("content")
        if raw is None:
            raise wrong(item.path("content"), "a string or a list of parts")
        parts = self._content(raw, item.path("content"))
        if role in {"system", "developer"}:
            texts = [part for part in parts if isinstance(part, TextPart)]
            if not self.turns:
                self.system += texts
                return
            role = "system"
        self._add(role, parts, item)

    def _content(self, raw: msgspec.Raw, at: str) -> list[Part]:
        if is_text(raw):
            return [TextPart(text_of(raw, at))]
        holder = Unread({"content": raw}, at.removesuffix("content").rstrip("."))
        found = (self._part(opened(one, path)) for path, one in holder.items("content"))
        return [part for part in found if part is not None]

    def _part(self, part: Unread) -> Part | None:
        kind = part.text("type")
        read: Part
        match kind:
            case "input_text" | "output_text" | "text":
                read = TextPart(part.text("text") or "")
                part.skip("annotations", "logprobs")
            case "refusal":
                read = RefusalPart(part.text("refusal") or part.text("text") or "")
            case "input_image":
                read = _image(part)
            case "input_file":
                read = _file(part)
            case _:
                self._extra[part.at] = msgspec.Raw(msgspec.json.encode(kind))
                return None
        part.left(self._extra)
        return read

    def _call(self, item: Unread, *, custom: bool) -> ToolCall:
        identity, name = item.needed("call_id"), item.needed("name")
        self._names[identity] = name
        field = "input" if custom else "arguments"
        return ToolCall(
            id=identity, name=name, arguments=item.text(field) or "", custom=custom, at=item.path(field)
        )

    def _result(self, item: Unread) -> ToolResult:
        identity = item.needed("call_id")
        raw = item.take("output")
        parts = [] if raw is None else self._content(raw, item.path("output"))
        kept = [part for part in parts if isinstance(part, TextPart | ImagePart | FilePart)]
        return ToolResult(id=identity, parts=kept, name=self._names.get(identity))


def _thoughts(item: Unread) -> list[Part]:
    """Read a reasoning item: what another maker minted was packed here when it was told, and is unpacked."""
    identity, encrypted = item.text("id") or "", item.text("encrypted_content")
    said = "\n\n".join(part.text("text") or "" for part in item.objects("summary"))
    if not encrypted:
        return []
    packed = unpacked(encrypted)
    if packed is None:
        return [CarrierPart(f"{identity}:{encrypted}", "openai")]
    family, kind, data = packed
    return [ThinkingPart(said, data, family) if kind == "signature" else CarrierPart(data, family)]


def _image(part: Unread) -> ImagePart:
    url, identity, detail = part.text("image_url"), part.text("file_id"), part.text("detail")
    detail = None if detail == "auto" else detail
    if url is not None and url.startswith("data:"):
        media_type, data = split_data_url(url, part.path("image_url"))
        return ImagePart(media_type=media_type, data=data, detail=detail)
    if url is None and identity is None:
        raise wrong(part.at, "an object with image_url or file_id")
    return ImagePart(url=url, file_id=identity, detail=detail)


def _file(part: Unread) -> FilePart:
    name, data, url, identity = (
        part.text(field) for field in ("filename", "file_data", "file_url", "file_id")
    )
    inline = data or (url if url is not None and url.startswith("data:") else None)
    if inline is not None:
        if not inline.startswith("data:"):
            return FilePart(media_type=guessed_type(name or "") or "application/pdf", data=inline, name=name)
        media_type, data = split_data_url(inline, part.path("file_data"))
        if media_type == "application/octet-stream":
            media_type = guessed_type(name or "") or media_type
        return FilePart(media_type=media_type, data=data, name=name)
    if url is None and identity is None:
        raise wrong(part.at, "an object with file_data, file_url or file_id")
    return FilePart(url=url, file_id=identity, name=name)
