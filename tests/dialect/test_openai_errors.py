from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.openai_errors import MAX_MESSAGE, fault_in_stream, read_error
from llmgw_middleware.model.fault import Fault, FaultKind

K = FaultKind
HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"


def read(status: int, body: object = b"", *headers: tuple[bytes, bytes]) -> Fault:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_error(status, headers, raw, now=0.0)


def openai(message: str = "no", **fields: object) -> dict[str, object]:
    return {"error": {"message": message, "type": None, "param": None, "code": None, **fields}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, K.REDIRECT),
        (307, K.REDIRECT),
        (400, K.REFUSED),
        (401, K.UNAUTHORIZED),
        (402, K.QUOTA),
        (403, K.UNAUTHORIZED),
        (404, K.NO_MODEL),
        (405, K.REFUSED),
        (408, K.FAILED),
        (409, K.REFUSED),
        (413, K.REFUSED),
        (422, K.REFUSED),
        (424, K.FAILED),
        (429, K.RATE_LIMITED),
        (500, K.FAILED),
        (501, K.FAILED),
        (502, K.FAILED),
        (503, K.OVERLOADED),
        (504, K.FAILED),
        (520, K.FAILED),
        (529, K.OVERLOADED),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", HTML, b"\xff\xfe", b"[]", b"3"], ids=["empty", "html", "bytes", "list", "number"]
)
def test_a_status_is_enough(status, kind, body):
    fault = read(status, body)
    assert (fault.kind, fault.status, fault.message, fault.code) == (kind, status, "", None)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(404, openai(code="model_not_found"), K.NO_MODEL, id="model-not-found"),
        pytest.param(400, openai(code="model_not_found"), K.NO_MODEL, id="model-not-found-400"),
        pytest.param(429, openai(code="insufficient_quota"), K.QUOTA, id="quota-code"),
        pytest.param(429, openai(type="insufficient_quota"), K.QUOTA, id="quota-type"),
        pytest.param(429, openai(code="billing_hard_limit_reached"), K.QUOTA, id="billing"),
        pytest.param(429, openai(code="billing_not_active"), K.QUOTA, id="billing-not-active"),
        pytest.param(
            429, openai("You exceeded your current quota"), K.RATE_LIMITED, id="quota-in-words-only"
        ),
        pytest.param(429, openai(type="tokens", code="rate_limit_exceeded"), K.RATE_LIMITED, id="rate-limit"),
        pytest.param(400, openai(code="context_length_exceeded"), K.CONTEXT_LENGTH, id="context-code"),
        pytest.param(
            400, openai("prompt is too long: 9 tokens > 8"), K.CONTEXT_LENGTH, id="context-anthropic"
        ),
        pytest.param(
            400, openai("the request exceeds the available context size"), K.CONTEXT_LENGTH, id="llama"
        ),
        pytest.param(400, openai(type="exceed_context_size_error"), K.CONTEXT_LENGTH, id="llama-type"),
        pytest.param(
            413, openai("Please reduce the length of the messages"), K.CONTEXT_LENGTH, id="groq-413"
        ),
        pytest.param(422, {"detail": "Input is too long"}, K.CONTEXT_LENGTH, id="detail"),
        pytest.param(500, openai("maximum context length"), K.FAILED, id="a-failure-stays-one"),
        pytest.param(400, openai(code="content_filter"), K.CONTENT_FILTER, id="content-filter"),
        pytest.param(400, openai(code="content_policy_violation"), K.CONTENT_FILTER, id="content-policy"),
        pytest.param(401, openai(code="content_filter"), K.UNAUTHORIZED, id="status-first"),
        pytest.param(400, openai(code="unsupported_parameter", param="n"), K.REFUSED, id="refused"),
        pytest.param(503, openai(code="insufficient_quota"), K.OVERLOADED, id="503-is-overload"),
    ],
)
def test_words_refine_the_status(status, body, kind):
    assert read(status, body).kind is kind


@pytest.mark.parametrize("spelling", ["innererror", "inner_error"])
def test_azure_says_in_an_inner_error_that_it_filtered(spelling):
    body = {"error": {"message": "no", spelling: {"code": "ResponsibleAIPolicyViolation"}}}
    assert read(400, body).kind is K.CONTENT_FILTER


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(openai("boom"), "boom", id="openai"),
        pytest.param([openai("boom")], "boom", id="in-a-list"),
        pytest.param({"object": "error", "message": "boom", "code": 400}, "boom", id="old-vllm"),
        pytest.param({"error": "boom"}, "boom", id="error-as-text"),
        pytest.param({"error": "bad", "message": "boom"}, "boom", id="error-and-message"),
        pytest.param({"detail": "boom"}, "boom", id="fastapi"),
        pytest.param({"detail": [{"msg": "field required"}]}, "", id="fastapi-list"),
        pytest.param({"id": "1", "message": "boom"}, "boom", id="cohere"),
        pytest.param({"statusCode": 400, "message": "boom"}, "boom", id="azure-api-manager"),
        pytest.param({"error": {"message": {"a": 1}}}, "", id="message-no-text"),
        pytest.param({"error": None}, "", id="nothing"),
    ],
)
def test_the_message_is_found_in_every_shape(body, message):
    assert read(400, body).message == message


def test_code_type_and_param_are_the_upstreams_words():
    fault = read(
        400, openai("no", type="invalid_request_error", code="unsupported_value", param="messages[0].role")
    )
    assert (fault.code, fault.type, fault.param) == (
        "unsupported_value",
        "invalid_request_error",
        "messages[0].role",
    )


@pytest.mark.parametrize("code", [400, "400", 1.5, True, [], {}])
def test_a_code_that_is_no_word_is_left_out(code):
    assert read(400, openai(code=code)).code is None


def test_an_endless_message_is_cut():
    assert len(read(400, openai("x" * 9000)).message) == MAX_MESSAGE


def test_hints_are_read():
    assert read(429, openai(), (b"retry-after", b"16")).retry_after == 16.0


def test_a_success_with_an_error_object_is_judged_by_its_words():
    fault = read(200, openai(code=429), (b"retry-after", b"61"))
    assert (fault.kind, fault.status, fault.retry_after) == (K.RATE_LIMITED, 200, None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param({"code": 400, "message": "Token limit reached"}, K.REFUSED, id="number"),
        pytest.param({"code": "429", "message": "slow"}, K.RATE_LIMITED, id="digits"),
        pytest.param(
            {"code": 400, "message": "maximum context length is 8"}, K.CONTEXT_LENGTH, id="number-and-words"
        ),
        pytest.param({"code": 503, "status": "UNAVAILABLE"}, K.OVERLOADED, id="gemini"),
        pytest.param({"code": 200, "message": "?"}, K.FAILED, id="no-status-of-an-error"),
        pytest.param({"type": "server_error"}, K.FAILED, id="server-error"),
        pytest.param({"type": "internal_error"}, K.FAILED, id="internal-error"),
        pytest.param({"type": "overloaded_error"}, K.OVERLOADED, id="overloaded"),
        pytest.param({"type": "rate_limit_error"}, K.RATE_LIMITED, id="rate-limit"),
        pytest.param({"type": "tokens", "code": "rate_limit_exceeded"}, K.RATE_LIMITED, id="rate-limit-code"),
        pytest.param({"type": "insufficient_quota", "code": "insufficient_quota"}, K.QUOTA, id="quota"),
        pytest.param(
            {"type": "invalid_request_error", "code": "context_length_exceeded"}, K.CONTEXT_LENGTH, id="long"
        ),
        pytest.param(
            {"type": "invalid_request_error", "message": "prompt is too long"}, K.CONTEXT_LENGTH, id="words"
        ),
        pytest.param({"type": "invalid_request_error", "code": "model_not_found"}, K.NO_MODEL, id="no-model"),
        pytest.param({"type": "invalid_request_error", "code": "tool_use_failed"}, K.REFUSED, id="groq"),
        pytest.param({"type": "authentication_error"}, K.UNAUTHORIZED, id="key"),
        pytest.param({"code": "content_filter"}, K.CONTENT_FILTER, id="filter"),
        pytest.param({"message": "something else"}, K.FAILED, id="unknown"),
        pytest.param("upstream died", K.FAILED, id="text"),
        pytest.param("overloaded_error", K.OVERLOADED, id="a-word-as-text"),
    ],
)
def test_an_error_in_a_stream_is_judged_as_its_status_would_be(error, kind):
    fault = fault_in_stream(json.dumps({"error": error}).encode())
    assert (fault.kind, fault.status) == (kind, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "type", "status", "message", "innererror"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.integers(300, 599), JSON)
def test_any_json_is_read(status, body):
    assert read(status, body).status == status


@given(st.binary(max_size=60))
def test_any_bytes_are_read(body):
    assert isinstance(fault_in_stream(body).kind, FaultKind)
