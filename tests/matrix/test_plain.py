"""Applications without a framework: the end of their servers, and callers who leave by the hundred."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from llmgw_middleware.testing.upstream import ScriptedUpstream, stream
from tests.e2e.gateways import STREAMED
from tests.e2e.leaving import AT_ONCE, PHASES, leave_nothing_behind, memory, serves, skip_where_no_stream_ends
from tests.e2e.servers import Process, RawCaller, serve_gunicorn, serve_process

pytestmark = pytest.mark.slow

GRACE = 3


@dataclass
class Site:
    """A running server, and what its gateway calls."""

    kind: str
    process: Process
    upstream: ScriptedUpstream

    def caller(self) -> RawCaller:
        return RawCaller(self.process.port)


def gthread(env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_gunicorn("tests.matrix.plain:wsgi()", env, threads=24)


def uvicorn(env: dict[str, str]) -> AbstractContextManager[Process]:
    command = (
        sys.executable,
        "-m",
        "uvicorn",
        "--log-level",
        "warning",
        "--factory",
        "tests.matrix.plain:asgi",
    )
    return serve_process(
        lambda _, fd: [*command, "--timeout-graceful-shutdown", str(GRACE), "--fd", str(fd)], env
    )


def hypercorn(env: dict[str, str]) -> AbstractContextManager[Process]:
    pytest.importorskip("hypercorn", reason="hypercorn is not installed")
    command = (sys.executable, "-m", "hypercorn", "--log-level", "warning", "--graceful-timeout", str(GRACE))
    return serve_process(lambda _, fd: [*command, "--bind", f"fd://{fd}", "tests.matrix.plain:asgi()"], env)


SERVERS = {"gthread": gthread, "uvicorn": uvicorn, "hypercorn": hypercorn}
KINDS = ["gthread", "uvicorn", pytest.param("hypercorn", marks=pytest.mark.matrix)]


@contextmanager
def site(kind: str) -> Iterator[Site]:
    with ScriptedUpstream() as upstream, SERVERS[kind]({"UPSTREAM": upstream.url}) as process:
        yield Site(kind, process, upstream)


@pytest.fixture(scope="module", params=KINDS)
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as started:
        yield started


@pytest.fixture(params=KINDS)
def ending(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server that the test may end."""
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


def seconds_to_stop(ending: Site) -> float:
    at = time.monotonic()
    ending.process.stop()
    return time.monotonic() - at


def test_an_idle_server_ends_within_three_seconds(ending: Site):
    assert serves(ending)
    assert seconds_to_stop(ending) <= 3.0


def test_a_live_stream_holds_the_end_no_longer_than_the_grace_and_never_looks_finished(ending: Site):
    skip_where_no_stream_ends(ending.kind)
    ending.upstream.script(stream("a", stall_after=1))
    with ending.caller() as caller:
        caller.send_request(body=STREAMED)
        caller.read_until(b'"a"')
        assert seconds_to_stop(ending) <= GRACE + 1
        ending.upstream.wait_left(0)
        while caller.read_some():
            pass
    assert b"[DONE]" not in caller.received
    assert b'"finish_reason":"stop"' not in caller.received.replace(b" ", b"")
    assert not caller.received.endswith(b"0\r\n\r\n")
