"""A server that is told to stop ends in time, and no stream that it breaks off looks finished."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from llmgw_middleware.testing.upstream import chat as completion
from llmgw_middleware.testing.upstream import stream
from tests.e2e.django_servers import GRACE, OFTEN, SELDOM, Site, chat, site
from tests.e2e.leaving import skip_where_no_stream_ends

pytestmark = pytest.mark.slow


@pytest.fixture(params=[*OFTEN, "runserver", *SELDOM])
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server of the test's own, which it may end."""
    with site(request.param) as started:
        yield started


def seconds_to_stop(running: Site) -> float:
    at = time.monotonic()
    running.process.stop()
    return time.monotonic() - at


def test_an_idle_server_ends_within_three_seconds(running: Site):
    running.upstream.script(completion())
    with running.caller() as caller:
        assert caller.ask(body=chat()).status == 200
    assert seconds_to_stop(running) <= 3.0


def test_a_live_stream_holds_the_end_no_longer_than_the_grace_and_never_looks_finished(running: Site):
    skip_where_no_stream_ends(running.kind)
    running.upstream.script(stream("a", stall_after=1))
    with running.caller() as caller:
        caller.send_request(body=chat(stream=True))
        caller.read_until(b'"a"')
        assert seconds_to_stop(running) <= GRACE + 1
        running.upstream.wait_left(0)
        try:
            while caller.read_some():
                pass
        except ConnectionResetError:
            pass  # a process that is killed says goodbye no other way
    assert b"[DONE]" not in caller.received
    assert b'"finish_reason":"stop"' not in caller.received.replace(b" ", b"")
    assert not caller.received.endswith(b"0\r\n\r\n")


def test_a_server_that_ends_says_nothing_in_its_log(running: Site):
    running.upstream.script(completion())
    with running.caller() as caller:
        caller.ask(body=chat())
    running.process.stop()
    said = running.process.log.read_text().lower()
    assert "traceback" not in said
    assert "exception" not in said
