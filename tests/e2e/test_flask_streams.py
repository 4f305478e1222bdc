"""Streams through Flask on real sockets: one event at a time, and an end as soon as the caller leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from llmgw_middleware.testing.answers import chat as completion
from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.streams import sse, stream
from tests.e2e.flask_servers import Site, site
from tests.e2e.gateways import STREAMED, WHOLE, events_on_demand
from tests.e2e.servers import RawCaller

pytestmark = pytest.mark.slow

AT_ONCE = 1.0
"""Seconds within which an upstream sees that its caller has left."""

STACKS = [
    ("flask run", "extension"),
    ("flask run", "wrapped"),
    ("flask run --debug", "extension"),
    ("gthread", "extension"),
    ("gthread", "wrapped"),
    ("gthread --preload", "warm"),
    *(
        pytest.param(stack, marks=pytest.mark.matrix)
        for stack in (("gthread", "on_uvloop"), ("gevent", "extension"), ("gevent", "on_uvloop"))
    ),
]


@pytest.fixture(scope="module", params=STACKS, ids=" ".join)
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(*request.param) as started:
        yield started


@pytest.fixture
def caller(running: Site) -> Iterator[RawCaller]:
    with running.caller() as caller:
        yield caller


def start(running: Site, caller: RawCaller, body: bytes = STREAMED) -> int:
    """Send a chat; return the index of its request upstream, once it is there."""
    number = len(running.upstream.requests) + 1
    caller.send_request(body=body)
    running.upstream.wait_request(number)
    return number - 1


def seconds_until_seen(running: Site, caller: RawCaller, index: int) -> float:
    caller.close()
    closed = time.monotonic()
    return running.upstream.wait_left(index) - closed


def test_ten_events_arrive_one_by_one(running: Site, caller: RawCaller):
    running.upstream.script(events_on_demand(10))
    caller.send_request(body=STREAMED)
    for number in range(10):
        caller.read_until(b"token %d" % number)
        running.upstream.release(f"event {number + 1}")  # sent only after the one before it has arrived
    assert caller.read_until(b"data: [DONE]\n\n")


def test_who_leaves_mid_stream_stops_the_upstream(running: Site, caller: RawCaller):
    running.upstream.script(sse([{"choices": [{"index": 0, "delta": {"content": "x"}}]}] * 2000, gap=0.01))
    index = start(running, caller)
    caller.read_until(b'"x"')
    assert seconds_until_seen(running, caller, index) <= AT_ONCE


def test_who_leaves_in_silence_stops_the_upstream(running: Site, caller: RawCaller):
    running.upstream.script(stream("a", stall_after=1))
    index = start(running, caller)
    caller.read_until(b'"a"')
    assert seconds_until_seen(running, caller, index) <= AT_ONCE


@pytest.mark.parametrize("body", [STREAMED, WHOLE], ids=["stream", "whole"])
def test_who_leaves_before_the_answer_stops_the_upstream(running: Site, caller: RawCaller, body: bytes):
    running.upstream.script(raw(Silence()))
    index = start(running, caller, body)
    assert seconds_until_seen(running, caller, index) <= AT_ONCE


def test_who_reads_nothing_stops_the_upstream(running: Site, caller: RawCaller):
    before, size, count = running.upstream.bytes_sent, 65536, 3000
    running.upstream.script(
        sse([{"choices": [{"index": 0, "delta": {"content": "x" * size}}]}] * count, done=False)
    )
    index = start(running, caller)
    running.upstream.wait_stalled()
    assert running.upstream.bytes_sent - before < size * count / 2
    caller.close()
    assert running.upstream.wait_left(index)


def test_the_next_caller_is_served_after_many_have_left_at_once(running: Site):
    running.upstream.script(*[stream("a", stall_after=1)] * 12, completion("still here"))
    first = len(running.upstream.requests)

    def leave() -> None:
        with running.caller() as caller:
            caller.send_request(body=STREAMED)
            caller.read_until(b'"a"')

    leavers = [threading.Thread(target=leave) for _ in range(12)]
    for each in leavers:
        each.start()
    for each in leavers:
        each.join()
    for index in range(first, first + 12):
        running.upstream.wait_left(index)
    with running.caller() as caller:
        answer = caller.ask(body=WHOLE)
    assert (answer.status, b"still here" in answer.body) == (200, True)


@pytest.mark.parametrize("way", ["extension", "wrapped"])
class TestStopping:
    @pytest.mark.parametrize("kind", ["flask run", "gthread"])
    def test_an_idle_server_ends_at_once(self, kind: str, way: str):
        with site(kind, way) as running:
            running.upstream.script(completion())
            with running.caller() as caller:
                assert caller.ask(body=WHOLE).status == 200
            asked = time.monotonic()
            running.process.stop()
            assert time.monotonic() - asked <= 3

    def test_a_live_stream_is_cut_after_the_grace_and_never_looks_finished(self, way: str):
        with site("gthread", way) as running, running.caller() as caller:
            running.upstream.script(stream("a", stall_after=1))
            index = start(running, caller)
            caller.read_until(b'"a"')
            running.process.stop()
            assert running.upstream.wait_left(index)
            with pytest.raises((EOFError, ConnectionError)):
                caller.read_until(b"[DONE]")
