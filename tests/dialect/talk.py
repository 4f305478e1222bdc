"""Translations between two dialects with everything that varies held still, and how their answers are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from llmgw_middleware.dialect.anthropic_chat import MessagesCaller, MessagesUpstream
from llmgw_middleware.dialect.chat_port import CallerChat, Means, Terms, UpstreamChat
from llmgw_middleware.dialect.openai_chat import ChatCaller, ChatUpstream
from llmgw_middleware.dialect.port import Asked, Fields, Outgoing, Policy, StreamTap
from llmgw_middleware.dialect.provider import Profile, profile
from llmgw_middleware.dialect.translation import Translation

CALLERS: dict[str, Callable[[], CallerChat]] = {"chat": ChatCaller, "messages": MessagesCaller}
UPSTREAMS: dict[str, tuple[Callable[..., UpstreamChat], str]] = {
    "chat": (ChatUpstream, "openai"),
    "messages": (MessagesUpstream, "anthropic"),
}
ASKED: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "messages": {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]},
}


def means_of(row: Profile, *, policy: Policy = "error", max_tokens: int = 8192) -> Means:
    """What conversations need from outside, held still: every id, the time, and 7 estimated tokens."""
    return Means(
        terms=lambda model, said: Terms(
            model=model,
            version=row.version,
            family=row.family,
            quirks=row.quirks,
            can=row.can(model),
            on_unsupported=said or policy,
            max_tokens=max_tokens,
            salt=b"salt",
        ),
        mint=lambda: "m" * 24,
        clock=lambda: 1700000000.5,
        estimate=lambda _model, _request: 7,
        learn=lambda _model, _request, _counted: None,
        max_event=1024 * 1024,
    )


def talk(
    caller: str,
    upstream: str,
    *,
    policy: Policy = "error",
    row: Profile | None = None,
    max_tokens: int = 8192,
) -> Translation:
    make, provider = UPSTREAMS[upstream]
    means = means_of(row or profile(provider), policy=policy, max_tokens=max_tokens)
    return Translation(CALLERS[caller](), make(max_event=means.max_event), means)


def fields_of(body: dict[str, Any]) -> Fields:
    return msgspec.json.decode(json.dumps(body), type=dict[str, msgspec.Raw])


def sent(translation: Translation, body: dict[str, Any]) -> Outgoing:
    asked = Asked(fields=fields_of(body), raw=b"", model=body.get("model"), stream=body.get("stream") is True)
    return translation.outgoing(asked)


def wording(caller: str, upstream: str, body: dict[str, Any], **kw: Any) -> dict[str, Any]:
    """What the upstream is sent for a caller's body."""
    found: dict[str, Any] = json.loads(sent(talk(caller, upstream, **kw), {**ASKED[caller], **body}).body)
    return found


def answer(caller: str, upstream: str, reply: Any, *, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the caller is told for an upstream's complete answer."""
    translation = talk(caller, upstream, policy="drop")
    outgoing = sent(translation, {**ASKED[caller], **(asked or {})})
    receipt = translation.read_reply(outgoing, json.dumps(reply).encode(), "application/json")
    found: dict[str, Any] = json.loads(receipt.body)
    return found


class Told:
    """What a caller was told of a stream."""

    def __init__(self, tap: StreamTap, data: bytes) -> None:
        self.tap = tap
        self.data = data

    @property
    def fault(self) -> str | None:
        return self.tap.fault.kind.value if self.tap.fault else None

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Name and data of each event; ``[DONE]`` stays text."""
        found = []
        for block in self.data.decode().split("\n\n"):
            lines = dict(
                line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":")
            )
            if "data" in lines:
                data = lines["data"]
                found.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
        return found

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [
            chunk["choices"][0]["delta"] for _, chunk in self.events if chunk != "[DONE]" and chunk["choices"]
        ]


def told(
    caller: str, upstream: str, *pieces: bytes, asked: dict[str, Any] | None = None, close: bool = True
) -> Told:
    """What the caller is told for an upstream's stream."""
    translation = talk(caller, upstream, policy="drop")
    outgoing = sent(translation, {**ASKED[caller], "stream": True, **(asked or {})})
    tap = translation.tap(outgoing, "text/event-stream", show_usage=True)
    assert tap is not None
    data = [piece.data for part in pieces for piece in tap.feed(part)]
    if close:
        data += [piece.data for piece in tap.close()]
    return Told(tap, b"".join(data))


class Message:
    """An Anthropic message put together again as an SDK does it, refusing what the grammar forbids."""

    def __init__(self, events: list[tuple[str, Any]]) -> None:
        self.blocks: list[dict[str, Any]] = []
        self.start: dict[str, Any] | None = None
        self.stop: dict[str, Any] | None = None
        self.ended = False
        self._open: int | None = None
        for name, data in events:
            assert name == data["type"], "every frame has an event line that names it"
            assert not self.ended, f"{name} after message_stop"
            getattr(self, f"_{name}")(data)

    def _message_start(self, data: Any) -> None:
        assert self.start is None
        self.start = data["message"]

    def _content_block_start(self, data: Any) -> None:
        assert self.start is not None
        assert self.stop is None
        assert self._open is None, "blocks never overlap"
        assert data["index"] == len(self.blocks), "indices are contiguous"
        self._open = data["index"]
        self.blocks.append({**data["content_block"], "_json": ""})

    def _content_block_delta(self, data: Any) -> None:
        assert data["index"] == self._open
        block, delta = self.blocks[-1], data["delta"]
        match delta["type"]:
            case "text_delta":
                block["text"] += delta["text"]
            case "thinking_delta":
                block["thinking"] += delta["thinking"]
            case "signature_delta":
                block["signature"] = delta["signature"]
            case "citations_delta":
                block.setdefault("citations", []).append(delta["citation"])
            case "input_json_delta":
                block["_json"] += delta["partial_json"]

    def _content_block_stop(self, data: Any) -> None:
        assert data["index"] == self._open
        self._open = None
        block = self.blocks[-1]
        text = block.pop("_json")
        if block["type"] == "tool_use" and text:
            block["input"] = json.loads(text)

    def _message_delta(self, data: Any) -> None:
        assert self._open is None
        self.stop = data

    def _message_stop(self, data: Any) -> None:
        assert self.stop is not None
        self.ended = True
