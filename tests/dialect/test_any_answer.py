"""Whatever an upstream sends: a stream is told as complete or as a fault, and what is told is in the caller's grammar."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.converse import ConverseUpstream
from llmgw_middleware.dialect.eventstream import frame
from llmgw_middleware.dialect.gemini import GeminiUpstream
from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.dialect.translation import Translation
from tests.dialect.talk import ASKED, CALLERS, UPSTREAMS, Message, Told, means_of, sent

ODD: list[Any] = [None, True, -1, 3.5, 10**30, "", "stop", "x", "\u2028é", [], {}, [None], [[]], [{}], 1e308]
ROWS = {"chat": "openai", "messages": "anthropic", "gemini": "gemini", "converse": "bedrock"}
ANSWERS: dict[str, list[Any]] = {
    "chat": [
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"index": 0, "delta": {"content": "a", "reasoning_content": "b", "refusal": "c"}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}}]},
        {"choices": [{"index": 0, "delta": {"annotations": [
            {"type": "url_citation", "url_citation": {"url": "u", "start_index": 0, "end_index": 1}}]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 1}},
    ],
    "messages": [
        {"type": "message_start", "message": {"id": "i", "model": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "a"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {
            "type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c"}}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {
            "type": "tool_use", "id": "t", "name": "f", "input": {}}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ],
    "gemini": [
        {"candidates": [{"content": {"parts": [{"text": "a", "thought": True}, {"text": "b"}]}, "index": 0}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": 1}, "partialArgs": [
            {"jsonPath": "$.b[0]", "stringValue": "x", "willContinue": True}]}, "thoughtSignature": "s"}]}}]},
        {"candidates": [{"groundingMetadata": {
            "groundingChunks": [{"web": {"uri": "u", "title": "t"}}],
            "groundingSupports": [{"segment": {"endIndex": 1}, "groundingChunkIndices": [0]}]}}]},
        {"candidates": [{"finishReason": "STOP", "logprobsResult": {"chosenCandidates": [{"token": "a"}]}}],
         "usageMetadata": {"promptTokenCount": 1}, "promptFeedback": {"blockReason": ""}},
    ],
    "converse": [
        {"kind": "contentBlockDelta", "contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "a"}}},
        {"kind": "contentBlockDelta", "contentBlockIndex": 1, "delta": {"text": "a"}},
        {"kind": "contentBlockStart", "contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}},
        {"kind": "contentBlockDelta", "contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}},
        {"kind": "messageStop", "stopReason": "tool_use"},
        {"kind": "metadata", "usage": {"inputTokens": 1, "outputTokens": 1}},
    ],
}  # fmt: skip


def translation(caller: str, upstream: str) -> Translation:
    means = means_of(profile(ROWS[upstream]), policy="drop")
    match upstream:
        case "gemini":
            return Translation(CALLERS[caller](), GeminiUpstream(), means)
        case "converse":
            return Translation(CALLERS[caller](), ConverseUpstream(), means)
    return Translation(CALLERS[caller](), UPSTREAMS[upstream][0](max_event=means.max_event), means)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in rows for found in ((*path, key), *places(inner, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn, answers: list[Any]) -> list[Any]:
    """An answer with places that are missing or hold something odd, and events out of order, doubled, or missing."""
    told: list[Any] = json.loads(json.dumps(answers))
    for _ in range(draw(st.integers(0, 4))):
        found = draw(st.sampled_from(places(told)))
        holder: Any = told
        for key in found[:-1]:
            holder = holder[key]
        if draw(st.booleans()):
            holder[found[-1]] = json.loads(json.dumps(draw(st.sampled_from(ODD))))
        elif isinstance(holder, dict):
            del holder[found[-1]]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(told) - 1))
        told.insert(draw(st.integers(0, len(told))), told[at] if draw(st.booleans()) else told.pop(at))
    return told[: draw(st.integers(1, len(told) + 3))]


def wire(upstream: str, events: list[Any]) -> bytes:
    if upstream == "converse":
        kinds = [str(event.get("kind")) if isinstance(event, dict) else "" for event in events]
        return b"".join(
            frame({":message-type": "event", ":event-type": kind[:99]}, json.dumps(event).encode())
            for kind, event in zip(kinds, events, strict=True)
        )
    end = b"data: [DONE]\n\n" if upstream == "chat" else b""
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events) + end


def check_chunks(told: Told) -> None:
    chunks = [chunk for _, chunk in told.events if chunk != "[DONE]"]
    ends = [c["index"] for chunk in chunks for c in chunk["choices"] if c.get("finish_reason")]
    assert len(ends) == len(set(ends)), "a choice finishes once"
    assert bool(ends) == told.tap.done == told.data.endswith(b"data: [DONE]\n\n")


def check_message(told: Told) -> None:
    try:
        message = Message(told.events)
    except json.JSONDecodeError:
        return  # arguments that are no JSON came so from the model
    assert message.ended == told.tap.done


PAIRS = [(caller, upstream) for caller in CALLERS for upstream in ANSWERS if caller != upstream]


@pytest.mark.parametrize(("caller", "upstream"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
@given(choice=st.data(), size=st.integers(1, 300))
def test_a_stream_is_told_whole_or_as_a_fault(caller, upstream, choice, size):
    data = wire(upstream, choice.draw(spoilt(ANSWERS[upstream])))
    means = translation(caller, upstream)
    kind = "application/vnd.amazon.eventstream" if upstream == "converse" else "text/event-stream"
    tap = means.tap(sent(means, {**ASKED[caller], "stream": True}), kind, show_usage=True)
    assert tap is not None
    said = [piece.data for at in range(0, len(data), size) for piece in tap.feed(data[at : at + size])]
    told = Told(tap, b"".join([*said, *(piece.data for piece in tap.close())]))
    assert tap.done is (tap.fault is None)
    (check_chunks if caller == "chat" else check_message)(told)


@given(choice=st.data())
def test_a_complete_answer_of_gemini_is_read_or_malformed(choice):
    body = json.dumps(choice.draw(spoilt(ANSWERS["gemini"]))).encode()
    means = translation("chat", "gemini")
    try:
        receipt = means.read_reply(sent(means, ASKED["chat"]), body, "application/json")
    except MalformedReply:
        return
    assert json.loads(receipt.body)["choices"]
