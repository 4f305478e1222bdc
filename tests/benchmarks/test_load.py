"""The load generator, against the mock provider and servers that misbehave."""

import asyncio
from array import array
from contextlib import asynccontextmanager

import pytest

from benchmarks.lab import Load
from benchmarks.load import Run, Tally, report_of, request_of
from benchmarks.upstream import Connection, Scripts


@asynccontextmanager
async def mock(make=None):
    scripts, met = Scripts(), []

    def accept():
        met.append((make or (lambda: Connection(scripts)))())
        return met[-1]

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], met
    finally:
        server.close()


class Saying(asyncio.Protocol):
    """Answers every request with the same bytes."""

    def __init__(self, answer):
        self.answer = answer

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, _):
        if self.answer is None:
            self.transport.close()
        else:
            self.transport.write(self.answer)


def request(load=None):
    return request_of("/v1/chat/completions", (load or Load()).body(), [])


async def test_each_connection_asks_again_when_it_is_answered():
    async with mock() as (port, met):
        run = Run(port, request(), seconds=30, count=100)
        await run.closed(4)
    assert run.tally.answered == len(run.tally.latencies) == 100
    assert len(met) == 4
    assert run.tally.errors == 0


async def test_every_event_is_counted_and_timed():
    load = Load(mock="events=7", stream=True)
    async with mock() as (port, _):
        run = Run(port, request(load), seconds=30, count=5)
        await run.closed(1)
    assert run.tally.events == 5 * (1 + 7 + 2)
    assert len(run.tally.delays) == 5 * 7
    assert all(0 <= delay < 30 for delay in run.tally.delays)


async def test_what_was_begun_in_time_is_waited_for():
    async with mock() as (port, _):
        run = Run(port, request(Load(mock="wait=30")), seconds=0.0, count=None)
        await run.closed(3)
    assert run.tally.answered == 3


async def test_a_rate_does_not_wait_for_answers():
    async with mock() as (port, met):
        run = Run(port, request(Load(mock="wait=80")), seconds=0.05, count=None)
        await run.open(100)
    assert run.tally.answered == len(met) > 1


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "502"),
        (None, "lost"),
    ],
    ids=["refused", "hung up"],
)
async def test_failures_are_counted_and_told(answer, first):
    async with mock(lambda: Saying(answer)) as (port, _):
        run = Run(port, request(), seconds=30, count=1)
        await run.closed(1)
    assert (run.tally.answered, run.tally.errors) == (0, 1)
    assert first in run.tally.first_error


async def test_a_connection_that_closes_is_replaced():
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    async with mock(lambda: Saying(answer)) as (port, met):
        run = Run(port, request(), seconds=30, count=3)
        await run.closed(1)
    assert run.tally.answered == len(met) == 3


def test_a_report_is_in_milliseconds():
    tally = Tally(answered=2, latencies=array("d", [0.001, 0.003]))
    report = report_of(tally, 1.0)
    assert (report.latency_p50, report.latency_p99, report.delay_p99) == (1.0, 3.0, None)
