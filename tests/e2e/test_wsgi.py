"""Plain WSGI: gunicorn's threads, where the caller's socket can be looked at, and wsgiref, where it cannot."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.streams import sse, stream
from llmgw_middleware.testing.upstream import ScriptedUpstream
from llmgw_middleware.wsgi import LLMGatewayWSGI
from tests.e2e.gateways import STREAMED, WHOLE, config_for, events_on_demand, gateway_to
from tests.e2e.servers import Process, RawCaller, serve_gunicorn, serve_wsgiref


def host(environ, start_response):
    """The application behind the door: it tells of the request as it came."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    told = f"host {environ['REQUEST_METHOD']} {environ['PATH_INFO']} ".encode() + body
    start_response("200 OK", [("content-type", "text/plain"), ("content-length", str(len(told)))])
    return [told]


def served():
    """Return what gunicorn serves, in its process."""
    return LLMGatewayWSGI(host, config=config_for(os.environ["UPSTREAM"], maxBodySize="100KB"))


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def gunicorn(request, upstream) -> Iterator[Process]:
    """One process whose application was loaded after the fork, or before it where a test asks for ``--preload``."""
    options = getattr(request, "param", ())
    with serve_gunicorn(
        "tests.e2e.test_wsgi:served()", {"UPSTREAM": upstream.url}, options=options
    ) as running:
        yield running


loaded_before_and_after_the_fork = pytest.mark.parametrize(
    "gunicorn", [(), ("--preload",)], ids=["fork", "preload"], indirect=True
)


@pytest.fixture
def caller(gunicorn) -> Iterator[RawCaller]:
    with RawCaller(gunicorn.port) as caller:
        yield caller


class TestGunicorn:
    @loaded_before_and_after_the_fork
    def test_events_arrive_one_by_one(self, upstream, caller):
        upstream.script(events_on_demand(10))
        caller.send_request(body=STREAMED)
        for number in range(10):
            caller.read_until(b"token %d" % number)
            upstream.release(f"event {number + 1}")  # sent only after the one before it has arrived
        assert b"[DONE]" in caller.read_until(b"0\r\n\r\n")

    def test_refusals_leave_the_connection_usable(self, upstream, caller):
        upstream.default(chat("welcome"))
        refusals: dict[int, Any] = {
            413: {"body": b"x" * 100_001},
            415: {"headers": {"content-type": "text/plain"}, "body": WHOLE},
            400: {"body": b"{not json"},
            404: {"path": "/v1/nothing", "body": WHOLE},
        }
        for status, request in refusals.items():
            assert caller.ask(**request).status == status
            assert b"welcome" in caller.ask(body=WHOLE).body

    def test_a_chunked_body_is_read(self, upstream, caller):
        upstream.script(chat("hello"))
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(WHOLE), WHOLE)
        assert b"hello" in caller.ask(headers={"transfer-encoding": "chunked"}, body=body).body

    def test_other_paths_are_the_applications(self, upstream, caller):
        assert caller.ask("POST", "/shop", body=b"bytes").body == b"host POST /shop bytes"


def left_within_a_second(upstream, caller) -> bool:
    at = time.monotonic()
    caller.close()
    return bool(upstream.wait_left(0) - at < 1.0)


class TestLeavingGunicorn:
    def test_mid_stream(self, upstream, caller):
        upstream.script(sse([{"choices": [{"index": 0, "delta": {"content": "x"}}]}] * 2000, gap=0.01))
        caller.send_request(body=STREAMED)
        caller.read_until(b'"x"')
        assert left_within_a_second(upstream, caller)

    @loaded_before_and_after_the_fork
    def test_in_silence(self, upstream, caller):
        upstream.script(stream("hello", stall_after=1))
        caller.send_request(body=STREAMED)
        caller.read_until(b"hello")
        assert left_within_a_second(upstream, caller)

    @pytest.mark.parametrize("body", [STREAMED, WHOLE], ids=["stream", "whole"])
    def test_before_the_upstreams_headers(self, upstream, caller, body):
        upstream.script(raw(Silence()))
        caller.send_request(body=body)
        upstream.wait_request()
        assert left_within_a_second(upstream, caller)

    def test_a_caller_who_reads_nothing_stops_the_upstream(self, upstream, caller):
        upstream.script(
            sse([{"choices": [{"index": 0, "delta": {"content": "x" * 65536}}]}] * 1000, done=False)
        )
        caller.send_request(body=STREAMED)
        upstream.wait_stalled()
        assert upstream.bytes_sent < 1000 * 65536 / 2


def test_gunicorn_ends_within_its_grace_while_a_stream_is_live(upstream, gunicorn):
    upstream.script(stream("hello", stall_after=1))
    with RawCaller(gunicorn.port) as caller:
        caller.send_request(body=STREAMED)
        caller.read_until(b"hello")
        at = time.monotonic()
        assert gunicorn.stop() == 0
        assert time.monotonic() - at < 3 + 1 + 3  # grace, and what stopping the loop may take
        assert upstream.wait_left(0)
        with pytest.raises((EOFError, ConnectionError)):
            caller.read_until(b"[DONE]")


class TestWsgiref:
    @pytest.fixture
    def port(self, upstream) -> Iterator[int]:
        door = LLMGatewayWSGI(host, gateway=gateway_to(upstream.url))
        with serve_wsgiref(door) as port:
            yield port
        door._bridge.thread.stop()

    def test_a_stream_arrives_event_by_event(self, upstream, port):
        upstream.script(events_on_demand(3))
        with RawCaller(port) as caller:
            caller.send_request(body=STREAMED)
            for number in range(3):
                caller.read_until(b"token %d" % number)
                upstream.release(f"event {number + 1}")
            assert caller.read_until(b"[DONE]")

    def test_who_leaves_amid_silence_is_noticed_by_the_heartbeat(self, upstream, port):
        upstream.script(stream("hello", stall_after=1))
        with RawCaller(port) as caller:
            caller.send_request(body=STREAMED)
            caller.read_until(b"hello")
            caller.read_until(b": keep-alive\n\n")
            caller.close()
            assert upstream.wait_left(0)

    def test_a_refusal_is_a_plain_answer(self, upstream, port):
        with RawCaller(port) as caller:
            answer = caller.ask(headers={"content-type": "text/plain"}, body=WHOLE)
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (415, "unsupported_media_type")
