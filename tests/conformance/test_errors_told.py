"""Every recorded error of every provider, as callers of both dialects are told it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgw_middleware.dialect.port import CallerDialect, Operation
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.dialect.registry import caller_dialect, conversation
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.policy.classify import error_for
from tests.conformance.recordings import Recording, recordings
from tests.dialect.talk import means_of

PROFILES = {"anthropic": "anthropic", "gemini": "gemini", "vertex": "gemini", "bedrock": "bedrock"}
ERRORS = recordings(lambda row: (row["status"] or 0) >= 400)
WORDS = {
    FaultKind.REFUSED: ((400, None), (400, "invalid_request_error")),
    FaultKind.CONTEXT_LENGTH: ((400, "context_length_exceeded"), (400, "invalid_request_error")),
    FaultKind.CONTENT_FILTER: ((400, "content_filter"), (400, "invalid_request_error")),
    FaultKind.NO_MODEL: ((404, "model_not_found"), (404, "not_found_error")),
    FaultKind.RATE_LIMITED: ((429, "rate_limit_exceeded"), (429, "rate_limit_error")),
    FaultKind.QUOTA: ((429, "insufficient_quota"), (402, "billing_error")),
    FaultKind.OVERLOADED: ((503, "overloaded"), (529, "overloaded_error")),
    FaultKind.UNAUTHORIZED: ((502, "upstream_auth_failed"), (502, "api_error")),
    FaultKind.FAILED: ((502, "upstream_error"), (502, "api_error")),
}
"""Status and code for OpenAI callers, status and type for Anthropic callers. None: the upstream's own code, if any."""

KINDS = {
    "error-bodies-from-issues/anthropic_429_headers.json": FaultKind.RATE_LIMITED,
    "error-bodies-from-issues/anthropic_529_overloaded.json": FaultKind.OVERLOADED,
    "error-bodies-from-issues/azure_content_filter_400.json": FaultKind.CONTENT_FILTER,
    "error-bodies-from-issues/azure_content_filter_400_inner_error_variant.json": FaultKind.CONTENT_FILTER,
    "error-bodies-from-issues/openai_context_length_400.json": FaultKind.CONTEXT_LENGTH,
    "error-bodies-from-issues/vllm_context_length_400.json": FaultKind.CONTEXT_LENGTH,
}
"""What some errors are, that their status alone does not say."""


def fault_of(recording: Recording) -> Fault:
    row = profile(PROFILES.get(recording.provider, "openai-compatible"))
    talk = conversation(Operation.CHAT, row, bare=False, means=means_of(row))
    assert talk is not None
    assert recording.status is not None
    return talk.read_error(recording.status, recording.headers, recording.body, now=0.0)


def told(caller: CallerDialect, fault: Fault) -> tuple[int, Any]:
    status, _, body = caller.write_error(error_for(fault), request_id="r-1")
    return status, json.loads(body)


@pytest.mark.parametrize("recording", ERRORS)
def test_an_error_is_told_in_openais_words(recording):
    fault = fault_of(recording)
    (wanted, code), _ = WORDS[KINDS.get(recording.path, fault.kind)]
    status, body = told(caller_dialect("/v1/chat/completions"), fault)
    assert status == wanted
    assert set(body) == {"error"}
    assert body["error"]["code"] == code or code is None
    assert body["error"]["message"]


@pytest.mark.parametrize("recording", ERRORS)
def test_an_error_is_told_in_anthropics_words(recording):
    fault = fault_of(recording)
    _, (wanted, kind) = WORDS[KINDS.get(recording.path, fault.kind)]
    status, body = told(caller_dialect("/v1/messages"), fault)
    assert (status, body["type"], body["error"]["type"]) == (wanted, "error", kind)
    assert body["request_id"] == "r-1"
    if fault.kind is FaultKind.CONTEXT_LENGTH:
        assert body["error"]["message"].startswith("prompt is too long")
