"""Recorded answers that are no streams: completions, embeddings and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.dialect.openai_reply import read_chat, read_embeddings
from llmgw_middleware.model.fault import FaultKind
from tests.conformance.recordings import recordings

OPENAI_SHAPED = frozenset(
    {
        "openai",
        "azure",
        "groq",
        "deepseek",
        "openrouter",
        "openai-compatible",
        "mistral",
        "cerebras",
        "ollama",
    }
    | {"huggingface", "zai"}
)

KINDS = {
    "envoy-ai-gateway/openai__cassettes__embeddings-unknown-model__0.json": FaultKind.NO_MODEL,
    "error-bodies-from-issues/azure_content_filter_400.json": FaultKind.CONTENT_FILTER,
    "error-bodies-from-issues/azure_content_filter_400_inner_error_variant.json": FaultKind.CONTENT_FILTER,
    "error-bodies-from-issues/openai_context_length_400.json": FaultKind.CONTEXT_LENGTH,
    "error-bodies-from-issues/vllm_context_length_400.json": FaultKind.CONTEXT_LENGTH,
    "pydantic-ai/openai__test_embeddings__TestOpenAI.test_embed_error__0.json": FaultKind.NO_MODEL,
    "pydantic-ai/openai__test_model_name_suggestions__test_inferred_model_name_suggestion__0.json": FaultKind.NO_MODEL,
    "pydantic-ai/openrouter__test_openrouter__test_openrouter_errors_raised__0.json": FaultKind.RATE_LIMITED,
}
"""What the recorded errors of OpenAI-shaped providers are; any other is the request's own fault."""


def is_error(row: dict[str, Any]) -> bool:
    return (row["status"] or 0) >= 400 and not row["streaming"]


def is_chat(row: dict[str, Any]) -> bool:
    ok = row["status"] == 200 and not row["streaming"] and row["kind"].endswith("json")
    return ok and (row["endpoint"] or "").endswith("/chat/completions")


def is_embedding(row: dict[str, Any]) -> bool:
    return row["status"] == 200 and (
        (row["endpoint"] or "") == "/v1/embeddings" or row["path"] == "agentgateway/openai__embeddings.json"
    )


@pytest.mark.parametrize("recording", recordings(lambda r: is_error(r) and r["provider"] in OPENAI_SHAPED))
def test_a_recorded_error_is_of_its_kind(recording):
    fault = read_error(recording.status, recording.headers, recording.body, now=0.0)
    assert fault.kind is KINDS.get(recording.path, FaultKind.REFUSED)


@pytest.mark.parametrize("recording", recordings(lambda r: is_error(r) and r["kind"] != "record/binary"))
def test_the_message_of_any_providers_error_is_found(recording):
    fault = read_error(recording.status, recording.headers, recording.body, now=0.0)
    answer = json.loads(recording.body)
    answer = answer[0] if isinstance(answer, list) else answer
    inner = answer.get("error", answer)
    assert fault.message == inner.get("message", inner.get("Message", ""))


@pytest.mark.parametrize("recording", recordings(lambda row: row["path"].endswith("openai-error.1.json")))
def test_a_used_up_quota_is_no_rate_limit(recording):
    assert read_error(429, (), recording.body, now=0.0).kind is FaultKind.QUOTA


@pytest.mark.parametrize(
    "recording", recordings(lambda row: row["path"].endswith("google-429-retry-info.json"))
)
def test_the_same_words_without_the_code_are_a_rate_limit(recording):
    assert read_error(429, (), recording.body, now=0.0).kind is FaultKind.RATE_LIMITED


@pytest.mark.parametrize("recording", recordings(is_chat))
def test_a_recorded_completion_is_read(recording):
    receipt, answer = read_chat(recording.body), json.loads(recording.body)
    assert (receipt.body, receipt.model) == (recording.body, answer["model"])
    if "usage" in answer:
        assert receipt.usage is not None
        assert receipt.usage.input == answer["usage"]["prompt_tokens"]
        assert receipt.usage.output == answer["usage"].get("completion_tokens", 0)


@pytest.mark.parametrize("recording", recordings(is_embedding))
def test_recorded_embeddings_are_read(recording):
    receipt, answer = read_embeddings(recording.body), json.loads(recording.body)
    assert receipt.model == answer["model"]
    assert receipt.usage is not None
    assert receipt.usage.input == answer["usage"]["prompt_tokens"]
