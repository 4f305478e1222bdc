"""Complete chat completions, from and to the canonical answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import (
    CarrierPart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCall,
)
from llmgw_middleware.dialect.chat_port import Mint, Scene
from llmgw_middleware.dialect.chat_reply import ChatReply, Choice
from llmgw_middleware.dialect.openai_chat_finish import WRITTEN, finish_of
from llmgw_middleware.dialect.openai_chat_parts import (
    cited,
    redacted_block,
    sources,
    spoken,
    thinking_block,
    thought,
)
from llmgw_middleware.dialect.openai_usage import read_usage, write_usage
from llmgw_middleware.dialect.port import MalformedReply


class _Message(msgspec.Struct, gc=False):
    content: Any = None
    tool_calls: Any = None
    function_call: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    annotations: Any = None


class _Choice(msgspec.Struct, gc=False):
    message: _Message | None = None
    finish_reason: Any = None
    logprobs: msgspec.Raw = msgspec.Raw(b"")


class _Completion(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None
    created: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Completion).decode


def read_reply(body: bytes, mint: Mint) -> ChatReply:
    """Read a completion. Raises MalformedReply if it is none, or tells of an error."""
    try:
        if not body.isascii():
            body.decode()
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedReply(f"the answer is no chat completion: {problem}") from problem
    if found.error:
        raise MalformedReply("the answer has a status of success and an error object")
    if not found.choices:
        raise MalformedReply("the answer has no choices")
    return ChatReply(
        choices=[_choice(choice, mint) for choice in found.choices],
        id=_word(found.id),
        model=_word(found.model),
        created=found.created if isinstance(found.created, int) else None,
        usage=read_usage(found.usage),
    )


def _choice(choice: _Choice, mint: Mint) -> Choice:
    message = choice.message or _Message()
    parts = _parts(message, mint)
    called = any(isinstance(part, ToolCall) for part in parts)
    end = finish_of(choice.finish_reason, called=called)
    logprobs = bytes(choice.logprobs)
    return Choice(
        parts=parts,
        finish=end.reason,
        detail=end.detail,
        citations=list(sources(message.annotations)),
        logprobs=choice.logprobs if logprobs and logprobs != b"null" else None,
    )


def _parts(message: _Message, mint: Mint) -> list[Part]:
    parts: list[Part] = []
    thoughts = thought(message.reasoning_content, message.reasoning, message.reasoning_details)
    if thoughts:
        parts.append(ThinkingPart(thoughts))
    if isinstance(message.content, str) and message.content:
        parts.append(TextPart(message.content))
    else:
        parts += [
            ThinkingPart(text) if kind == "thinking" else TextPart(text)
            for kind, text in spoken(message.content)
        ]
    if isinstance(message.refusal, str) and message.refusal:
        parts.append(RefusalPart(message.refusal))
    if isinstance(message.tool_calls, list):
        parts += [_call(call, mint) for call in message.tool_calls if isinstance(call, dict)]
    elif isinstance(message.function_call, dict):
        parts.append(_call({"function": message.function_call}, mint))
    return parts


def _call(call: dict[str, Any], mint: Mint) -> ToolCall:
    custom = call.get("custom")
    inner = custom if isinstance(custom, dict) else call.get("function")
    name = _word(inner.get("name")) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or name is None:
        raise MalformedReply("the answer has a tool call without a name")
    given = inner.get("arguments", inner.get("input"))
    # Some servers send an object where the dialect has its text.
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode() if given else ""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return ToolCall(
        id=_word(call.get("id")) or f"call_{mint()}",
        name=name,
        arguments=text,
        custom=isinstance(custom, dict),
        signature=_word(google.get("thought_signature")) if isinstance(google, dict) else None,
    )


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def write_reply(reply: ChatReply, scene: Scene) -> bytes:
    """Word an answer as a ``chat.completion``."""
    out: dict[str, Any] = {
        "id": reply.id or f"chatcmpl-{scene.mint()}",
        "object": "chat.completion",
        "created": scene.created if reply.created is None else reply.created,
        "model": reply.model or scene.model or "",
        "choices": [_written(choice, index) for index, choice in enumerate(reply.choices)],
    }
    if reply.usage is not None:
        out["usage"] = write_usage(reply.usage)
    return msgspec.json.encode(out)


def _written(choice: Choice, index: int) -> dict[str, Any]:
    out: dict[str, Any] = {
        "index": index,
        "message": _message(choice),
        "logprobs": choice.logprobs,
        "finish_reason": WRITTEN[choice.finish],
    }
    if choice.detail is not None:
        out["x_finish_detail"] = choice.detail
    return out


def _message(choice: Choice) -> dict[str, Any]:
    text = _joined(choice.parts, TextPart)
    refusal = _joined(choice.parts, RefusalPart) or choice.explanation
    calls = [_call_written(part) for part in choice.parts if isinstance(part, ToolCall)]
    out: dict[str, Any] = {"role": "assistant", "content": text, "refusal": refusal}
    thoughts = _joined(choice.parts, ThinkingPart)
    if thoughts:
        out["reasoning_content"] = thoughts
    blocks = _thinking_blocks(choice.parts)
    if blocks:
        out["thinking_blocks"] = blocks
    if calls:
        out["tool_calls"] = calls
    return out | cited(list(choice.citations))


def _joined(parts: Sequence[Part], kind: type[TextPart | RefusalPart | ThinkingPart]) -> str | None:
    return "".join(part.text for part in parts if isinstance(part, kind)) or None


def _thinking_blocks(parts: Sequence[Part]) -> list[dict[str, str]]:
    """Return the thoughts that must come back as they are: those with a proof, and those nobody can read."""
    blocks = []
    for part in parts:
        if isinstance(part, ThinkingPart) and part.signature:
            blocks.append(thinking_block(part.text, part.signature))
        elif isinstance(part, CarrierPart):
            blocks.append(redacted_block(part.data))
    return blocks


def _call_written(call: ToolCall) -> dict[str, Any]:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    out: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.signature:
        out["extra_content"] = {"google": {"thought_signature": call.signature}}
    return out
