"""Callers who leave, many of them and in every phase, leave nothing behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.upstream import chat as completion
from llmgw_middleware.testing.upstream import stream
from tests.e2e.django_servers import OFTEN, SELDOM, Site, chat, site

pytestmark = pytest.mark.slow

AT_ONCE = 20
"""Callers at a time: fewer than the threads of a threaded server, so that all of them are in the same phase."""
HALF = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
PHASES = {
    "before the answer": (True, raw(Silence()), b""),
    "before the first content": (True, stream("a", stall_after=0), b""),
    "in silence": (True, stream("a", stall_after=1), b'"a"'),
    "mid-stream": (True, stream(*["word"] * 2000, gap=0.01), b"word"),
    "amid an answer that is no stream": (False, raw(HALF, Silence()), b""),
}


@pytest.fixture(scope="module", params=[*OFTEN, *SELDOM])
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as started:
        yield started


def inside(running: Site) -> dict[str, Any]:
    with running.caller() as caller:
        found: dict[str, Any] = json.loads(caller.ask("GET", "/inside").body)
    found.pop("memory")
    return found


def serves(running: Site) -> bool:
    running.upstream.script(completion("still here"))
    with running.caller() as caller:
        answer = caller.ask(body=chat())
    return (answer.status, b"still here" in answer.body) == (200, True)


def come_and_go(running: Site, phase: str) -> None:
    """Let ``AT_ONCE`` callers come to a phase and leave in it, all together."""
    streaming, script, until = PHASES[phase]
    before = len(running.upstream.requests)
    running.upstream.script(*[script] * AT_ONCE)
    with ExitStack() as stack:
        callers = [stack.enter_context(running.caller()) for _ in range(AT_ONCE)]
        for caller in callers:
            caller.send_request(body=chat(stream=streaming))
        running.upstream.wait_request(before + AT_ONCE)
        for caller in callers if until else ():
            caller.read_until(until)
    for index in range(before, before + AT_ONCE):
        running.upstream.wait_left(index)


def settled(running: Site, expected: dict[str, Any]) -> dict[str, Any]:
    """Ask until nothing more is in hand than ``expected``, or the time is up; return the last answer."""
    end = time.monotonic() + 5
    while (found := inside(running)) != expected and time.monotonic() < end:
        pass
    return found


@pytest.mark.parametrize("number", [AT_ONCE, pytest.param(200, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("phase", PHASES)
def test_callers_who_leave_give_everything_back(running: Site, phase: str, number: int):
    assert serves(running)
    before = inside(running)
    assert (before["leases"], before["connections"], before["waiting"]) == (0, 0, 0)
    for _ in range(number // AT_ONCE):
        come_and_go(running, phase)
    assert settled(running, before) == before
    assert serves(running)


def test_a_caller_who_reads_nothing_fills_no_memory(running: Site):
    def memory() -> int:
        with running.caller() as caller:
            return int(json.loads(caller.ask("GET", "/inside").body)["memory"])

    assert serves(running)
    before = memory()
    running.upstream.script(stream(*["x" * 64 * 1024] * 3000))
    with running.caller() as caller:
        caller.send_request(body=chat(stream=True))
        running.upstream.wait_stalled()
        assert memory() - before <= 16
