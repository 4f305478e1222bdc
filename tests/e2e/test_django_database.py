"""Live streams hold no database connection, whatever the project says about keeping them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from llmgw_middleware.testing.upstream import stream
from tests.e2e.django_servers import Site, chat, site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted by /proc"),
]

STREAMS = 5


@pytest.fixture(scope="module", params=["0", "60"], ids=["closed after a request", "kept for a minute"])
def age(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["0", "1"], ids=["session as it is", "session saved every time"])
def saves(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["gthread", "uvicorn"])
def running(request: pytest.FixtureRequest, age: str, saves: str) -> Iterator[Site]:
    with site(request.param, CONN_MAX_AGE=age, SAVE_EVERY_REQUEST=saves) as started:
        yield started


def held(running: Site) -> int:
    with running.caller() as caller:
        return int(caller.ask("GET", "/held").body)


def test_five_live_streams_hold_no_connection(running: Site):
    running.upstream.default(stream("a", stall_after=1))
    with ExitStack() as stack:
        for _ in range(STREAMS):
            caller = stack.enter_context(running.caller())
            caller.send_request(headers=running.browser("bob"), body=chat(stream=True))
            caller.read_until(b'"a"')
        assert running.upstream.requests[-1].path.startswith("/premium/")
        assert held(running) == 0
    for index in range(STREAMS):
        running.upstream.wait_left(index)
    assert held(running) == 0
