from __future__ import annotations

import json

import pytest

from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.errors import (
    AuthError,
    BadRequest,
    BodyTooLarge,
    Forbidden,
    GatewayError,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Unavailable,
    UnsupportedMediaType,
    UpstreamError,
    UpstreamTimeout,
)
from tests.dialect.events import tapped

CALLER = OpenAICaller()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadRequest("x"), "invalid_request_error"),
        (AuthError("x"), "authentication_error"),
        (AuthError("x", status=403), "permission_error"),
        (Forbidden("x"), "permission_error"),
        (NotFound("x"), "not_found_error"),
        (MethodNotAllowed("x", allow=("POST",)), "invalid_request_error"),
        (BodyTooLarge("x"), "invalid_request_error"),
        (UnsupportedMediaType("x"), "invalid_request_error"),
        (RateLimited("x"), "rate_limit_error"),
        (UpstreamError("x"), "api_error"),
        (UpstreamTimeout("x"), "api_error"),
        (Unavailable("x"), "server_error"),
        (GatewayError("x"), "server_error"),
    ],
    ids=lambda value: repr(value) if isinstance(value, GatewayError) else None,
)
def test_the_type_follows_from_the_status(error, kind):
    _, headers, body = CALLER.write_error(error, request_id="r-1")
    assert headers == ((b"content-type", b"application/json"),)
    assert json.loads(body) == {
        "error": {"message": "x", "type": kind, "param": None, "code": error.error_code}
    }


def test_a_shown_upstreams_own_type_is_kept():
    error = BadRequest("no", code="unsupported_value", param="temperature")
    error.fault_type = "BadRequestError"
    _, _, body = CALLER.write_error(error, request_id="r-1")
    assert json.loads(body)["error"] == {
        "message": "no",
        "type": "BadRequestError",
        "param": "temperature",
        "code": "unsupported_value",
    }


def test_an_error_in_a_stream_is_one_event_without_an_end():
    event = CALLER.write_stream_error(UpstreamError("cut\noff", code="upstream_stream_truncated"))
    assert event.startswith(b'data: {"error":{')
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2


def test_our_own_tap_reads_our_own_stream_error_as_a_failure():
    assert tapped(CALLER.write_stream_error(UpstreamError("cut off"))).fault == "upstream_error"


def test_models_are_listed_as_openai_lists_them():
    listing = json.loads(CALLER.write_models(["b", "a"], b""))
    assert listing["object"] == "list"
    assert [row["id"] for row in listing["data"]] == ["b", "a"]
    assert all(row["object"] == "model" and isinstance(row["created"], int) for row in listing["data"])


def test_no_models_are_an_empty_list():
    assert json.loads(CALLER.write_models([], b""))["data"] == []
