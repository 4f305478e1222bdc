"""FastAPI under real servers: streams, callers who leave, and the end of the server.

The servers of the second half are run by ``make matrix``.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.streams import stream
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e.gateways import STREAMED, WHOLE, events_on_demand
from tests.e2e.servers import Process, RawCaller, serve_process

Command = Callable[[int, int], Iterable[str]]


class Stage(NamedTuple):
    """A server, and what it relays from."""

    upstream: ScriptedUpstream
    server: Process


def uvicorn(*options: str, factory: str = "application") -> Command:
    target = f"tests.e2e.fastapi_site:{factory}"
    return lambda _, fd: [
        *(sys.executable, "-m", "uvicorn", "--factory", target, "--fd", str(fd)),
        *("--timeout-graceful-shutdown", "3", "--log-level", "warning", *options),
    ]


def hypercorn() -> Command:
    target = "tests.e2e.fastapi_site:application()"
    return lambda _, fd: [
        *(sys.executable, "-m", "hypercorn", "--bind", f"fd://{fd}", "--graceful-timeout", "3", target)
    ]


def gunicorn() -> Command:
    target = "tests.e2e.fastapi_site:application()"
    return lambda _, fd: [
        *(sys.executable, "-m", "gunicorn", "-k", "asgi", "--bind", f"fd://{fd}"),
        *("--graceful-timeout", "3", "--log-level", "warning", target),
    ]


SERVERS = [
    pytest.param(("uvicorn", uvicorn()), id="uvicorn"),
    pytest.param(("uvicorn", uvicorn("--http", "h11")), id="uvicorn-h11"),
    pytest.param(("uvicorn", uvicorn(factory="plain")), id="base-http-middleware-outside"),
    pytest.param(("hypercorn", hypercorn()), id="hypercorn", marks=[pytest.mark.matrix, pytest.mark.slow]),
    pytest.param(
        ("gunicorn.asgi", gunicorn()), id="gunicorn-asgi", marks=[pytest.mark.matrix, pytest.mark.slow]
    ),
]


def installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@contextmanager
def staged(server: tuple[str, Command]) -> Iterator[Stage]:
    """Run a server and its upstream."""
    name, command = server
    if not installed(name):
        pytest.skip(f"{name} is not installed")
    with ScriptedUpstream() as upstream, serve_process(command, {"UPSTREAM": upstream.url}) as process:
        yield Stage(upstream, process)


@pytest.fixture(scope="module", params=SERVERS)
def stage(request) -> Iterator[Stage]:
    """A server that serves several tests; whatever callers do, its log shows no error at the end."""
    with staged(request.param) as stage:
        yield stage
        stage.server.stop()
        said = stage.server.log.read_text()
    assert re.findall("(?i)error|traceback|exception", said) == [], said


@pytest.fixture(params=SERVERS)
def last_stage(request) -> Iterator[Stage]:
    """A server that the test may end."""
    with staged(request.param) as stage:
        yield stage


@pytest.fixture
def upstream(stage: Stage) -> ScriptedUpstream:
    return stage.upstream


@pytest.fixture
def caller(stage) -> Iterator[RawCaller]:
    with RawCaller(stage.server.port) as caller:
        yield caller


def leaves_within_a_second(upstream: ScriptedUpstream, caller: RawCaller) -> bool:
    number, at = len(upstream.requests) - 1, time.monotonic()
    caller.close()
    return upstream.wait_left(number) - at < 1.0


def test_events_arrive_one_by_one(upstream, caller):
    upstream.script(events_on_demand(10))
    caller.send_request(body=STREAMED)
    for number in range(10):
        caller.read_until(b"token %d" % number)
        upstream.release(f"event {number + 1}")  # sent only after the one before it has arrived
    assert b"[DONE]" in caller.read_until(b"0\r\n\r\n")


def test_leaving_mid_stream_stops_the_upstream(upstream, caller):
    upstream.script(stream("a", "b", "c", stall_after=3))
    caller.send_request(body=STREAMED)
    caller.read_until(b'"c"')
    assert leaves_within_a_second(upstream, caller)


def test_leaving_a_stream_that_is_silent_from_the_start_stops_the_upstream(upstream, caller):
    before = len(upstream.requests)
    upstream.script(stream("a", stall_after=0))
    caller.send_request(body=STREAMED)
    upstream.wait_request(before + 1)
    assert leaves_within_a_second(upstream, caller)


def test_leaving_before_the_upstream_answered_stops_it(upstream, caller):
    before = len(upstream.requests)
    upstream.script(raw(Silence()))
    caller.send_request(body=STREAMED)
    upstream.wait_request(before + 1)
    assert leaves_within_a_second(upstream, caller)


def test_leaving_amid_an_answer_that_is_no_stream_stops_the_upstream(upstream, caller):
    before = len(upstream.requests)
    half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
    upstream.script(raw(half, Silence()))
    caller.send_request(body=WHOLE)
    upstream.wait_request(before + 1)
    assert leaves_within_a_second(upstream, caller)


def test_the_next_caller_is_served(stage, upstream):
    upstream.script(stream("a", stall_after=1), chat("still here"))
    with RawCaller(stage.server.port) as first:
        first.send_request(body=STREAMED)
        first.read_until(b'"a"')
        assert leaves_within_a_second(upstream, first)
    with RawCaller(stage.server.port) as second:
        assert b"still here" in second.ask(body=WHOLE).body


def test_the_connection_serves_the_next_request_after_a_stream(upstream, caller):
    upstream.script(stream("hello"), chat("again"))
    assert caller.ask(body=STREAMED).complete
    assert b"again" in caller.ask(body=WHOLE).body


def test_an_idle_server_ends_when_asked(last_stage):
    upstream, server = last_stage
    upstream.script(chat("hello"))
    with RawCaller(server.port) as caller:
        caller.ask(body=WHOLE)
    at = time.monotonic()
    server.stop()
    assert time.monotonic() - at < 3.0


def test_a_live_stream_holds_the_end_no_longer_than_the_grace_and_never_looks_finished(last_stage):
    upstream, server = last_stage
    upstream.script(stream("a", stall_after=1))
    with RawCaller(server.port) as caller:
        caller.send_request(body=STREAMED)
        caller.read_until(b'"a"')
        number, at = len(upstream.requests) - 1, time.monotonic()
        server.stop()
        assert time.monotonic() - at < 4.0
        upstream.wait_left(number)
        while caller.read_some():
            pass
        assert b"[DONE]" not in caller.received
        assert b'finish_reason": "stop"' not in caller.received
        assert not caller.received.endswith(b"0\r\n\r\n")
