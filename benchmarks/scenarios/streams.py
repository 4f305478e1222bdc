"""Event streams: what an event costs, and how late it comes."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import Line, Target, number, spread, versus
from benchmarks.lab import Lab, Load, Sample
from benchmarks.machine import memory
from benchmarks.scenarios.beside import Measured, beside_floor
from benchmarks.systems import gateway

EVENT = Target(bound=1.5, text="≤ 1.5 ×")
DELAY = Target(bound=50.0, text="≤ 50 ms")
STREAMS = 2000


def _costs(base: Sequence[Sample], ours: Measured) -> list[Line]:
    return [
        versus(
            f"CPU µs per event, against the floor{form}",
            [sample.cpu_per_event for sample in found],
            [sample.cpu_per_event for sample in base],
            unit=1e6,
            target=EVENT,
        )
        for form, found in ours.items()
    ]


def _delays(base: Sequence[Sample], ours: Measured) -> list[Line]:
    lines = []
    for form, found in ours.items():
        for name, share in (("p50", "delay_p50"), ("p99", "delay_p99")):
            late, floors = ([getattr(s.report, share) for s in samples] for samples in (found, base))
            if None not in (*late, *floors):
                lines.append(versus(f"delay of an event {name}, ms{form}", late, floors, unit=1))
    return lines


def paced(lab: Lab) -> list[Line]:
    """Streams of 50 events, 10 ms apart; 16 streams at a time."""
    load = Load(connections=16, seconds=2.0, mock="events=50,pause=10", stream=True)
    [(base, ours)] = beside_floor(lab, load)
    return _costs(base, ours) + _delays(base, ours)


def burst(lab: Lab) -> list[Line]:
    """Streams of 200 events without a pause, which arrive joined; 8 streams at a time."""
    [(base, ours)] = beside_floor(lab, Load(connections=8, mock="events=200", stream=True))
    return _costs(base, ours)


def slow_streams(lab: Lab) -> list[Line]:
    """2,000 streams on one worker, two events a second each."""
    count, events = max(20, int(STREAMS * lab.scale)), max(2, int(16 * lab.scale))
    mock = f"events={events},pause=500"
    load = Load(connections=count, seconds=8.0, ramp=4.0, count=count, mock=mock, stream=True)
    with lab.running(gateway(lab.origin)) as ours:
        lab.warm(ours, Load(connections=32))
        sample = lab.measure(ours, load)
        after = memory(ours.pid)
    report = sample.report
    assert report.delay_p99 is not None
    assert report.delay_p50 is not None
    return [
        Line(
            figure=f"delay of an event p99, ms, {report.answered:,} streams",
            value=number(report.delay_p99),
            judged=report.delay_p99,
            target=DELAY,
        ),
        Line(figure="delay of an event p50, ms", value=number(report.delay_p50)),
        Line(figure="CPU µs per event", value=spread([sample.cpu_per_event * 1e6])),
        Line(figure="memory afterwards, MB", value=number(after)),
    ]
