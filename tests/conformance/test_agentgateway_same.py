"""agentgateway's cases in which nothing is translated: what passes through is the same, and is read beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.dialect.port import Asked, MalformedReply, Operation, Outgoing
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.dialect.registry import conversation
from tests.dialect.talk import fields_of, means_of
from tests.fixtures import fixture_params, fixture_path

OPERATIONS = {
    "openai-chat-completions": (Operation.CHAT, "openai"),
    "anthropic-messages": (Operation.MESSAGES, "anthropic"),
    "anthropic-count-tokens": (Operation.COUNT_TOKENS, "anthropic"),
    "anthropic count_tokens": (Operation.COUNT_TOKENS, "anthropic"),
}
SAME = {
    ("anthropic-messages", "anthropic-messages"),
    ("openai-chat-completions", "openai-chat-completions"),
    ("anthropic-messages", "detect (passthrough, unknown format)"),
    ("openai-chat-completions", "detect (passthrough, unknown format)"),
    ("anthropic-count-tokens", "anthropic-messages"),
    ("anthropic count_tokens", "anthropic count_tokens"),
}
BROKEN = {
    "detect__broken-sse__completions-detect": "no answer of a chat, broken on purpose",
    "detect__non-json__completions-detect": "no JSON, broken on purpose",
    "detect__broken-sse__completions-detect-streaming": "no stream of a chat, broken on purpose",
    "detect__non-json__completions-detect-streaming": "no stream at all, broken on purpose",
}
"""Cases whose input is no answer of the dialect: they end as a malformed answer, and must not crash a reader."""


def cases(kind: str) -> list[Any]:
    def of(folder: Path) -> Iterator[tuple[str, Any]]:
        for row in json.loads((folder / "llm-index.json").read_bytes())[kind]:
            if (row["input_format"], row["output_format"]) in SAME:
                yield row["id"], json.loads((folder / kind / f"{row['id']}.json").read_bytes())

    return fixture_params("agentgateway", of)


def talk_of(case: dict[str, Any]) -> Any:
    operation, provider = OPERATIONS[case["input_format"]]
    row = profile(provider)
    return conversation(operation, row, bare=False, means=means_of(row))


NOTHING = Outgoing(path="", headers=(), body=b"")


@pytest.mark.parametrize("case", cases("llm-requests"))
def test_a_request_passes_through(case):
    outgoing = talk_of(case).outgoing(
        Asked(fields=fields_of(case["input"]), raw=b"", model=case["input"]["model"])
    )
    assert json.loads(outgoing.body) == case["input"]


@pytest.mark.parametrize("case", cases("llm-responses"))
def test_an_answer_passes_through_and_is_read(case):
    body = json.dumps(case["input"]).encode()
    if case["id"] in BROKEN:
        with pytest.raises(MalformedReply):
            talk_of(case).read_reply(NOTHING, body, "application/json")
        return
    receipt = talk_of(case).read_reply(NOTHING, body, "application/json")
    assert receipt.body == body
    if "output_tokens" in (case.get("expected_parsed") or {}):
        assert receipt.usage.output == case["expected_parsed"]["output_tokens"]


@pytest.mark.parametrize("case", cases("llm-streams"))
def test_a_stream_passes_through_and_is_read(case):
    data = (fixture_path("agentgateway/llm-streams") / case["input_file"]).read_bytes()
    tap = talk_of(case).tap(NOTHING, "text/event-stream", show_usage=True)
    out = b"".join(piece.data for piece in [*tap.feed(data), *tap.close()])
    if case["id"] in BROKEN:
        assert tap.fault is not None
        return
    assert tap.fault is None
    assert data.startswith(out.rstrip())
    assert b"data:" not in data[len(out) :], "but for what follows the end, everything is forwarded"
    assert tap.usage.output == case["expected_parsed"]["output_tokens"]
