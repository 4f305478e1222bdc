"""Recorded answers of Bedrock's Converse, streamed and complete, read as a plain reading of them finds them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.dialect.chat_event import Carrier, Finish
from llmgw_middleware.dialect.converse import ConverseUpstream
from llmgw_middleware.dialect.converse_errors import read_error
from llmgw_middleware.dialect.eventstream import Frames, frame
from llmgw_middleware.model.fault import FaultKind
from tests.conformance.recordings import Recording, recordings
from tests.dialect.chat_events import SCENE, calls_of, check_grammar, gathered, run, text_of, thoughts_of

UPSTREAM = ConverseUpstream()
AWS = "application/vnd.amazon.eventstream"

OTHER = {
    "embeddings": "embeddings have a test of their own",
    "rerank": "reranking is no chat",
    "/invoke": "the models' own bodies are no Converse",
    "bedrock-invoke": "the models' own streams are no Converse",
    "count-tokens": "counting has a test of its own",
}
"""Parts of a path or name whose recordings are of other operations, each with its reason."""

FINISHES = {"end_turn": Finish.STOP, "max_tokens": Finish.LENGTH, "tool_use": Finish.TOOLS}
KINDS = {
    "pydantic-ai/bedrock__test_model_name_suggestions__test_model_name_suggestion_bedrock___0.json": FaultKind.NO_MODEL,
}
"""What the recorded errors are; any other is the request's own fault."""


def is_converse(row: dict[str, Any]) -> bool:
    where = (row["endpoint"] or "") + row["path"]
    return row["provider"] == "bedrock" and not any(word in where for word in OTHER)


STREAMS = recordings(lambda row: is_converse(row) and row["streaming"])
COMPLETE = recordings(lambda row: is_converse(row) and not row["streaming"] and row["status"] == 200)
ERRORS = recordings(lambda row: row["provider"] == "bedrock" and (row["status"] or 0) >= 400)


def frames_of(recording: Recording) -> bytes:
    """The stream's bytes. Events that were recorded as lines of JSON are framed."""
    if not recording.body.startswith(b"data:"):
        return recording.body
    out = b""
    for line in recording.body.split(b"\n"):
        if line.startswith(b"data:"):
            ((kind, payload),) = json.loads(line[5:]).items()
            out += frame({":event-type": kind, ":message-type": "event"}, json.dumps(payload).encode())
    return out


def plainly(data: bytes) -> dict[str, Any]:
    """Read a stream frame by frame, with no verdicts."""
    told = [(message.kind, json.loads(message.payload)) for message in Frames().feed(data)]
    deltas = [payload["delta"] for kind, payload in told if kind == "contentBlockDelta"]
    starts = [payload["start"]["toolUse"] for kind, payload in told if "toolUse" in payload.get("start", {})]
    usage = [payload["usage"] for kind, payload in told if "usage" in payload]
    inputs = "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)
    return {
        "text": "".join(delta.get("text", "") for delta in deltas),
        "thoughts": "".join(delta.get("reasoningContent", {}).get("text", "") for delta in deltas),
        "signatures": [
            d["reasoningContent"]["signature"]
            for d in deltas
            if d.get("reasoningContent", {}).get("signature")
        ],
        "names": [call["name"] for call in starts],
        "inputs": inputs,
        "reason": next(payload["stopReason"] for kind, payload in told if kind == "messageStop"),
        "usage": usage[-1] if usage else None,
    }


@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_says_what_it_said(recording):
    data = frames_of(recording)
    events = run(UPSTREAM.decoder(SCENE, AWS), data)
    check_grammar(events)
    reply, plain = gathered(events), plainly(data)
    assert (text_of(reply), thoughts_of(reply)) == (plain["text"], plain["thoughts"])
    assert [name for name, _ in calls_of(reply)] == plain["names"]
    assert [event.data for event in events if isinstance(event, Carrier)] == plain["signatures"]
    assert reply.choices[0].finish is FINISHES[plain["reason"]]
    assert (reply.usage is None) == (plain["usage"] is None)
    if reply.usage is not None:
        usage = plain["usage"]
        assert (reply.usage.input, reply.usage.output) == (usage["inputTokens"], usage["outputTokens"])


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=6))
@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_is_the_same_however_it_is_split(recording, sizes):
    data = frames_of(recording)
    assert run(UPSTREAM.decoder(SCENE, AWS), data, sizes) == run(UPSTREAM.decoder(SCENE, AWS), data)


@pytest.mark.parametrize("recording", COMPLETE)
def test_a_recorded_answer_says_what_it_said(recording):
    reply, answer = UPSTREAM.read_reply(recording.body, SCENE), json.loads(recording.body)
    blocks = answer["output"]["message"]["content"]
    assert text_of(reply) == "".join(block.get("text", "") for block in blocks)
    wanted = [(b["toolUse"]["name"], b["toolUse"].get("input") or {}) for b in blocks if "toolUse" in b]
    assert calls_of(reply) == wanted
    assert reply.choices[0].finish is FINISHES[answer["stopReason"]]
    usage = answer["usage"]
    cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output) == (usage["inputTokens"] + cached, usage["outputTokens"])


@pytest.mark.parametrize("recording", ERRORS)
def test_a_recorded_error_is_of_its_kind(recording):
    fault = read_error(recording.status, recording.headers, recording.body, now=0.0)
    assert fault.kind is KINDS.get(recording.path, FaultKind.REFUSED)
    assert fault.message
