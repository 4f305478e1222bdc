"""Recorded answers of Gemini and Vertex, streamed and complete, read as a plain reading of their JSON finds them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.dialect.chat_event import Carrier, Finish
from llmgw_middleware.dialect.gemini import GeminiUpstream
from llmgw_middleware.dialect.gemini_errors import read_error
from llmgw_middleware.model.fault import FaultKind
from tests.conformance.recordings import Recording, recordings
from tests.dialect.chat_events import SCENE, calls_of, check_grammar, gathered, run, text_of, thoughts_of

GOOGLE = frozenset({"gemini", "vertex"})
UPSTREAM = GeminiUpstream()

OTHER = {
    "rerank": "reranking is no chat",
    "mbed": "embeddings have a test of their own",
    "ountTokens": "counting has a test of its own",
    "count_tokens": "counting has a test of its own",
    "fileSearchStores": "files are managed by the provider's own client",
    "/openai/": "the OpenAI-shaped interface is of that dialect",
}
"""Parts of a path or name whose recordings are of other operations, each with its reason."""

FINISHES = {
    "MAX_TOKENS": Finish.LENGTH,
    "MODEL_ARMOR": Finish.FILTERED,
    "SAFETY": Finish.FILTERED,
    "STOP": Finish.STOP,
}
KINDS = {
    "pydantic-ai/gemini__test_model_name_suggestions__test_model_name_suggestion_google___0.json": FaultKind.NO_MODEL,
    "pydantic-ai/gemini__test_embeddings__TestGoogle.test_count_tokens_error__0.json": FaultKind.NO_MODEL,
    "vercel-ai/gemini__google-429-retry-info.json": FaultKind.RATE_LIMITED,
}
"""What the recorded errors are; any other is the request's own fault."""


def is_google(row: dict[str, Any]) -> bool:
    where = (row["endpoint"] or "") + row["path"]
    gateway = row["provider"] == "pydantic-gateway" and "google" in where
    return (row["provider"] in GOOGLE or gateway) and not any(word in where for word in OTHER)


def is_stream(row: dict[str, Any]) -> bool:
    return is_google(row) and row["streaming"] and row["status"] == 200 and row["kind"] != "record/json"


def is_complete(row: dict[str, Any]) -> bool:
    return is_google(row) and row["status"] == 200 and not is_stream(row)


STREAMS = recordings(is_stream)
COMPLETE = recordings(is_complete)
ERRORS = recordings(lambda row: row["provider"] in GOOGLE and (row["status"] or 0) >= 400)


def answers_of(recording: Recording) -> list[dict[str, Any]]:
    if not recording.streaming or recording.body.lstrip()[:1] in b"[{":
        found = json.loads(recording.body)
        return found if isinstance(found, list) else [found]
    lines = recording.body.replace(b"\r\n", b"\n").split(b"\n")
    return [json.loads(line[5:]) for line in lines if line.startswith(b"data:")]


def plainly(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Read an answer line by line, with no verdicts."""
    candidates = [candidate for answer in answers for candidate in answer.get("candidates", ())]
    parts = [part for c in candidates for part in c.get("content", {}).get("parts", ())]
    usage = [
        answer["usageMetadata"] for answer in answers if "promptTokenCount" in answer.get("usageMetadata", {})
    ]
    return {
        "text": "".join(p["text"] for p in parts if "text" in p and not p.get("thought")),
        "thoughts": "".join(p["text"] for p in parts if "text" in p and p.get("thought")),
        "names": [p["functionCall"]["name"] for p in parts if p.get("functionCall", {}).get("name")],
        "finish": [c["finishReason"] for c in candidates if "finishReason" in c],
        "usage": usage[-1] if usage else None,
        "signatures": [p["thoughtSignature"] for p in parts if "thoughtSignature" in p],
    }


def check(reply: Any, answers: list[dict[str, Any]]) -> None:
    plain = plainly(answers)
    assert text_of(reply) == plain["text"]
    assert thoughts_of(reply) == plain["thoughts"]
    assert [name for name, _ in calls_of(reply)] == plain["names"]
    reason = plain["finish"][-1] if plain["finish"] else "SAFETY"
    wanted = Finish.TOOLS if plain["names"] and reason == "STOP" else FINISHES[reason]
    assert reply.choices[0].finish is wanted
    usage = plain["usage"]
    if usage is not None:
        assert reply.usage is not None
        thoughts = usage.get("thoughtsTokenCount", 0)
        assert reply.usage.output == usage.get("candidatesTokenCount", 0) + thoughts
        assert reply.usage.input == usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
        assert reply.usage.reasoning == thoughts


@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_says_what_it_said(recording):
    events = run(UPSTREAM.decoder(SCENE, "text/event-stream"), recording.body)
    check_grammar(events)
    check(gathered(events), answers_of(recording))


@pytest.mark.parametrize("recording", STREAMS)
def test_every_signature_of_a_stream_is_kept(recording):
    events = run(UPSTREAM.decoder(SCENE, "text/event-stream"), recording.body)
    kept = [event.data for event in events if isinstance(event, Carrier)]
    assert kept == plainly(answers_of(recording))["signatures"]


@pytest.mark.parametrize("recording", COMPLETE)
def test_a_recorded_answer_says_what_it_said(recording):
    check(UPSTREAM.read_reply(recording.body, SCENE), answers_of(recording))


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=6))
@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_is_the_same_however_it_is_split(recording, sizes):
    whole = run(UPSTREAM.decoder(SCENE, "text/event-stream"), recording.body)
    assert run(UPSTREAM.decoder(SCENE, "text/event-stream"), recording.body, sizes) == whole


@pytest.mark.parametrize("recording", ERRORS)
def test_a_recorded_error_is_of_its_kind(recording):
    fault = read_error(recording.status, recording.headers, recording.body, now=0.0)
    assert fault.kind is KINDS.get(recording.path, FaultKind.REFUSED)
    assert fault.message


def test_the_wait_that_an_error_names_is_found():
    (case,) = recordings(lambda row: row["path"].endswith("google-429-retry-info.json"))
    recording = case.values[0]
    if recording is None:
        pytest.skip("fixtures not found")
    assert read_error(429, (), recording.body, now=0.0).retry_after == pytest.approx(34.4)
