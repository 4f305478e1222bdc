"""What every server does with streams and with callers who leave, row by row of the matrix."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.streams import stream
from tests.e2e.gateways import STREAMED, WHOLE, events_on_demand
from tests.e2e.leaving import AT_ONCE as CROWD
from tests.e2e.leaving import HALF, PHASES, leave_nothing_behind, memory, serves
from tests.e2e.servers import RawCaller
from tests.matrix.conftest import Measured
from tests.matrix.rows import AT_ONCE, Row, Running, rows, running

pytestmark = pytest.mark.slow

CHUNK, CHUNKS = 64 * 1024, 3000
"""What a caller is sent who reads nothing: some 190 MB."""


@pytest.fixture(scope="module", params=rows())
def site(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param) as started:
        yield started


@pytest.fixture(scope="module", params=rows(lambda row: row.crowd_often))
def crowded(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A server that many callers come to at once."""
    row: Row = request.param
    if not row.crowd:
        pytest.skip(row.before or "it serves one caller at a time")
    with running(row) as started:
        yield started


@pytest.fixture
def caller(site: Running) -> Iterator[RawCaller]:
    with site.caller() as caller:
        yield caller


def start(site: Running, caller: RawCaller, body: bytes = STREAMED) -> int:
    """Send a chat; return the index of its request upstream, once it is there."""
    number = len(site.upstream.requests) + 1
    caller.send_request(body=body)
    site.upstream.wait_request(number)
    return number - 1


def seconds_until_seen(site: Running, caller: RawCaller, index: int) -> float:
    """Let the caller leave; return how long it took until the upstream saw it."""
    at = time.monotonic()
    caller.close()
    return site.upstream.wait_left(index) - at


def test_ten_events_arrive_one_by_one(site: Running, measured: Measured):
    assert serves(site)  # what is made at the first request is made now
    site.upstream.script(events_on_demand(10))
    with site.caller() as caller:
        at = time.monotonic()
        caller.send_request(body=STREAMED, headers={"accept-encoding": "gzip"})
        for number in range(10):
            caller.read_until(b"token %d" % number)
            seconds = time.monotonic() - at
            if number == 0:
                measured("first", seconds)
            assert seconds <= (0.5 if number == 0 else 0.3)
            at = time.monotonic()
            site.upstream.release(f"event {number + 1}")  # sent only after the one before it has arrived
        caller.read_until(b"data: [DONE]\n\n")


def test_who_leaves_mid_stream_stops_the_upstream(site: Running, caller: RawCaller, measured: Measured):
    site.upstream.script(stream(*["word"] * 2000, gap=0.01))
    index = start(site, caller)
    caller.read_until(b'"word"')
    seconds = seconds_until_seen(site, caller, index)
    measured("T2", seconds)
    assert seconds <= AT_ONCE


def test_who_leaves_in_silence_stops_the_upstream(site: Running, caller: RawCaller, measured: Measured):
    site.upstream.script(stream("a", stall_after=1))
    index = start(site, caller)
    caller.read_until(b'"a"')
    seconds = seconds_until_seen(site, caller, index)
    measured("T3", seconds)
    assert seconds <= site.row.silence


WAITING = {
    "before the answer": (STREAMED, raw(Silence())),
    "before an answer that is no stream": (WHOLE, raw(Silence())),
    "amid an answer that is no stream": (WHOLE, raw(HALF, Silence())),
    "before the first content": (STREAMED, stream("a", stall_after=0)),
}


@pytest.mark.parametrize("phase", WAITING)
def test_who_leaves_before_anything_came_stops_the_upstream(
    site: Running, caller: RawCaller, phase: str, measured: Measured
):
    if site.row.before:
        pytest.skip(site.row.before)
    body, script = WAITING[phase]
    site.upstream.script(script)
    seconds = seconds_until_seen(site, caller, start(site, caller, body))
    measured("T4", seconds)
    assert seconds <= AT_ONCE


def test_the_next_caller_is_served_after_others_have_left(site: Running):
    site.upstream.script(*[stream("a", stall_after=1)] * 3, chat("still here"))
    for _ in range(3):
        with site.caller() as caller:
            index = start(site, caller)
            caller.read_until(b'"a"')
        site.upstream.wait_left(index)
    with site.caller() as caller:
        answer = caller.ask(body=WHOLE)
    assert (answer.status, b"still here" in answer.body) == (200, True)


def test_the_connection_serves_the_next_request_after_a_stream(site: Running, caller: RawCaller):
    if not site.row.keeps_alive:
        pytest.skip("this server closes a connection after its answer")
    site.upstream.script(stream("hello"), chat("again"))
    assert caller.ask(body=STREAMED).complete
    assert b"again" in caller.ask(body=WHOLE).body


def test_who_reads_nothing_stops_the_upstream_and_fills_no_memory(crowded: Running, measured: Measured):
    assert serves(crowded)
    before, sent = memory(crowded), crowded.upstream.bytes_sent
    crowded.upstream.script(stream(*["x" * CHUNK] * CHUNKS))
    with crowded.caller() as caller:
        index = start(crowded, caller)
        crowded.upstream.wait_stalled()
        grown = memory(crowded) - before
        measured("T7", grown)
        assert grown <= 16
        assert crowded.upstream.bytes_sent - sent < CHUNK * CHUNKS / 2
        assert seconds_until_seen(crowded, caller, index) <= AT_ONCE


@pytest.mark.parametrize("number", [CROWD, pytest.param(200, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("phase", PHASES)
def test_callers_who_leave_give_everything_back(
    crowded: Running, phase: str, number: int, measured: Measured
):
    leave_nothing_behind(crowded, phase, number)
    measured("T8", number)


def test_an_idle_server_ends_within_three_seconds_and_has_nothing_to_complain_of(
    site: Running, measured: Measured
):
    assert serves(site)
    at = time.monotonic()
    site.process.stop()
    seconds = time.monotonic() - at
    measured("T5", seconds)
    assert seconds <= 3.0
    said = site.process.log.read_text(errors="replace")
    assert re.findall("(?i)traceback|exception", said) == [], said
