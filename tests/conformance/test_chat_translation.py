"""Recorded answers of Anthropic and of servers that speak chat completions, told to callers of the other dialect.

What a caller is told is put together again and compared with a plain reading of the recording.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.dialect.anthropic_blocks import tool_id
from llmgw_middleware.dialect.port import MalformedReply
from tests.conformance.recordings import Recording, recordings
from tests.dialect.events import cut
from tests.dialect.talk import Message, Told, answer, told

OTHER = (
    "count_tokens",
    "/files",
    "/audio/",
    "/embeddings",
    "/responses",
    "/models",
    "/conversations",
    "/vector",
)
FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "pause_turn": "stop",
}
REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}


def is_messages(row: dict[str, Any]) -> bool:
    where = row["path"] + (row["endpoint"] or "")
    return (
        row["provider"] == "anthropic"
        and row["status"] == 200
        and row["kind"] != "record list"
        and not any(word in where for word in OTHER)
        and "midstream" not in where
    )


def is_chat(row: dict[str, Any]) -> bool:
    return (
        (row["endpoint"] or "").removesuffix("#stream").endswith("/chat/completions")
        and row["status"] == 200
        and "error" not in row["path"]
    )


def said_by(recording: Recording) -> list[dict[str, Any]]:
    """Every JSON object that the recording has on a line of data."""
    lines = recording.body.replace(b"\r\n", b"\n").split(b"\n")
    data = (line[5:].strip() for line in lines if line.startswith(b"data:"))
    return [json.loads(text) for text in data if text not in {b"[DONE]", b""}]


STREAMED_MESSAGES = recordings(lambda row: is_messages(row) and row["streaming"])
WHOLE_MESSAGES = recordings(lambda row: is_messages(row) and not row["streaming"])
STREAMED_CHATS = recordings(lambda row: is_chat(row) and row["streaming"])
WHOLE_CHATS = recordings(lambda row: is_chat(row) and not row["streaming"])


def blocks_of(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Put an Anthropic message together from its events, with no verdicts."""
    blocks: dict[int, dict[str, Any]] = {}
    found: dict[str, Any] = {"usage": {}, "stop": None}
    for event in events:
        match event.get("type"):
            case "message_start":
                found["usage"].update(event["message"].get("usage", {}))
            case "content_block_start":
                blocks[event["index"]] = {**event["content_block"], "json": ""}
            case "content_block_delta":
                block, delta = blocks[event["index"]], event["delta"]
                for name in ("text", "thinking", "signature"):
                    if name in delta:
                        block[name] = block.get(name, "") + delta[name]
                block["json"] += delta.get("partial_json") or ""
            case "message_delta":
                found["stop"] = event["delta"].get("stop_reason")
                usage = {k: v for k, v in (event.get("usage") or {}).items() if v is not None}
                found["usage"].update(usage)
            case "message_stop":
                break  # some recordings hold several answers, one after another
    return {**found, "blocks": list(blocks.values())}


def calls_in(blocks: Iterable[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    calls = (block for block in blocks if block["type"] == "tool_use")
    return [(b["id"], b["name"], json.loads(b["json"]) if b.get("json") else b.get("input")) for b in calls]


def text_in(blocks: Iterable[dict[str, Any]], kind: str) -> str:
    return "".join(block.get(kind, "") for block in blocks if block["type"] == kind)


class Completion:
    """A chat completion put together again from its chunks."""

    def __init__(self, found: Told) -> None:
        self.text = self.thoughts = ""
        self.calls: dict[int, dict[str, str]] = {}
        self.signatures: list[str] = []
        self.finish: str | None = None
        self.usage: dict[str, Any] | None = None
        for _, chunk in found.events:
            if chunk != "[DONE]":
                self._take(chunk)

    def _take(self, chunk: dict[str, Any]) -> None:
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk["choices"]:
            delta = choice["delta"]
            self.text += delta.get("content") or ""
            self.thoughts += delta.get("reasoning_content") or ""
            self.finish = choice.get("finish_reason") or self.finish
            self.signatures += [b["signature"] for b in delta.get("thinking_blocks", ()) if "signature" in b]
            for call in delta.get("tool_calls", ()):
                known = self.calls.setdefault(
                    call["index"], {"id": call.get("id", ""), "name": "", "json": ""}
                )
                known["name"] += call["function"].get("name") or ""
                known["json"] += call["function"].get("arguments") or ""

    @property
    def called(self) -> list[tuple[str, str, Any]]:
        assert list(self.calls) == list(range(len(self.calls))), "calls are counted from 0"
        return [(call["id"], call["name"], json.loads(call["json"])) for call in self.calls.values()]


def prompt_of(usage: dict[str, Any]) -> int:
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(usage.get(name) or 0 for name in names)


SPLICED = "vercel-ai/anthropic__spliced-message-start.chunks.txt"
"""A second answer begins in the middle of the first."""

NO_FINISH = "simonw-llm/openai__test_tools_streaming__test_tools_streaming_variant_b__0.json"
"""A server that ends its answer with ``[DONE]`` and never gives a reason."""

CUT_OFF = {"anthropic-sdk-python/incomplete_partial_json_response.txt": "arguments that end in the middle"}


@pytest.mark.parametrize("recording", STREAMED_MESSAGES)
def test_a_recorded_message_streams_to_chat_callers(recording):
    plain = blocks_of(said_by(recording))
    found = told("chat", "messages", recording.body, asked={"stream_options": {"include_usage": True}})
    if recording.path == SPLICED:
        assert found.fault == "upstream_protocol_error"
        return
    assert found.fault is None
    completion = Completion(found)
    assert completion.text == text_in(plain["blocks"], "text")
    assert completion.thoughts == text_in(plain["blocks"], "thinking")
    if recording.path not in CUT_OFF:
        assert completion.called == calls_in(plain["blocks"])
    assert completion.finish == FINISHES.get(plain["stop"], "stop")
    assert completion.usage is not None
    assert completion.usage["prompt_tokens"] == prompt_of(plain["usage"])
    assert completion.usage["completion_tokens"] == plain["usage"]["output_tokens"]
    signed = [block["signature"] for block in plain["blocks"] if block.get("signature")]
    assert completion.signatures == signed


@pytest.mark.parametrize("recording", WHOLE_MESSAGES)
def test_a_recorded_message_is_told_to_chat_callers(recording):
    message = json.loads(recording.body)
    if message.get("type") != "message":
        pytest.skip("a message of another operation")
    found = answer("chat", "messages", message)
    choice = found["choices"][0]
    assert (choice["message"]["content"] or "") == text_in(message["content"], "text")
    assert (choice["message"].get("reasoning_content") or "") == text_in(message["content"], "thinking")
    made = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in choice["message"].get("tool_calls", ())
    ]
    assert made == calls_in(message["content"])
    assert choice["finish_reason"] == FINISHES[message["stop_reason"]]
    usage = found["usage"]
    assert usage["prompt_tokens"] == prompt_of(message["usage"])
    assert usage["total_tokens"] == usage["prompt_tokens"] + message["usage"]["output_tokens"]


def chat_of(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Put a chat completion together from its chunks, with no verdicts but those of OpenAI's own index rule."""
    text = thoughts = ""
    calls: dict[Any, dict[str, str]] = {}
    finish = usage = None
    for chunk in chunks:
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("none") or usage
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            for kind, said in spoken(delta.get("content")):
                text, thoughts = (text + said, thoughts) if kind == "text" else (text, thoughts + said)
            thoughts += delta.get("reasoning_content") or delta.get("reasoning") or ""
            finish = choice.get("finish_reason") or finish
            for call in delta.get("tool_calls") or ():
                known = calls.setdefault(call.get("index"), {"id": "", "name": "", "json": ""})
                known["id"] = call.get("id") or known["id"]
                known["name"] = known["name"] or call["function"].get("name") or ""
                known["json"] += call["function"].get("arguments") or ""
    called = [(tool_id(c["id"]), c["name"], json.loads(c["json"] or "{}")) for c in calls.values()]
    return {"text": text, "thoughts": thoughts, "calls": called, "finish": finish, "usage": usage}


def spoken(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield "text", content
    for part in content if isinstance(content, list) else ():
        if part["type"] == "thinking":
            yield from (("thinking", inner["text"]) for inner in part["thinking"])
        else:
            yield "text", part.get("text", "")


def reason_of(plain: dict[str, Any]) -> str:
    if plain["calls"] and plain["finish"] != "length":
        return "tool_use"
    return REASONS.get(plain["finish"], "end_turn")


@pytest.mark.parametrize("recording", STREAMED_CHATS)
def test_a_recorded_completion_streams_to_anthropic_callers(recording):
    plain = chat_of(said_by(recording))
    found = told("messages", "chat", recording.body)
    if plain["finish"] is None and recording.path != NO_FINISH:
        assert found.fault is not None
        return
    assert found.fault is None
    message = Message(found.events)
    assert message.ended
    assert text_in(message.blocks, "text") == plain["text"]
    assert text_in(message.blocks, "thinking") == plain["thoughts"]
    assert [(b["id"], b["name"], b["input"]) for b in message.blocks if b["type"] == "tool_use"] == plain[
        "calls"
    ]
    assert message.stop is not None
    assert message.stop["delta"]["stop_reason"] == reason_of(plain)
    if plain["usage"] is not None:
        usage = message.stop["usage"]
        assert prompt_of(usage) == plain["usage"]["prompt_tokens"]
        assert usage["output_tokens"] == plain["usage"]["completion_tokens"]


@pytest.mark.parametrize("recording", WHOLE_CHATS)
def test_a_recorded_completion_is_told_to_anthropic_callers(recording):
    completion = json.loads(recording.body)
    try:
        found = answer("messages", "chat", completion)
    except MalformedReply:
        assert not completion.get("choices")
        return
    message = completion["choices"][0]["message"]
    assert text_in(found["content"], "text") == "".join(
        t for k, t in spoken(message.get("content")) if k == "text"
    )
    made = [(b["name"], b["input"]) for b in found["content"] if b["type"] == "tool_use"]
    cut_off = completion["choices"][0]["finish_reason"] == "length"
    calls = () if cut_off else message.get("tool_calls") or ()
    assert made == [(c["function"]["name"], json.loads(c["function"]["arguments"] or "{}")) for c in calls]
    assert prompt_of(found["usage"]) == completion["usage"]["prompt_tokens"]


@settings(max_examples=15, deadline=None)
@given(places=st.lists(st.integers(0, 100_000), max_size=8))
@pytest.mark.parametrize("recording", STREAMED_MESSAGES)
def test_a_recorded_message_is_the_same_however_it_is_split(recording, places):
    whole = told("chat", "messages", recording.body).data
    assert told("chat", "messages", *cut(recording.body, places)).data == whole


@settings(max_examples=15, deadline=None)
@given(places=st.lists(st.integers(0, 100_000), max_size=8))
@pytest.mark.parametrize("recording", STREAMED_CHATS)
def test_a_recorded_completion_is_the_same_however_it_is_split(recording, places):
    whole = told("messages", "chat", recording.body).data
    assert told("messages", "chat", *cut(recording.body, places)).data == whole
