"""How the gateway speaks to callers of Anthropic's API, and reads what Anthropic says of failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgw_middleware.dialect.anthropic_caller import AnthropicCaller
from llmgw_middleware.dialect.anthropic_errors import fault_in_stream, read_error
from llmgw_middleware.errors import (
    AuthError,
    BadRequest,
    BodyTooLarge,
    NotFound,
    RateLimited,
    Unavailable,
    UpstreamError,
)
from llmgw_middleware.model.fault import FaultKind

CALLER = AnthropicCaller()


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadRequest("x"), 400, "invalid_request_error"),
        (AuthError("x"), 401, "authentication_error"),
        (AuthError("x", status=403), 403, "permission_error"),
        (NotFound("x"), 404, "not_found_error"),
        (BodyTooLarge("x"), 413, "request_too_large"),
        (RateLimited("x"), 429, "rate_limit_error"),
        (RateLimited("x", code="insufficient_quota"), 402, "billing_error"),
        (Unavailable("x", code="overloaded"), 529, "overloaded_error"),
        (Unavailable("x"), 503, "api_error"),
        (UpstreamError("x"), 502, "api_error"),
    ],
)
def test_errors_have_anthropics_shape(error, status, kind):
    told, headers, body = CALLER.write_error(error, request_id="r-1")
    found = json.loads(body)
    assert (told, headers) == (status, ((b"content-type", b"application/json"),))
    assert (found["type"], found["error"]["type"], found["request_id"]) == ("error", kind, "r-1")
    assert found["error"]["code"] == error.error_code


def test_an_error_in_a_stream_is_an_event_of_that_name():
    data = CALLER.write_stream_error(UpstreamError("boom"))
    head, _, body = data.partition(b"\ndata: ")
    assert (head, json.loads(body)["error"]["message"]) == (b"event: error", "boom")


def listed(*names: str, query: bytes = b"") -> Any:
    return json.loads(CALLER.write_models(names, query))


def test_models_are_listed_with_their_ends():
    found = listed("a", "b")
    assert [(row["type"], row["id"]) for row in found["data"]] == [("model", "a"), ("model", "b")]
    assert (found["has_more"], found["first_id"], found["last_id"]) == (False, "a", "b")


@pytest.mark.parametrize(
    ("query", "names", "more"),
    [
        (b"limit=2", ["a", "b"], True),
        (b"limit=2&after_id=b", ["c", "d"], False),
        (b"limit=2&before_id=d", ["b", "c"], True),
        (b"after_id=nobody", ["a", "b", "c", "d"], False),
        (b"limit=0", ["a"], True),
        (b"limit=many", ["a", "b", "c", "d"], False),
    ],
)
def test_models_are_listed_by_pages(query, names, more):
    found = listed("a", "b", "c", "d", query=query)
    assert ([row["id"] for row in found["data"]], found["has_more"]) == (names, more)


def test_no_models_are_a_list_without_ends():
    assert listed() == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def anthropic_error(kind: str, message: str = "x") -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, anthropic_error("invalid_request_error"), FaultKind.REFUSED),
        (
            400,
            anthropic_error("invalid_request_error", "prompt is too long: 1 > 0"),
            FaultKind.CONTEXT_LENGTH,
        ),
        (400, anthropic_error("invalid_request_error", "Your credit balance is too low"), FaultKind.QUOTA),
        (
            400,
            anthropic_error("invalid_request_error", "Output blocked by content filtering policy"),
            FaultKind.CONTENT_FILTER,
        ),
        (401, anthropic_error("authentication_error"), FaultKind.UNAUTHORIZED),
        (402, anthropic_error("billing_error"), FaultKind.QUOTA),
        (403, anthropic_error("permission_error"), FaultKind.UNAUTHORIZED),
        (404, anthropic_error("not_found_error"), FaultKind.NO_MODEL),
        (413, anthropic_error("request_too_large"), FaultKind.REFUSED),
        (429, anthropic_error("rate_limit_error"), FaultKind.RATE_LIMITED),
        (500, anthropic_error("api_error"), FaultKind.FAILED),
        (500, anthropic_error("overloaded_error"), FaultKind.OVERLOADED),
        (529, b"<html>", FaultKind.OVERLOADED),
        (302, b"", FaultKind.REDIRECT),
        (200, anthropic_error("overloaded_error"), FaultKind.OVERLOADED),
    ],
)
def test_errors_of_anthropic_are_of_their_kind(status, body, kind):
    assert read_error(status, (), body, now=0.0).kind is kind


def test_the_wait_is_read_from_the_limit_that_is_used_up():
    headers = (
        (b"anthropic-ratelimit-tokens-remaining", b"0"),
        (b"anthropic-ratelimit-tokens-reset", b"1970-01-01T00:00:09Z"),
    )
    assert read_error(429, headers, anthropic_error("rate_limit_error"), now=0.0).retry_after == 9.0
    assert (
        read_error(200, ((b"retry-after", b"9"),), anthropic_error("api_error"), now=0.0).retry_after is None
    )


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": 5}', b'{"error": "plain"}', b"\xff"])
def test_what_is_no_error_of_the_dialect_has_no_words_of_a_page(body):
    assert "<" not in read_error(500, (), body, now=0.0).message


def test_an_error_event_is_of_its_kind():
    assert fault_in_stream(anthropic_error("rate_limit_error")).kind is FaultKind.RATE_LIMITED
