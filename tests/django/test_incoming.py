"""How a request's path, headers and body are read from Django's request."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import UnreadablePostError
from django.test import RequestFactory, override_settings

from llmgw_django.identity import UserReader
from llmgw_django.incoming import Incoming, hand_back, headers, raw_path
from llmgw_middleware import BadRequest, GatewayError, build_gateway
from llmgw_middleware.wsgi import Door

PATH = "/v1/chat/completions"


def wsgi(info: str = PATH, *, script: str = "", body: bytes = b"", **meta: Any) -> WSGIRequest:
    native = {
        "PATH_INFO": info,
        "SCRIPT_NAME": script,
        "wsgi.input": BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
    }
    base = RequestFactory().get("/").environ
    return WSGIRequest({**base, "REQUEST_METHOD": "POST", **native, **meta})


def asgi(path: str, *, root: str = "", raw: bytes | None = None, lines: Any = ()) -> ASGIRequest:
    scope = {"type": "http", "method": "POST", "path": path, "root_path": root, "headers": list(lines)}
    return ASGIRequest(scope if raw is None else {**scope, "raw_path": raw}, BytesIO())


def native(text: str) -> str:
    """Return text as WSGI servers pass it on."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(wsgi(), PATH, id="no raw path"),
        pytest.param(wsgi("/v1/a/b", RAW_URI="/v1/a%2Fb?q=1"), "/v1/a%2Fb", id="gunicorn"),
        pytest.param(wsgi("/v1/a b", REQUEST_URI="/v1/a%20b"), "/v1/a%20b", id="uWSGI"),
        pytest.param(wsgi("/v1/x", RAW_URI="http://host:1/v1/x?y"), "/v1/x", id="absolute form"),
        pytest.param(wsgi("/v1/x", script="/shop", RAW_URI="/shop/v1/x"), "/v1/x", id="below a mount"),
        pytest.param(
            wsgi("/v1/x", script=native("/é"), RAW_URI="/%C3%A9/v1/x"), "/v1/x", id="below an accent"
        ),
        pytest.param(wsgi("/other", RAW_URI="/v1/x"), "/other", id="rewritten on the way"),
        pytest.param(wsgi(native("/日本")), "/%E6%97%A5%E6%9C%AC", id="another script"),
        pytest.param(wsgi("/v1/\xff", RAW_URI="/v1/%ff"), "/v1/%ff", id="no UTF-8"),
        pytest.param(wsgi("", script="/shop", RAW_URI="/shop"), "/", id="the mount itself"),
        pytest.param(asgi(PATH), PATH, id="ASGI without raw path"),
        pytest.param(asgi("/v1/a/b", raw=b"/v1/a%2Fb"), "/v1/a%2Fb", id="ASGI"),
        pytest.param(asgi("/shop/v1/x", root="/shop", raw=b"/shop/v1/x"), "/v1/x", id="ASGI below a mount"),
        pytest.param(asgi("/v1/\ufffd", raw=b"/v1/%ff"), "/v1/%ff", id="ASGI, no UTF-8"),
        pytest.param(
            asgi("/日本", raw=b"/%E6%97%A5%E6%9C%AC"), "/%E6%97%A5%E6%9C%AC", id="ASGI, another script"
        ),
    ],
)
def test_the_path_is_the_callers_own_spelling_below_the_mount(request_, expected: str):
    assert raw_path(request_) == expected


def test_a_forced_script_name_is_taken_off():
    with override_settings(FORCE_SCRIPT_NAME="/shop"):
        assert raw_path(wsgi("/v1/x", RAW_URI="/shop/v1/x")) == "/v1/x"
        assert raw_path(wsgi("/v1/x", RAW_URI="/v1/x")) == "/v1/x"


def test_a_path_that_middleware_above_has_changed_counts():
    request = wsgi("/de/v1/x", RAW_URI="/de/v1/x")
    request.path_info = "/v1/x"
    assert raw_path(request) == "/v1/x"


def test_repeated_headers_stay_apart_under_asgi():
    request = asgi(PATH, lines=[(b"x-tag", b"a"), (b"X-Tag", b"b, c")])
    assert headers(request) == ((b"x-tag", b"a"), (b"x-tag", b"b, c"))


def test_headers_of_wsgi_have_their_names_back():
    found = dict(headers(wsgi(HTTP_X_TAG="a", CONTENT_TYPE="application/json")))
    assert found[b"x-tag"] == b"a"
    assert found[b"content-type"] == b"application/json"


def test_resolvers_see_lower_case_headers_and_the_request_itself():
    request = wsgi(HTTP_X_TAG="a", REMOTE_ADDR="192.0.2.1")
    host = call(request).host()
    assert host.headers["x-tag"] == "a"
    assert (host.client, host.native, host.path) == ("192.0.2.1", request, PATH)


def call(request: Any) -> Incoming:
    return Incoming(native=request, path=raw_path(request), headers=headers(request))


def door(limit: int = 100) -> Door:
    route = {"name": "r", "path": "/v1/*", "backend": "b"}
    backends = [{"name": "b", "url": "http://127.0.0.1:9/v1"}]
    gateway = build_gateway({"gateway": {"maxBodySize": limit}, "routes": [route], "backends": backends})
    return Door(gateway, builtin=UserReader(gateway))


def json_request(body: bytes, **meta: Any) -> WSGIRequest:
    return wsgi(body=body, CONTENT_TYPE="application/json", **meta)


def test_a_body_can_be_read_again_by_views():
    request = json_request(b'{"a": 1}')
    assert call(request).read(door()) == b'{"a": 1}'
    assert request.body == b'{"a": 1}'
    assert request.read() == b'{"a": 1}'


def test_a_body_that_was_read_above_is_taken_from_there():
    request = json_request(b'{"a": 1}')
    assert request.body
    assert call(request).read(door()) == b'{"a": 1}'


@pytest.mark.parametrize("announced", ["101", "", "5"])
def test_the_limit_holds_whatever_length_is_announced(announced: str):
    request = json_request(b"x" * 101, CONTENT_LENGTH=announced, **{"wsgi.input_terminated": True})
    if announced == "5":  # what lies beyond is the next request's
        assert call(request).read(door()) == b"x" * 5
        return
    with pytest.raises(GatewayError, match="100 bytes") as raised:
        call(request).read(door())
    assert raised.value.error_code == "body_too_large"


def test_a_body_of_just_the_limit_passes():
    assert len(call(json_request(b"x" * 100)).read(door())) == 100


def test_a_body_read_above_is_counted_too():
    request = json_request(b"x" * 101)
    assert request.body
    del request.META["CONTENT_LENGTH"]
    with pytest.raises(GatewayError, match="100 bytes"):
        call(request).read(door())


def test_a_body_that_breaks_off_is_said_to():
    with pytest.raises(BadRequest) as raised:
        call(json_request(b"half", CONTENT_LENGTH="50")).read(door())
    assert raised.value.error_code == "incomplete_body"


def test_a_connection_that_breaks_while_reading_is_said_to():
    request: Any = json_request(b"half")

    class Broken(BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise UnreadablePostError("reset")

    request._stream = Broken()
    with pytest.raises(BadRequest, match="broke off"):
        call(request).read(door())


def test_what_is_handed_back_is_what_django_itself_would_leave():
    by_django, by_us = json_request(b"abc"), json_request(b"abc")
    assert by_django.body == b"abc"
    hand_back(by_us, b"abc")
    assert by_us.body == by_django.body
    assert by_us.read() == by_django.read() == b"abc"
