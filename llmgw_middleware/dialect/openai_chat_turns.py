"""The messages of a chat completion request, read into turns."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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
)
from llmgw_middleware.dialect.data_url import split_data_url
from llmgw_middleware.dialect.unread import Unread, is_text, opened, text_of, wrong
from llmgw_middleware.errors import BadRequest

_ECHOED = ("annotations", "reasoning_details", "provider_specific_fields", "x_finish_detail")
"""Fields of answers that clients send back with the history; no upstream reads them."""

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


class Turns:
    """Reads ``messages``: ``system`` are the leading instructions, ``turns`` all that follows.

    What has no place goes to ``extra``. Raises BadRequest naming the message.
    """

    def __init__(self, body: Unread, extra: dict[str, msgspec.Raw]) -> None:
        self.system: list[TextPart] = []
        self.turns: list[Turn] = []
        self._extra = extra
        self._tool_names: dict[str, str] = {}
        messages = body.objects("messages")
        if not messages:
            raise BadRequest("The request has no messages.", param="messages")
        for message in messages:
            self._read(message)

    def __repr__(self) -> str:
        return f"<Turns {len(self.system)} leading, {len(self.turns)} after>"

    def _read(self, message: Unread) -> None:
        role = message.text("role")
        if role not in _ROLES:
            raise wrong(message.path("role"), f"one of {', '.join(_ROLES)}")
        if role in {"system", "developer"}:
            self._read_system(message)
        elif role == "user":
            self._add(message, "user", self._parts(message))
        elif role == "assistant":
            self._add(message, "assistant", self._said(message))
        else:
            self._add(message, "user", [self._result(message, legacy=role == "function")])
        message.left(self._extra)

    def _add(self, message: Unread, role: str, parts: Sequence[Part]) -> None:
        name = message.text("name")
        turn = Turn(role=role, parts=parts, at=message.at, name=name)  # type: ignore[arg-type] # one of three
        self.turns.append(turn)

    def _read_system(self, message: Unread) -> None:
        parts = self._parts(message)
        if self.turns:
            self._add(message, "system", parts)
            return
        message.skip("name")  # instructions have no participant whose name would matter
        texts = [part for part in parts if isinstance(part, TextPart)]
        if len(texts) != len(parts):
            raise wrong(message.path("content"), "text")
        self.system += texts

    def _parts(self, message: Unread) -> list[Part]:
        content = message.take("content")
        if content is None:
            raise wrong(message.path("content"), "a string or a list of parts")
        return self._content(content, message.path("content"), _cache(message))

    def _content(self, content: msgspec.Raw, at: str, cache: Cache | None = None) -> list[Part]:
        if is_text(content):
            return [TextPart(text_of(content, at), cache)]
        holder = Unread({"content": content}, at.removesuffix("content").rstrip("."))
        found = (self._part(opened(raw, path)) for path, raw in holder.items("content"))
        return [part for part in found if part is not None]

    def _part(self, part: Unread) -> Part | None:
        kind = part.text("type")
        cache = _cache(part)
        read: Part | None = None
        match kind:
            case "text":
                read = TextPart(part.text("text") or "", cache)
            case "refusal":
                read = RefusalPart(part.text("refusal") or "")
            case "image_url":
                read = self._image(part, cache)
            case "file":
                read = self._file(part, cache)
            case "input_audio":
                read = self._audio(part)
            case _:
                self._extra[part.at] = msgspec.Raw(msgspec.json.encode(kind))
                return None
        part.left(self._extra)
        return read

    def _image(self, part: Unread, cache: Cache | None) -> ImagePart:
        inner = part.object("image_url")
        if inner is None:
            raise wrong(part.path("image_url"), "an object with a url")
        url, detail = inner.needed("url"), inner.text("detail")
        inner.left(self._extra)
        if url.startswith("data:"):
            media_type, data = split_data_url(url, inner.path("url"))
            return ImagePart(media_type=media_type, data=data, detail=detail, cache=cache)
        return ImagePart(url=url, detail=detail, cache=cache)

    def _file(self, part: Unread, cache: Cache | None) -> FilePart:
        inner = part.object("file")
        if inner is None:
            raise wrong(part.path("file"), "an object")
        name, data, file_id = inner.text("filename"), inner.text("file_data"), inner.text("file_id")
        inner.left(self._extra)
        if data is None:
            if not file_id:
                raise wrong(inner.at, "an object with file_data or file_id")
            return FilePart(file_id=file_id, name=name, cache=cache)
        if not data.startswith("data:"):
            return FilePart(media_type="application/pdf", data=data, name=name, cache=cache)
        media_type, data = split_data_url(data, inner.path("file_data"))
        return FilePart(media_type=media_type, data=data, name=name, cache=cache)

    def _audio(self, part: Unread) -> AudioPart:
        inner = part.object("input_audio")
        if inner is None:
            raise wrong(part.path("input_audio"), "an object")
        audio = AudioPart(inner.needed("data"), inner.text("format") or "wav")
        inner.left(self._extra)
        return audio

    def _said(self, message: Unread) -> list[Part]:
        """Read an assistant's message: thinking first, then words, then calls."""
        parts = self._thoughts(message)
        content = message.take("content")
        if content is not None:
            found = self._content(content, message.path("content"), _cache(message))
            parts += [part for part in found if not (isinstance(part, TextPart) and not part.text)]
        refusal = message.text("refusal")
        if refusal:
            parts.append(RefusalPart(refusal))
        parts += [self._call(call) for call in message.objects("tool_calls")]
        legacy = message.object("function_call")
        if legacy is not None:
            parts.append(self._function_call(legacy))
        message.skip(*_ECHOED)
        return parts

    def _thoughts(self, message: Unread) -> list[Part]:
        blocks = message.objects("thinking_blocks")
        text = message.text("reasoning_content") or message.text("reasoning")
        message.skip("reasoning")
        signature = message.text("reasoning_signature")
        if blocks:
            found = (self._thought(block) for block in blocks)
            return [part for part in found if part is not None]
        if text or signature:
            return [ThinkingPart(text or "", signature, "anthropic" if signature else None)]
        return []

    def _thought(self, block: Unread) -> Part | None:
        match block.text("type"):
            case "thinking":
                signature = block.text("signature") or None
                return ThinkingPart(
                    block.text("thinking") or "", signature, "anthropic" if signature else None
                )
            case "redacted_thinking":
                return CarrierPart(block.needed("data"), "anthropic")
            case kind:
                self._extra[block.at] = msgspec.Raw(msgspec.json.encode(kind))
                return None

    def _call(self, call: Unread) -> ToolCall:
        kind = call.text("type") or "function"
        identity = call.needed("id")
        call.skip("index")
        inner = call.object(kind) if kind in {"function", "custom"} else None
        if inner is None:
            raise wrong(call.path("type"), "function or custom, beside an object of that name")
        name = inner.needed("name")
        self._tool_names[identity] = name
        signature = _google_signature(call)
        made = ToolCall(
            id=identity,
            name=name,
            arguments=inner.text("arguments" if kind == "function" else "input") or "",
            custom=kind == "custom",
            signature=signature,
            at=inner.path("arguments"),
        )
        inner.left(self._extra)
        call.left(self._extra)
        return made

    def _function_call(self, legacy: Unread) -> ToolCall:
        """Read a legacy call; it has no id, so its result is found by its name."""
        name = legacy.needed("name")
        identity = f"call_{name}"
        self._tool_names[identity] = name
        made = ToolCall(
            id=identity, name=name, arguments=legacy.text("arguments") or "", at=legacy.path("arguments")
        )
        legacy.left(self._extra)
        return made

    def _result(self, message: Unread, *, legacy: bool) -> ToolResult:
        name = message.text("name")
        identity = f"call_{name}" if legacy and name else message.needed("tool_call_id")
        content = message.take("content")
        cache = _cache(message)
        parts = [] if content is None else self._content(content, message.path("content"))
        if len(parts) == 1 and isinstance(parts[0], TextPart) and cache is None:
            cache = parts[0].cache
        return ToolResult(
            id=identity,
            parts=[p for p in parts if isinstance(p, TextPart | ImagePart | FilePart)],
            name=self._tool_names.get(identity, name),
            cache=cache,
        )


def _cache(holder: Unread) -> Cache | None:
    """Take a breakpoint of caching: OpenAI's own, or Anthropic's as OpenRouter and LiteLLM pass it."""
    own, theirs = holder.object("prompt_cache_breakpoint"), holder.object("cache_control")
    found = own or theirs
    return None if found is None else Cache(found.text("ttl"))


def _google_signature(call: Unread) -> str | None:
    content = call.object("extra_content")
    google = None if content is None else content.object("google")
    return None if google is None else google.text("thought_signature")
