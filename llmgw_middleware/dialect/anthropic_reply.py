"""Complete Anthropic messages, from and to the canonical answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.anthropic_blocks import tool_id
from llmgw_middleware.dialect.anthropic_finish import finish_of, written
from llmgw_middleware.dialect.anthropic_sources import citation_of, source_of
from llmgw_middleware.dialect.anthropic_usage import read_usage, write_usage
from llmgw_middleware.dialect.chat import (
    CarrierPart,
    Part,
    RefusalPart,
    Source,
    TextPart,
    ThinkingPart,
    ToolCall,
)
from llmgw_middleware.dialect.chat_event import Finish, Finished
from llmgw_middleware.dialect.chat_port import Scene
from llmgw_middleware.dialect.chat_reply import ChatReply, Choice
from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.model.usage import Usage

_NOTHING = msgspec.Raw(b"")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Block(msgspec.Struct, gc=False):
    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = _NOTHING
    citations: Any = None


class _Message(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    model: Any = None
    content: list[_Block] | None = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None
    usage: Any = None


_decode = msgspec.json.Decoder(_Message).decode


def read_reply(body: bytes) -> ChatReply:
    """Read a message. Raises MalformedReply if it is none, or tells of an error."""
    try:
        if not body.isascii():
            body.decode()
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedReply(f"the answer is no message: {problem}") from problem
    if found.type == "error" or found.content is None:
        raise MalformedReply("the answer has a status of success, but no content")
    parts, sources = _parts(found.content)
    end = finish_of(found.stop_reason, found.stop_sequence, found.stop_details)
    choice = Choice(
        parts=parts,
        finish=end.reason,
        detail=end.detail,
        stop_sequence=end.stop_sequence,
        explanation=end.explanation,
        citations=sources,
    )
    return ChatReply(
        choices=[choice], id=_word(found.id), model=_word(found.model), usage=read_usage(found.usage)
    )


def _parts(blocks: Sequence[_Block]) -> tuple[list[Part], list[Source]]:
    parts: list[Part] = []
    sources: list[Source] = []
    length = 0
    for block in blocks:
        part = _part(block)
        if part is None:
            continue
        parts.append(part)
        if isinstance(part, TextPart):
            end = length + len(part.text)
            citations = block.citations if isinstance(block.citations, list) else ()
            sources += [source_of(one, start=length, end=end) for one in citations if isinstance(one, dict)]
            length = end
    return parts, sources


def _part(block: _Block) -> Part | None:
    """Return what a block says; server tools, their results and what is yet to come say nothing to a chat."""
    match block.type:
        case "text" if isinstance(block.text, str) and block.text:
            return TextPart(block.text)
        case "thinking":
            signature = _word(block.signature)
            family = None if signature is None else "anthropic"
            return ThinkingPart(_word(block.thinking) or "", signature, family)  # type: ignore[arg-type] # one of the families
        case "redacted_thinking" if isinstance(block.data, str):
            return CarrierPart(block.data, "anthropic")
        case "tool_use":
            return _call(block)
        case _:
            return None


def _call(block: _Block) -> ToolCall:
    identity, name = _word(block.id), _word(block.name)
    if identity is None or name is None:
        raise MalformedReply("the answer has a tool_use without id or name")
    return ToolCall(id=identity, name=name, arguments=bytes(block.input).decode())


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def write_reply(reply: ChatReply, scene: Scene) -> bytes:
    """Word the first choice as a message. Raises MalformedReply for a call whose arguments are no JSON object.

    Where the answer was cut off by its limit, such a call is left out: nobody could run it.
    """
    choice = reply.choices[0]
    end = Finished(choice.finish, choice.detail, choice.stop_sequence, choice.explanation)
    reason, sequence = written(end)
    usage = reply.usage or Usage(input=scene.estimate, output=_estimated(choice.parts))
    out = {
        "id": reply.id or f"msg_{scene.mint()}",
        "type": "message",
        "role": "assistant",
        "model": reply.model or scene.model or "",
        "content": _content(choice),
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": write_usage(usage),
    }
    return msgspec.json.encode(out)


def _estimated(parts: Sequence[Part]) -> int:
    said = (p.text for p in parts if isinstance(p, TextPart | ThinkingPart | RefusalPart))
    return -(-sum(map(len, said)) // 4)


def _content(choice: Choice) -> list[dict[str, Any]]:
    blocks = []
    for part in choice.parts:
        block = _block(part, cut=choice.finish is Finish.LENGTH)
        if block is not None:
            blocks.append(block)
    cited = [citation_of(source) for source in choice.citations if source.url]
    text = next((block for block in blocks if block["type"] == "text"), None)
    if cited and text is not None:
        text["citations"] = cited
    return blocks


def _block(part: Part, *, cut: bool) -> dict[str, Any] | None:
    match part:
        case TextPart(text) | RefusalPart(text):
            return {"type": "text", "text": text} if text else None
        case ThinkingPart(text, signature, family):
            own = signature if signature and family == "anthropic" else ""
            return {"type": "thinking", "thinking": text, "signature": own}
        case CarrierPart(data, "anthropic"):
            return {"type": "redacted_thinking", "data": data}
        case ToolCall():
            found = _input(part, cut=cut)
            if found is None:
                return None
            return {"type": "tool_use", "id": tool_id(part.id), "name": part.name, "input": found}
        case _:
            return None


def _input(call: ToolCall, *, cut: bool) -> msgspec.Raw | None:
    if not call.arguments.strip():
        return msgspec.Raw(b"{}")
    try:
        _OBJECT.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        if cut:
            return None
        raise MalformedReply(f"the arguments of the call {call.id} are no JSON object") from problem
    return msgspec.Raw(call.arguments.encode())
