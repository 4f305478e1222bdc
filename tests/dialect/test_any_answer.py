"""Whatever JSON an upstream sends, a decoder tells events of its grammar or a failure, and never breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.dialect.chat_port import UpstreamChat
from llmgw_middleware.dialect.converse import ConverseUpstream
from llmgw_middleware.dialect.eventstream import frame
from llmgw_middleware.dialect.gemini import GeminiUpstream
from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.dialect.responses import ResponsesCaller, ResponsesUpstream
from llmgw_middleware.dialect.responses_native import ResponsesTap
from tests.dialect.chat_events import SCENE, check_grammar, run

NAMES = [
    "candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args", "partialArgs",
    "jsonPath", "stringValue", "willContinue", "finishReason", "usageMetadata", "promptTokenCount", "index", "error",
    "groundingMetadata", "groundingChunks", "groundingSupports", "segment", "startIndex", "groundingChunkIndices", "web", "uri",
    "promptFeedback", "blockReason", "output", "message", "toolUse", "toolUseId", "input", "reasoningContent", "reasoningText",
    "signature", "stopReason", "usage", "inputTokens", "cacheDetails", "contentBlockIndex", "delta", "start", "citation",
    "type", "item", "response", "id", "output_index", "arguments", "call_id", "summary", "annotation", "incomplete_details",
    "status", "logprobsResult", "chosenCandidates", "topCandidates",
]  # fmt: skip
WORDS = [
    "STOP", "SAFETY", "end_turn", "tool_use", "$.a[0].b", "function_call", "message", "reasoning", "response.completed",
    "response.output_item.added", "response.output_item.done", "response.output_text.delta", "incomplete", "a", "",
    "response.function_call_arguments.delta", "response.failed", "error", "url_citation",
]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
KINDS = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "new",
]
UPSTREAMS: dict[str, UpstreamChat] = {
    "gemini": GeminiUpstream(),
    "converse": ConverseUpstream(),
    "responses": ResponsesUpstream(),
}


def sse(answers: list[Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in answers)


def encoded(upstream: UpstreamChat, events: list[Any]) -> None:
    """Whatever was decoded can be told to a caller."""
    encoder = ResponsesCaller().encoder(SCENE)
    encoder.write(events)
    assert encoder.close()


@settings(max_examples=150, deadline=None)
@given(answers=st.lists(OBJECTS, max_size=4))
@pytest.mark.parametrize("name", ["gemini", "responses"])
def test_any_stream_of_json_is_told_by_the_grammar(name, answers):
    events = run(UPSTREAMS[name].decoder(SCENE, "text/event-stream"), sse(answers))
    check_grammar(events)
    encoded(UPSTREAMS[name], events)


@settings(max_examples=150, deadline=None)
@given(told=st.lists(st.tuples(st.sampled_from(KINDS), OBJECTS), max_size=5))
def test_any_event_stream_is_told_by_the_grammar(told):
    data = b"".join(frame({":event-type": kind}, json.dumps(payload).encode()) for kind, payload in told)
    events = run(UPSTREAMS["converse"].decoder(SCENE, ""), data, [40])
    check_grammar(events)
    encoded(UPSTREAMS["converse"], events)


@settings(max_examples=150, deadline=None)
@given(answer=VALUES)
@pytest.mark.parametrize("name", UPSTREAMS)
def test_any_complete_answer_is_read_or_malformed(name, answer):
    try:
        reply = UPSTREAMS[name].read_reply(json.dumps(answer).encode(), SCENE)
    except MalformedReply:
        return
    assert ResponsesCaller().write_reply(reply, SCENE)


@settings(max_examples=100, deadline=None)
@given(status=st.integers(300, 599), answer=VALUES, header=st.text(max_size=20))
@pytest.mark.parametrize("name", UPSTREAMS)
def test_any_error_is_of_some_kind(name, status, answer, header):
    headers = ((b"x-amzn-errortype", header.encode()),)
    assert UPSTREAMS[name].read_error(status, headers, json.dumps(answer).encode(), now=0.0).kind


@settings(max_examples=100, deadline=None)
@given(answers=st.lists(OBJECTS, max_size=4))
def test_any_stream_of_a_response_passes_through_or_fails(answers):
    tap = ResponsesTap()
    tap.feed(sse(answers))
    tap.close()
    assert tap.done != (tap.fault is not None)
