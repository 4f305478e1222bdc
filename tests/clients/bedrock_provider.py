"""Bedrock's side: Converse, whose streams are binary frames."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

from tests.clients.speech import INPUT, OUTPUT, SIGNATURE, Asked, Said, Tool

UNKNOWN_MODEL = {"message": "Could not resolve the foundation model from the provided model identifier."}
USAGE = {"inputTokens": INPUT, "outputTokens": OUTPUT, "totalTokens": INPUT + OUTPUT}


def asked(body: dict[str, Any], model: str, *, stream: bool) -> Asked:
    """Read a request."""
    blocks = [(each["role"], block) for each in body["messages"] for block in each["content"]]
    spoken = [i for i, (role, block) in enumerate(blocks) if role == "user" and "text" in block]
    at = spoken[-1] if spoken else -1
    config = body.get("toolConfig") or {}
    results = [block["toolResult"] for _, block in blocks[at + 1 :] if "toolResult" in block]
    more = body.get("additionalModelRequestFields") or {}
    form = ((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}
    schema = (form.get("jsonSchema") or {}).get("schema")
    return Asked(
        text=blocks[at][1]["text"] if spoken else "",
        tools=tuple(
            Tool(name=each["toolSpec"]["name"], schema=each["toolSpec"]["inputSchema"]["json"])
            for each in config.get("tools") or ()
            if "toolSpec" in each
        ),
        forced=((config.get("toolChoice") or {}).get("tool") or {}).get("name"),
        results=tuple(_result(each["content"]) for each in results),
        schema=json.loads(schema) if isinstance(schema, str) else schema,
        thinks=(more.get("thinking") or more.get("reasoning_config") or {}).get("type")
        in {"enabled", "adaptive"},
        carried=tuple(
            block["reasoningContent"]["reasoningText"]["signature"]
            for _, block in blocks
            if "reasoningContent" in block
        ),
        stream=stream,
        model=model,
    )


def whole(said: Said, request: Asked) -> dict[str, Any]:
    """Word a complete answer."""
    message = {"role": "assistant", "content": _blocks(said)}
    return {
        "output": {"message": message},
        "stopReason": _stop(said),
        "usage": USAGE,
        "metrics": {"latencyMs": 100},
    }


def events(said: Said, request: Asked) -> Iterator[bytes]:
    """Word a stream."""
    yield frame("messageStart", {"role": "assistant"})
    for index, block in enumerate(_blocks(said)):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            call = block["toolUse"]
            begun = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            yield frame("contentBlockStart", {**at, "start": begun})
        for delta in _deltas(block, said):
            yield frame("contentBlockDelta", {**at, "delta": delta})
        yield frame("contentBlockStop", at)
    yield frame("messageStop", {"stopReason": _stop(said)})
    yield frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 100}})


def frame(kind: str, payload: dict[str, Any]) -> bytes:
    """Return one message of an AWS event stream: lengths, headers, payload and two checksums, big-endian."""
    lines = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
        for name, value in lines.items()
    )
    body = json.dumps(payload).encode()
    prelude = (16 + len(headers) + len(body)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    message = prelude + zlib.crc32(prelude).to_bytes(4, "big") + headers + body
    return message + zlib.crc32(message).to_bytes(4, "big")


def _blocks(said: Said) -> list[dict[str, Any]]:
    thought = {"reasoningContent": {"reasoningText": {"text": said.thought, "signature": SIGNATURE}}}
    calls = [
        {"toolUse": {"toolUseId": each.id, "name": each.name, "input": dict(each.arguments)}}
        for each in said.calls
    ]
    return [*([thought] if said.thought else []), *([{"text": said.text}] if said.text else []), *calls]


def _deltas(block: dict[str, Any], said: Said) -> list[dict[str, Any]]:
    if "text" in block:
        return [{"text": word} for word in said.words]
    if "toolUse" in block:
        text = json.dumps(block["toolUse"]["input"])
        return [{"toolUse": {"input": piece}} for piece in (text[:4], text[4:])]
    return [{"reasoningContent": {"text": said.thought}}, {"reasoningContent": {"signature": SIGNATURE}}]


def _result(content: Any) -> str:
    return "".join(each["text"] if "text" in each else json.dumps(each.get("json")) for each in content)


def _stop(said: Said) -> str:
    return "tool_use" if said.calls else "end_turn"
