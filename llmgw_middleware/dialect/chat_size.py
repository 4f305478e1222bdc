"""How large a canonical request is, for estimates of its tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from llmgw_middleware.dialect.chat import (
    AudioPart,
    CarrierPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolResult,
)


class Measure(NamedTuple):
    """``text`` in UTF-8 bytes, tools and schemas included; the others are numbers of parts. Base64 never counts."""

    text: int
    messages: int
    images: int
    files: int
    audio: int


def measured(request: ChatRequest) -> Measure:
    """Return the size of a request."""
    parts = list(_flat(part for turn in request.turns for part in turn.parts))
    text = sum(map(_text, parts)) + sum(len(part.text.encode()) for part in request.system)
    text += sum(map(_tool, request.tools))
    if request.response_format is not None and request.response_format.schema is not None:
        text += len(request.response_format.schema)
    return Measure(
        text=text,
        messages=len(request.turns) + len(request.system),
        images=sum(isinstance(part, ImagePart) for part in parts),
        files=sum(isinstance(part, FilePart) and part.text is None for part in parts),
        audio=sum(isinstance(part, AudioPart) for part in parts),
    )


def _flat(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from part.parts
        else:
            yield part


def _text(part: Part) -> int:
    match part:
        case TextPart(text) | ThinkingPart(text) | RefusalPart(text) | FilePart(text=str(text)):
            return len(text.encode())
        case ToolCall():
            return len(part.name.encode()) + len(part.arguments.encode())
        case CarrierPart(data):
            return len(data) // 2  # ciphertext in base64: the thought itself is shorter
        case _:
            return 0


def _tool(tool: Tool) -> int:
    return len(tool.name) + len((tool.description or "").encode()) + len(tool.schema or b"")
