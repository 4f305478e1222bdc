"""Plain ASGI under uvicorn: real sockets on both sides."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount

from llmgw_middleware.asgi import LLMGatewayMiddleware
from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.streams import sse, stream
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e.gateways import STREAMED, WHOLE, events_on_demand, gateway_to, host
from tests.e2e.servers import RawCaller, serve_asgi


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(params=["httptools", "h11"])
def port(request, upstream) -> Iterator[int]:
    door = LLMGatewayMiddleware(host, gateway=gateway_to(upstream.url, maxBodySize="100KB"))
    with serve_asgi(door, http=request.param) as port:
        yield port


@pytest.fixture
def caller(port) -> Iterator[RawCaller]:
    with RawCaller(port) as caller:
        yield caller


def code_of(answer):
    return json.loads(answer.body)["error"]["code"]


class TestStreaming:
    def test_events_arrive_one_by_one(self, upstream, caller):
        upstream.script(events_on_demand(10))
        caller.send_request(body=STREAMED)
        for number in range(10):
            caller.read_until(b"token %d" % number)
            upstream.release(f"event {number + 1}")  # sent only after the one before it has arrived
        assert b"[DONE]" in caller.read_until(b"0\r\n\r\n")

    def test_a_stream_says_that_nobody_may_hold_it_back(self, upstream, caller):
        upstream.script(stream("hello"))
        answer = caller.ask(body=STREAMED)
        assert answer.headers["cache-control"] == "no-cache, no-transform"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.complete

    def test_the_connection_serves_the_next_request_after_a_stream(self, upstream, caller):
        upstream.script(stream("hello"), chat("again"))
        caller.ask(body=STREAMED)
        assert b"again" in caller.ask(body=WHOLE).body


class TestLeaving:
    """The upstream sees its connection closed within a second."""

    def left_within_a_second(self, upstream, caller):
        at = time.monotonic()
        caller.close()
        return upstream.wait_left(0) - at < 1.0

    def test_mid_stream(self, upstream, caller):
        upstream.script(events_on_demand(3))
        caller.send_request(body=STREAMED)
        caller.read_until(b"token 0")
        upstream.release("event 1")
        caller.read_until(b"token 1")
        assert self.left_within_a_second(upstream, caller)

    def test_in_silence_after_the_first_event(self, upstream, caller):
        upstream.script(stream("hello", "world", stall_after=1))
        caller.send_request(body=STREAMED)
        caller.read_until(b"hello")
        assert self.left_within_a_second(upstream, caller)

    def test_before_the_upstreams_headers(self, upstream, caller):
        upstream.script(raw(Silence()))
        caller.send_request(body=STREAMED)
        upstream.wait_request()
        assert self.left_within_a_second(upstream, caller)

    def test_before_the_first_content(self, upstream, caller):
        upstream.script(stream("hello", stall_after=0))
        caller.send_request(body=STREAMED)
        upstream.wait_request()
        assert self.left_within_a_second(upstream, caller)

    def test_amid_an_answer_that_is_no_stream(self, upstream, caller):
        half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
        upstream.script(raw(half, Silence()))
        caller.send_request(body=WHOLE)
        upstream.wait_request()
        assert self.left_within_a_second(upstream, caller)

    def test_the_next_caller_is_served(self, upstream, port):
        upstream.script(stream("hello", stall_after=1), chat("still here"))
        with RawCaller(port) as first:
            first.send_request(body=STREAMED)
            first.read_until(b"hello")
        upstream.wait_left(0)
        with RawCaller(port) as second:
            assert b"still here" in second.ask(body=WHOLE).body


class TestBackPressure:
    def test_a_caller_who_reads_nothing_stops_the_upstream(self, upstream, port):
        events = 1000
        upstream.script(
            sse([{"choices": [{"index": 0, "delta": {"content": "x" * 65536}}]}] * events, done=False)
        )
        with RawCaller(port) as caller:
            caller.send_request(body=STREAMED)
            upstream.wait_stalled()
            assert upstream.bytes_sent < events * 65536 / 2


class TestRefusals:
    """Each leaves the connection usable."""

    REFUSALS = (
        pytest.param({"body": b"x" * 100_001}, 413, "body_too_large", id="too-large"),
        pytest.param(
            {
                "headers": {"transfer-encoding": "chunked"},
                "body": b"186a1\r\n" + b"x" * 100_001 + b"\r\n0\r\n\r\n",
            },
            413,
            "body_too_large",
            id="too-large-chunked",
        ),
        pytest.param(
            {"headers": {"content-type": "text/plain"}, "body": WHOLE},
            415,
            "unsupported_media_type",
            id="type",
        ),
        pytest.param({"body": b"{not json"}, 400, "invalid_json", id="json"),
        pytest.param({"path": "/v1/../chat/completions", "body": WHOLE}, 400, "bad_path", id="path"),
        pytest.param({"path": "/v1/nothing/here", "body": WHOLE}, 404, "no_route", id="no-route"),
    )

    @pytest.mark.parametrize(("request_", "status", "code"), REFUSALS)
    def test_a_refusal_says_why_and_the_next_request_is_answered(
        self, upstream, caller, request_, status, code
    ):
        refused = caller.ask(**request_)
        assert (refused.status, code_of(refused)) == (status, code)
        assert "x-request-id" in refused.headers
        upstream.script(chat("welcome"))
        assert b"welcome" in caller.ask(body=WHOLE).body
        assert len(upstream.requests) == 1

    def test_the_request_id_of_the_caller_is_kept(self, caller):
        refused = caller.ask(headers={"content-type": "text/plain", "x-request-id": "mine-1"}, body=WHOLE)
        assert refused.headers["x-request-id"] == "mine-1"


class TestOtherPaths:
    @pytest.mark.parametrize(
        "options",
        [
            {"method": "POST", "path": "/shop?a=%20b", "body": b"\x00any bytes"},
            {"method": "GET", "path": "/v2/models"},
            {"method": "OPTIONS", "path": "/v1/chat/completions"},
        ],
        ids=["body", "get", "preflight"],
    )
    def test_they_are_answered_as_if_we_were_not_there(self, upstream, port, options):
        with serve_asgi(host) as plain, RawCaller(port) as ours, RawCaller(plain) as theirs:
            ours_said, theirs_said = (
                caller.ask(**options, headers={"host": "shop.example"}) for caller in (ours, theirs)
            )
        ignored = {"date"}
        assert ours_said.body == theirs_said.body
        assert {k: v for k, v in ours_said.headers.items() if k not in ignored} == {
            k: v for k, v in theirs_said.headers.items() if k not in ignored
        }
        assert upstream.requests == []

    def test_a_request_that_no_rule_wants_reaches_the_application_whole(self, upstream):
        door = LLMGatewayMiddleware(host, gateway=gateway_to(upstream.url, onNoRoute="pass"))
        with serve_asgi(door) as port, RawCaller(port) as caller:
            told = caller.ask(path="/v1/other", body=b"x" * 5000).body
        assert told == b"host POST /v1/other " + b"x" * 5000


def test_host_credentials_stay_here_and_the_upstreams_cookies_there(upstream, caller):
    upstream.script(chat("hello", headers={"set-cookie": "upstream=1", "server": "them"}))
    answer = caller.ask(
        headers={"cookie": "session=secret", "authorization": "Bearer host-token"}, body=WHOLE
    )
    sent = upstream.requests[0]
    assert "secret" not in str(sent.headers)
    assert "host-token" not in str(sent.headers)
    assert "set-cookie" not in answer.headers


async def through(request, call_next):
    return await call_next(request)


@pytest.mark.parametrize(
    "script", [raw(Silence()), stream("hello", stall_after=1)], ids=["before-the-answer", "in-silence"]
)
def test_who_leaves_below_a_base_http_middleware_stops_the_upstream_and_logs_no_error(
    upstream, caplog, script
):
    app = Starlette()
    app.add_middleware(LLMGatewayMiddleware, gateway=gateway_to(upstream.url))
    app.add_middleware(BaseHTTPMiddleware, dispatch=through)
    upstream.script(script)
    with serve_asgi(app, lifespan="on", log_config=None) as port, RawCaller(port) as caller:
        caller.send_request(body=STREAMED)
        upstream.wait_request()
        if script.actions != (Silence(),):
            caller.read_until(b"hello")
        at = time.monotonic()
        caller.close()
        assert upstream.wait_left(0) - at < 1.0
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_gateway_mounted_below_a_path_answers_there(upstream):
    gateway = gateway_to(upstream.url)

    @asynccontextmanager
    async def lifespan(_):
        yield  # a mounted application hears of no lifespan: who mounts it closes the gateway
        await gateway.aclose()

    app = Starlette(routes=[Mount("/ai", app=LLMGatewayMiddleware(host, gateway=gateway))], lifespan=lifespan)
    upstream.script(chat("hello"))
    with serve_asgi(app, lifespan="on") as port, RawCaller(port) as caller:
        assert b"hello" in caller.ask(path="/ai/v1/chat/completions", body=WHOLE).body
        assert caller.ask(path="/v1/chat/completions", body=WHOLE).status == 404
