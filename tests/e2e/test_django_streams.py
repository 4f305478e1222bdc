"""Streams through Django on real sockets: one event at a time, and an end as soon as the caller leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.upstream import chat as completion
from llmgw_middleware.testing.upstream import stream
from tests.e2e.django_servers import OFTEN, SELDOM, Site, chat, site, step_by_step
from tests.e2e.servers import RawCaller

pytestmark = pytest.mark.slow

WORDS = tuple(f"word-{n}." for n in range(10))
AT_ONCE = 1.0
"""Seconds within which an upstream sees that its caller has left."""
TWO_HEARTBEATS = 2.5
"""The same where the server shows nobody its socket, with a moment for the write to fail."""


@pytest.fixture(scope="module", params=[*OFTEN, "runserver", *SELDOM])
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as started:
        yield started


@pytest.fixture(scope="module", params=OFTEN)
def compressing(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param, ABOVE="django.middleware.gzip.GZipMiddleware") as started:
        yield started


@pytest.fixture(scope="module", params=["above", "below"])
def synchronous(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site("uvicorn", **{request.param.upper(): "tests.django.project.kinds.only_sync"}) as started:
        yield started


def read_word_by_word(running: Site, caller: RawCaller) -> None:
    """Let the upstream send each word only when the one before has arrived."""
    # Names of their own for each run, as what was released stays released.
    run = len(running.upstream.requests)
    words = [f"{run}-{word}" for word in WORDS]
    running.upstream.script(step_by_step(*words, run=run))
    caller.send_request(body=chat(stream=True), headers={"accept-encoding": "gzip"})
    for position, word in enumerate(words):
        assert word.encode() not in caller.received
        running.upstream.release(f"go-{run}-{position}")
        caller.read_until(word.encode())
    caller.read_until(b"data: [DONE]\n\n")


def seconds_until_seen(running: Site, caller: RawCaller, index: int) -> float:
    caller.close()
    closed = time.monotonic()
    return running.upstream.wait_left(index) - closed


def start(running: Site, caller: RawCaller, *, stream: bool = True) -> int:
    """Send a chat; return the index of its request upstream, once it is there."""
    number = len(running.upstream.requests) + 1
    caller.send_request(body=chat(stream=stream))
    running.upstream.wait_request(number)
    return number - 1


def test_ten_events_arrive_one_by_one(running: Site):
    with running.caller() as caller:
        read_word_by_word(running, caller)


def test_gzip_above_holds_no_event_back(compressing: Site):
    with compressing.caller() as caller:
        read_word_by_word(compressing, caller)


def test_a_synchronous_neighbour_holds_no_event_back(synchronous: Site):
    with synchronous.caller() as caller:
        read_word_by_word(synchronous, caller)


def test_who_leaves_mid_stream_stops_the_upstream(running: Site):
    running.upstream.script(stream(*WORDS * 20, gap=0.1))
    with running.caller() as caller:
        index = start(running, caller)
        caller.read_until(b"word-2")
        assert seconds_until_seen(running, caller, index) <= AT_ONCE


def test_who_leaves_in_silence_stops_the_upstream(running: Site):
    running.upstream.script(stream("a", stall_after=1))
    with running.caller() as caller:
        index = start(running, caller)
        caller.read_until(b'"a"')
        limit = TWO_HEARTBEATS if running.kind == "runserver" else AT_ONCE
        assert seconds_until_seen(running, caller, index) <= limit


@pytest.mark.parametrize("kind", ["stream", "buffered"])
def test_who_leaves_before_the_answer_stops_the_upstream(running: Site, kind: str):
    if running.kind == "runserver":
        pytest.skip(
            "runserver shows no socket and nothing can be written yet: the time limits end such a request"
        )
    running.upstream.script(raw(Silence()))
    with running.caller() as caller:
        index = start(running, caller, stream=kind == "stream")
        assert seconds_until_seen(running, caller, index) <= AT_ONCE


def test_who_leaves_in_silence_stops_the_upstream_behind_a_synchronous_neighbour(synchronous: Site):
    synchronous.upstream.script(stream("a", stall_after=1))
    with synchronous.caller() as caller:
        index = start(synchronous, caller)
        caller.read_until(b'"a"')
        assert seconds_until_seen(synchronous, caller, index) <= AT_ONCE


def test_the_next_caller_is_served_after_others_have_left(running: Site):
    running.upstream.script(*[stream("a", stall_after=1)] * 4, completion("still here"))
    for _ in range(4):
        with running.caller() as caller:
            index = start(running, caller)
            caller.read_until(b'"a"')
        running.upstream.wait_left(index)
    with running.caller() as caller:
        answer = caller.ask(body=chat())
    assert (answer.status, b"still here" in answer.body) == (200, True)


def test_who_reads_nothing_stops_the_upstream_and_then_leaves(running: Site):
    running.upstream.script(stream(*["x" * 64 * 1024] * 3000))
    with running.caller() as caller:
        index = start(running, caller)
        running.upstream.wait_stalled()
        assert running.upstream.requests[index].json["stream"] is True
        assert seconds_until_seen(running, caller, index) <= AT_ONCE
