"""Callers who leave, many of them and in every phase, leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmgw_middleware.testing.upstream import stream
from tests.e2e.django_servers import OFTEN, SELDOM, Site, site
from tests.e2e.gateways import STREAMED
from tests.e2e.leaving import AT_ONCE, PHASES, leave_nothing_behind, memory, serves

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[*OFTEN, *SELDOM])
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as started:
        yield started


@pytest.mark.parametrize("number", [AT_ONCE, pytest.param(200, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("phase", PHASES)
def test_callers_who_leave_give_everything_back(running: Site, phase: str, number: int):
    leave_nothing_behind(running, phase, number)


def test_a_caller_who_reads_nothing_fills_no_memory(running: Site):
    assert serves(running)
    before = memory(running)
    running.upstream.script(stream(*["x" * 64 * 1024] * 3000))
    with running.caller() as caller:
        caller.send_request(body=STREAMED)
        running.upstream.wait_stalled()
        assert memory(running) - before <= 16
