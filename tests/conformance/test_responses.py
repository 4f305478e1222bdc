"""Recorded answers of the Responses API, streamed and complete, read as a plain reading of them finds them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.dialect.chat_event import Failed, Finish, Finished
from llmgw_middleware.dialect.responses import ResponsesUpstream
from llmgw_middleware.dialect.responses_native import ResponsesTap
from tests.conformance.recordings import Recording, recordings
from tests.dialect.chat_events import SCENE, check_grammar, gathered, run, text_of

UPSTREAM = ResponsesUpstream()

OTHER = {
    "/compact": "compacting is an operation of its own",
    "/input_tokens": "counting is an operation of its own",
    "/responses/{id}": "a response that is kept is fetched, not asked for",
}
"""Parts of a path whose recordings are of other operations, each with its reason."""

ENDS = frozenset({"response.completed", "response.incomplete"})
FAULTY = {
    "vercel-ai/openai-responses__openai-error.1.chunks.txt": "the provider failed in mid-stream",
    "vercel-ai/openai-responses__openai-error.1.json": "the provider failed",
}


def is_response(row: dict[str, Any]) -> bool:
    where = row["endpoint"] or ""
    return "/responses" in where and not any(word in where for word in OTHER)


STREAMS = recordings(lambda row: is_response(row) and row["streaming"])
COMPLETE = recordings(
    lambda row: (
        is_response(row) and not row["streaming"] and row["status"] == 200 and row["path"] not in FAULTY
    )
)


def told(recording: Recording) -> list[dict[str, Any]]:
    lines = recording.body.replace(b"\r\n", b"\n").split(b"\n")
    events = [json.loads(line[5:]) for line in lines if line.startswith(b"data:") and b"[DONE]" not in line]
    ends = [place for place, one in enumerate(events) if one["type"] in ENDS]
    return events[: ends[0] + 1] if ends else events  # one file holds two responses


def plainly(items: list[dict[str, Any]]) -> dict[str, Any]:
    parts = [part for item in items if item["type"] == "message" for part in item.get("content", ())]
    calls = [item for item in items if item["type"] in {"function_call", "custom_tool_call"}]
    return {
        "text": "".join(part.get("text", "") for part in parts if part["type"] == "output_text"),
        "calls": calls,
    }


@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_says_what_it_said(recording):
    events = run(UPSTREAM.decoder(SCENE, "text/event-stream"), recording.body)
    check_grammar(events)
    last = events[-1]
    if recording.path in FAULTY:
        assert isinstance(last, Failed)
        return
    ends = [one for one in told(recording) if one["type"] in ENDS]
    end = ends[0] if ends else None
    if end is None:
        assert isinstance(last, Failed), "a stream without its end is not a success"
        return
    assert isinstance(last, Finished)
    deltas = "".join(one["delta"] for one in told(recording) if one["type"] == "response.output_text.delta")
    reply = gathered(events)
    assert text_of(reply) == deltas
    usage = end["response"].get("usage")
    if usage:
        assert reply.usage is not None
        assert (reply.usage.input, reply.usage.output) == (usage["input_tokens"], usage["output_tokens"])
    done = [one["item"] for one in told(recording) if one["type"] == "response.output_item.done"]
    check_calls(reply, plainly(done)["calls"])


def check_calls(reply: Any, calls: list[dict[str, Any]]) -> None:
    found = [part for part in reply.choices[0].parts if hasattr(part, "arguments")]
    assert [part.name for part in found] == [call["name"] for call in calls]
    for part, call in zip(found, calls, strict=True):
        assert part.arguments == call.get("arguments", call.get("input"))
        assert part.id == call["call_id"]
    assert (reply.choices[0].finish is Finish.TOOLS) == bool(calls)


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 900), min_size=1, max_size=6))
@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_is_the_same_however_it_is_split(recording, sizes):
    whole = run(UPSTREAM.decoder(SCENE, "text/event-stream"), recording.body)
    assert run(UPSTREAM.decoder(SCENE, "text/event-stream"), recording.body, sizes) == whole


@pytest.mark.parametrize("recording", COMPLETE)
def test_a_recorded_answer_says_what_it_said(recording):
    reply, answer = UPSTREAM.read_reply(recording.body, SCENE), json.loads(recording.body)
    plain = plainly(answer["output"])
    assert text_of(reply) == plain["text"]
    if answer["status"] == "completed":
        check_calls(reply, plain["calls"])
    if answer.get("usage"):
        assert reply.usage is not None
        assert reply.usage.input == answer["usage"]["input_tokens"]
        assert reply.usage.reasoning == answer["usage"]["output_tokens_details"]["reasoning_tokens"]


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 900), min_size=1, max_size=6))
@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_passes_through_unchanged_to_its_end(recording, sizes):
    tap, sent, at, turn = ResponsesTap(), b"", 0, 0
    while at < len(recording.body):
        size = sizes[turn % len(sizes)]
        sent += b"".join(piece.data for piece in tap.feed(recording.body[at : at + size]))
        at, turn = at + size, turn + 1
    sent += b"".join(piece.data for piece in tap.close())
    if recording.path in FAULTY:
        assert tap.fault is not None
        return
    ends = [one for one in told(recording) if one["type"] in ENDS]
    assert (tap.done, tap.fault is None) == (bool(ends), bool(ends))
    assert recording.body.startswith(sent.rstrip(b"\r\n"))
    if ends and ends[0]["response"].get("usage"):
        assert tap.usage is not None
        assert tap.usage.input == ends[0]["response"]["usage"]["input_tokens"]
