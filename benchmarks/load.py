"""The load generator: N connections that ask again as soon as they are answered, or requests at a fixed rate.

``python -m benchmarks.load --port P --body FILE --connections 32 --seconds 2`` prints one JSON object. Whatever was
begun before the time was up is waited for, so CPU divided by ``answered`` is exact. At a fixed rate a request goes out
on time whether or not others are still unanswered, on a further connection if none is free.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.figures import percentile

PATIENCE = 30.0
"""Seconds to wait for the last answers once the time is up."""


@dataclass(slots=True)
class Tally:
    """What has been counted. Times in seconds; ``delays`` are from an event's sending to its arrival here."""

    answered: int = 0
    errors: int = 0
    first_error: str = ""
    events: int = 0
    latencies: array[float] = field(default_factory=lambda: array("d"))
    delays: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run came to. Latencies and delays in milliseconds, None where nothing was counted."""

    answered: int
    errors: int
    first_error: str
    seconds: float
    events: int
    latency_p50: float | None
    latency_p99: float | None
    delay_p50: float | None
    delay_p99: float | None


class Caller(asyncio.Protocol):
    """One connection. ``done`` is told after each answer, and may ask again."""

    def __init__(self, request: bytes, tally: Tally, done: Callable[[Caller], None]) -> None:
        self._request = request
        self._tally = tally
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._busy = False

    @property
    def alive(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def ask(self) -> None:
        """Send the request."""
        assert self._transport is not None
        self._busy, self._head, self._left, self._tail = True, b"", -1, b""
        self._chunked = self._closing = self._refused = False
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            data = self._head[end + 4 :]
            self._read_head(self._head[:end])
        if self._chunked:
            self._read_stream(data)
        else:
            self._left -= len(data)
            if self._left <= 0:
                self._finish()

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            self._refused = True
            self._note(head.decode("latin-1")[:200])
        lowered = head.lower()
        at = lowered.find(b"\r\ncontent-length:")
        self._chunked = at < 0
        self._left = 0 if at < 0 else int(lowered[at + 17 :].split(b"\r\n", 1)[0])
        self._closing = b"\r\nconnection: close" in lowered

    def _read_stream(self, data: bytes) -> None:
        """Count events without taking the chunks apart: their framing can hold neither mark."""
        seen = self._tail + data
        self._tally.events += seen.count(b"data: ")
        self._tail = seen[-5:]
        now = time.monotonic_ns()
        at = data.find(b"@")
        while at >= 0:
            stamp = data[at + 1 : at + 20]
            if len(stamp) == 19:  # one cut in two by the network is left out
                self._tally.delays.append((now - int(stamp)) / 1e9)
            at = data.find(b"@", at + 20)
        if seen.endswith(b"0\r\n\r\n"):
            self._finish()

    def _finish(self) -> None:
        self._busy = False
        if self._refused:
            self._tally.errors += 1
        else:
            self._tally.answered += 1
            self._tally.latencies.append(time.perf_counter() - self._began)
        if self._closing and self._transport is not None:
            self._transport.close()
        self._done(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._busy:
            self._busy = False
            self._tally.errors += 1
            self._note(f"the connection was lost: {exc!r}")
            self._done(self)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _note(self, text: str) -> None:
        self._tally.first_error = self._tally.first_error or text


class Run:
    """One run of a load against a port of 127.0.0.1."""

    def __init__(self, port: int, request: bytes, *, seconds: float, count: int | None) -> None:
        self._port = port
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + seconds
        self._count = count
        self._begun = 0
        self._flying: set[Caller] = set()
        self._idle: list[Caller] = []
        self._callers: list[Caller] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed_loop = True
        self._all_back = asyncio.Event()
        self.tally = Tally()

    async def closed(self, connections: int, *, ramp: float = 0.0) -> None:
        """Keep ``connections`` requests in flight; the first ones are spread over ``ramp`` seconds."""
        start = self._loop.time()
        for number in range(connections):
            if ramp:
                await asyncio.sleep(max(0.0, start + ramp * number / connections - self._loop.time()))
            self._ask(await self._connect())
        await self._end()

    async def open(self, rate: float) -> None:
        """Begin ``rate`` requests per second."""
        self._closed_loop = False
        start, number = self._loop.time(), 0
        while (due := start + number / rate) < self._until:
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            while self._idle and not self._idle[-1].alive:
                self._idle.pop()
            self._ask(self._idle.pop() if self._idle else await self._connect())
            number += 1
        await self._end()

    async def _connect(self) -> Caller:
        _, caller = await self._loop.create_connection(
            lambda: Caller(self._request, self.tally, self._answered), "127.0.0.1", self._port
        )
        self._callers.append(caller)
        return caller

    def _ask(self, caller: Caller) -> None:
        self._begun += 1
        self._flying.add(caller)
        caller.ask()

    def _answered(self, caller: Caller) -> None:
        self._flying.discard(caller)
        over = self._loop.time() >= self._until or (self._count is not None and self._begun >= self._count)
        if not self._closed_loop:
            self._idle.append(caller)
        elif not over and caller.alive:
            self._ask(caller)
        elif not over:
            self._flying.add(caller)  # until another takes its place
            again = self._loop.create_task(self._reconnect(caller))
            self._tasks.add(again)
            again.add_done_callback(self._tasks.discard)
        if not self._flying:
            self._all_back.set()

    async def _reconnect(self, lost: Caller) -> None:
        try:
            self._ask(await self._connect())
        except OSError as error:
            self.tally.errors += 1
            self.tally.first_error = self.tally.first_error or repr(error)
        self._flying.discard(lost)
        if not self._flying:
            self._all_back.set()

    async def _end(self) -> None:
        """Wait until the time is up, or everything has been begun, and every answer is there."""
        if self._count is None:
            await asyncio.sleep(max(0.0, self._until - self._loop.time()))
        patience = max(0.0, self._until - self._loop.time()) + PATIENCE
        try:
            async with asyncio.timeout(patience):
                while self._flying:
                    self._all_back.clear()
                    await self._all_back.wait()
        except TimeoutError:
            self.tally.errors += len(self._flying)
            self.tally.first_error = self.tally.first_error or f"no answer within {PATIENCE:.0f} seconds"
        for caller in self._callers:
            caller.close()


def report_of(tally: Tally, seconds: float) -> Report:
    """Sum up."""

    def ms(values: array[float], share: float) -> float | None:
        return percentile(values, share) * 1000 if values else None

    return Report(
        answered=tally.answered,
        errors=tally.errors,
        first_error=tally.first_error,
        seconds=seconds,
        events=tally.events,
        latency_p50=ms(tally.latencies, 0.5),
        latency_p99=ms(tally.latencies, 0.99),
        delay_p50=ms(tally.delays, 0.5),
        delay_p99=ms(tally.delays, 0.99),
    )


def request_of(path: str, body: bytes, headers: list[str]) -> bytes:
    """Return the bytes of the request that every connection sends."""
    lines = [f"POST {path} HTTP/1.1", "host: bench.test", "content-type: application/json"]
    lines += ["accept: */*", "user-agent: bench/1", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def go(asked: argparse.Namespace, request: bytes) -> Report:
    """Run what the command line asks for."""
    began = time.perf_counter()
    run = Run(asked.port, request, seconds=asked.seconds, count=asked.count)
    if asked.rate:
        await run.open(asked.rate)
    else:
        await run.closed(asked.connections, ramp=asked.ramp)
    return report_of(run.tally, time.perf_counter() - began)


def main() -> None:
    """Run and print the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--body", required=True, help="file with the request's body")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--count", type=int, help="stop after this many requests")
    parser.add_argument("--rate", type=float, help="requests per second, instead of as fast as possible")
    parser.add_argument("--ramp", type=float, default=0.0, help="seconds over which connections are opened")
    asked = parser.parse_args()
    request = request_of(asked.path, Path(asked.body).read_bytes(), asked.header)
    print(json.dumps(asdict(uvloop.run(go(asked, request)))))


if __name__ == "__main__":
    main()
