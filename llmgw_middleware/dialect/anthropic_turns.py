"""System blocks and messages of an Anthropic request, read into turns."""

from __future__ import annotations

import msgspec

from llmgw_middleware.dialect.chat import (
    Cache,
    CarrierPart,
    FilePart,
    ImagePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Turn,
)
from llmgw_middleware.dialect.unread import Unread, is_text, opened, text_of, wrong
from llmgw_middleware.errors import BadRequest


class Turns:
    """Reads ``system`` and ``messages``. What has no place goes to ``extra``. Raises BadRequest naming the place."""

    def __init__(self, body: Unread, extra: dict[str, msgspec.Raw]) -> None:
        self._extra = extra
        self._tool_names: dict[str, str] = {}
        self.system = self._read_system(body)
        messages = body.objects("messages")
        if not messages:
            raise BadRequest("The request has no messages.", param="messages")
        self.turns = [self._turn(message) for message in messages]

    def __repr__(self) -> str:
        return f"<Turns {len(self.system)} leading, {len(self.turns)} after>"

    def _read_system(self, body: Unread) -> list[TextPart]:
        raw = body.take("system")
        if raw is None:
            return []
        parts = self._content(raw, "system")
        texts = [part for part in parts if isinstance(part, TextPart)]
        if len(texts) != len(parts):
            raise wrong("system", "a string or a list of text blocks")
        return [part for part in texts if part.text]

    def _turn(self, message: Unread) -> Turn:
        role = message.text("role")
        if role not in {"user", "assistant", "system"}:
            raise wrong(message.path("role"), "user, assistant or system")
        content = message.take("content")
        if content is None:
            raise wrong(message.path("content"), "a string or a list of blocks")
        parts = self._content(content, message.path("content"))
        message.left(self._extra)
        return Turn(role=role, parts=parts, at=message.at)  # type: ignore[arg-type] # one of three

    def _content(self, content: msgspec.Raw, at: str) -> list[Part]:
        if is_text(content):
            return [TextPart(text_of(content, at))]
        name = at.rpartition(".")
        holder = Unread({name[2]: content}, name[0])
        found = (self._block(opened(raw, path)) for path, raw in holder.items(name[2]))
        return [part for part in found if part is not None]

    def _block(self, block: Unread) -> Part | None:
        kind = block.text("type")
        cache = cache_of(block)
        read: Part | None = None
        match kind:
            case "text":
                read = TextPart(block.text("text") or "", cache)
                block.skip("citations")
            case "image":
                read = self._image(block, cache)
            case "document":
                read = self._document(block, cache)
            case "thinking":
                signature = block.text("signature") or None
                read = ThinkingPart(
                    block.text("thinking") or "", signature, "anthropic" if signature else None
                )
            case "redacted_thinking":
                read = CarrierPart(block.needed("data"), "anthropic")
            case "tool_use":
                read = self._call(block, cache)
            case "tool_result":
                read = self._result(block, cache)
            case _:
                # Blocks of server tools, and what is yet to come.
                self._extra[block.at] = msgspec.Raw(msgspec.json.encode(kind))
                return None
        block.left(self._extra)
        return read

    def _image(self, block: Unread, cache: Cache | None) -> ImagePart:
        source = self._source(block)
        source.skip("type")
        image = ImagePart(
            media_type=source.text("media_type"),
            data=source.text("data"),
            url=source.text("url"),
            file_id=source.text("file_id"),
            cache=cache,
        )
        source.left(self._extra)
        return image

    def _document(self, block: Unread, cache: Cache | None) -> FilePart:
        source = self._source(block)
        kind, data = source.text("type"), source.text("data")
        document = FilePart(
            media_type=source.text("media_type"),
            data=None if kind == "text" else data,
            text=self._document_text(source) if kind == "content" else data if kind == "text" else None,
            url=source.text("url"),
            file_id=source.text("file_id"),
            name=block.text("title"),
            cache=cache,
        )
        source.left(self._extra)
        citations = block.object("citations")
        if citations is not None and citations.flag("enabled"):
            self._extra[block.path("citations")] = msgspec.Raw(b"true")
        return document

    def _document_text(self, source: Unread) -> str:
        """Return the text of a document that is written as blocks."""
        raw = source.take("content")
        parts = [] if raw is None else self._content(raw, source.path("content"))
        return "\n\n".join(part.text for part in parts if isinstance(part, TextPart))

    def _source(self, block: Unread) -> Unread:
        source = block.object("source")
        if source is None:
            raise wrong(block.path("source"), "an object")
        return source

    def _call(self, block: Unread, cache: Cache | None) -> ToolCall:
        identity, name = block.needed("id"), block.needed("name")
        given = block.take("input")
        block.skip("caller")
        self._tool_names[identity] = name
        text = "" if given is None else bytes(given).decode()
        return ToolCall(id=identity, name=name, arguments=text, cache=cache, at=block.path("input"))

    def _result(self, block: Unread, cache: Cache | None) -> ToolResult:
        identity = block.needed("tool_use_id")
        content = block.take("content")
        parts = [] if content is None else self._content(content, block.path("content"))
        return ToolResult(
            id=identity,
            parts=[part for part in parts if isinstance(part, TextPart | ImagePart | FilePart)],
            name=self._tool_names.get(identity),
            is_error=block.flag("is_error") is True,
            cache=cache,
        )


def cache_of(holder: Unread) -> Cache | None:
    """Take a block's breakpoint of caching."""
    found = holder.object("cache_control")
    return None if found is None else Cache(found.text("ttl"))
