"""Memory."""

from __future__ import annotations

import time

from benchmarks.figures import Line, Target, number
from benchmarks.lab import Failed, Lab, Load, Running
from benchmarks.machine import memory
from benchmarks.systems import gateway

START = Target(bound=45.0, text="≤ 45 MB")
STREAM = Target(bound=40.0, text="≤ 40 KB")
GROWTH = Target(bound=1.0, text="+0 (≤ 1 MB)")
IDLE = 500
REQUESTS = 100_000
AT_ONCE = 10_000
"""Requests per run of the load generator, and before the first reading: records and pools are full by then."""


def memory_use(lab: Lab) -> list[Line]:
    """Memory after start, per stream that is silent, and after 100,000 requests."""
    with lab.running(gateway(lab.origin)) as ours:
        lab.warm(ours, Load(connections=1))
        start = memory(ours.pid)
        kept = _per_idle_stream(lab, ours)
        at_once, wanted = (max(200, int(count * lab.scale)) for count in (AT_ONCE, REQUESTS))
        _ask(lab, ours, at_once)
        before = memory(ours.pid)
        served = 0
        while served < wanted:
            served += _ask(lab, ours, min(at_once, wanted - served))
        after = memory(ours.pid)
    return [
        Line(figure="MB after start", value=number(start), judged=start, target=START),
        Line(figure="KB per idle stream", value=number(kept), judged=kept, target=STREAM),
        Line(
            figure=f"MB after {served:,} requests, against {at_once:,}",
            value=number(after),
            baseline=number(before),
            ratio=f"{after - before:+.1f} MB",
            judged=after - before,
            target=GROWTH,
        ),
    ]


def _ask(lab: Lab, ours: Running, count: int) -> int:
    """Have at least ``count`` requests answered, however long it takes."""
    report = lab.measure(ours, Load(seconds=600.0 / lab.scale, count=count)).report
    return report.answered


def _per_idle_stream(lab: Lab, ours: Running) -> float:
    """Return the KB that one open stream adds while nothing comes."""
    count = max(100, int(IDLE * lab.scale))
    lab.warm(ours, Load(connections=4, mock="events=20", stream=True))
    load = Load(connections=count, seconds=10.0, mock="events=1,pause=60000", stream=True)
    before = memory(ours.pid)
    with lab.loading(ours, load) as generator:
        until = time.monotonic() + 30
        last, now = -1.0, memory(ours.pid)
        while now != last and time.monotonic() < until:  # until nothing grows any more
            time.sleep(0.5)
            last, now = now, memory(ours.pid)
        if generator.poll() is not None:
            raise Failed("the load generator ended before its streams were counted")
        generator.terminate()
    return (now - before) * 1024 / count
