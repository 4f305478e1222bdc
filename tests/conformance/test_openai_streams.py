"""Every recorded chat stream goes through the tap, and what comes out is what a plain reading finds."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from llmgw_middleware.dialect.openai_usage import read_usage
from llmgw_middleware.model.usage import Usage
from llmgw_middleware.testing.clock import seeded_rng
from tests.conformance.recordings import Recording, recordings
from tests.dialect.events import DONE, Seen, cut, tapped

FAULTS = {
    "error-bodies-from-issues/openai_stream_error_then_done.json": "upstream_error",
    "error-bodies-from-issues/azure_stream_first_chunk_empty_choices.json": "upstream_stream_truncated",
    "pydantic-ai/openrouter__test_openrouter__test_openrouter_stream_error__0.json": "invalid_request_error",
}
"""The streams that failed when they were recorded, or were quoted only in part."""

DROPPED = {"simonw-llm/openai__test_tools_streaming__test_tools_streaming_variant_c__0.json": 1}
"""How many events mean nothing by the book: here the first, whose ``data`` stands behind a space."""

NO_FINISH = "simonw-llm/openai__test_tools_streaming__test_tools_streaming_variant_b__0.json"
"""A server that ends its answer with ``[DONE]`` and never gives a reason."""

RESPONSES = "holds events of the Responses API, which is a dialect of its own"
GAPS = {
    "envoy-ai-gateway/openai__cassettes__completion-streaming-usage__0.json": "legacy completions are relayed as they are",
    "vercel-ai/azure__azure-image-generation-tool.1.chunks.txt": RESPONSES,
    "vercel-ai/azure__azure-text.1.chunks.txt": RESPONSES,
    "vercel-ai/azure__azure-tool-call.1.chunks.txt": RESPONSES,
    "vercel-ai/azure__openai-file-search-tool.1.chunks.txt": RESPONSES,
}
"""Streams at an endpoint like chat's that are not chat's, each with its reason."""


def is_chat(row: dict[str, Any]) -> bool:
    endpoint = row["endpoint"] or ""
    likely = "/completions" in endpoint or endpoint.endswith("|chat")
    return row["streaming"] and likely and row["path"] not in GAPS


STREAMS = recordings(is_chat)


@dataclass
class Reading:
    """A plain reading of a stream: line by line, no limits, no verdicts."""

    texts: dict[tuple[int, str], str] = field(default_factory=lambda: defaultdict(str))
    usage: Usage | None = None
    model: str | None = None
    chunks: int = 0
    bare_usage: int = 0

    def chunk(self, chunk: dict[str, Any]) -> None:
        self.chunks += 1
        self.model = self.model or chunk.get("model") or None
        self.usage = read_usage(chunk.get("usage")) or self.usage
        self.bare_usage += bool(chunk.get("usage")) and not chunk["choices"]
        for choice in chunk["choices"]:
            for name, said in (choice.get("delta") or {}).items():
                self.texts[choice["index"], name] += said if isinstance(said, str) else json.dumps(said or "")


def plainly(data: bytes) -> Reading:
    reading = Reading()
    for line in data.decode().replace("\r\n", "\n").split("\n"):
        if line.startswith("data: {"):
            found = json.loads(line[6:])
            if "error" not in found:
                reading.chunk(found)
    return reading


def without(reading: Reading, *names: str) -> dict[tuple[int, str], str]:
    return {key: text for key, text in reading.texts.items() if key[1] not in names and text.strip('"')}


def replay(recording: Recording, parts: list[bytes], *, show_usage: bool = False) -> Seen:
    return tapped(*parts, show_usage=show_usage, close=True)


@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_ends_as_it_did(recording):
    seen = replay(recording, [recording.body])
    fault = FAULTS.get(recording.path)
    assert (seen.fault, seen.tap.done, seen.tap.malformed) == (
        fault,
        fault is None,
        DROPPED.get(recording.path, 0),
    )


@pytest.mark.parametrize("recording", STREAMS)
def test_all_that_was_said_reaches_the_caller(recording):
    seen = replay(recording, [recording.body])
    if seen.fault is None:
        # An empty usage chunk repeats the role; nothing else may be missing.
        assert without(plainly(seen.data), "role") == without(plainly(recording.body), "role")
        assert seen.data.endswith(DONE)


@pytest.mark.parametrize("recording", STREAMS)
def test_usage_and_model_are_what_the_provider_reported(recording):
    seen, plain = replay(recording, [recording.body]), plainly(recording.body)
    assert seen.tap.model == plain.model
    if seen.fault is None:
        assert seen.tap.usage == plain.usage


@pytest.mark.parametrize("recording", STREAMS)
def test_a_caller_who_did_not_ask_sees_no_usage_chunk(recording):
    assert plainly(replay(recording, [recording.body]).data).bare_usage == 0


@pytest.mark.parametrize("recording", STREAMS)
def test_a_caller_who_asked_sees_every_event_as_it_was_sent(recording):
    seen = replay(recording, [recording.body], show_usage=True)
    if seen.fault is None and recording.path not in DROPPED:
        assert (
            seen.data.removesuffix(DONE).strip() == recording.body.strip().removesuffix(DONE.strip()).strip()
        )


@pytest.mark.parametrize("recording", STREAMS)
@pytest.mark.parametrize("seed", range(4))
def test_any_split_of_the_bytes_gives_the_same(recording, seed):
    rng = seeded_rng(seed)
    places = [rng.randrange(len(recording.body) + 1) for _ in range(rng.choice([1, 7, 60, 600]))]
    whole, parts = replay(recording, [recording.body]), replay(recording, cut(recording.body, places))
    assert (parts.data, parts.fault, parts.tap.usage) == (whole.data, whole.fault, whole.tap.usage)


@pytest.mark.parametrize("recording", recordings(lambda row: is_chat(row) and row["path"] not in FAULTS))
def test_a_stream_cut_before_its_finish_is_never_a_success(recording):
    end = recording.body.find(b"data: [DONE]" if recording.path == NO_FINISH else b'"finish_reason":"')
    assert end > 0
    rng = seeded_rng(len(recording.body))
    for place in (end, rng.randrange(end), rng.randrange(end)):
        seen = replay(recording, [recording.body[:place]])
        assert (seen.fault, DONE in seen.data) == ("upstream_stream_truncated", False)


@pytest.mark.parametrize(
    "recording", recordings(lambda row: "/detect__" in row["path"] and row["path"].endswith(".sse"))
)
def test_what_is_broken_on_purpose_is_a_fault_and_shown_to_nobody(recording):
    seen = replay(recording, [recording.body])
    assert seen.fault == "upstream_stream_truncated"
    assert b"json" not in seen.data


@pytest.mark.parametrize("recording", recordings(lambda row: row["path"] in GAPS))
def test_a_known_gap_is_still_one(recording):
    assert replay(recording, [recording.body]).content is False
