"""JSON answers: what a request costs."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.authority import Authority
from benchmarks.figures import Line, Target, median, number, signed, spread, versus
from benchmarks.lab import LOAD_CORE, Lab, Load, Sample, System
from benchmarks.scenarios.beside import beside_floor
from benchmarks.systems import floor, gateway

REQUEST = Target(bound=2.0, text="≤ 2.0 ×, aim 1.5")
TLS = Target(bound=1.5, text="≤ 1.5 ×")
THROUGHPUT = Target(bound=0.95, text="≥ 0.95 ×", at_least=True)
MEDIAN = Target(bound=0.5, text="≤ 0.5 ms")
TAIL = Target(bound=2.0, text="≤ 2 ms")


def cpu(samples: Sequence[Sample]) -> list[float]:
    """Return CPU seconds per request."""
    return [sample.cpu_per_request for sample in samples]


def rate(samples: Sequence[Sample]) -> list[float]:
    """Return requests per second."""
    return [sample.per_second for sample in samples]


def _against_floor(lab: Lab, load: Load, target: Target | None = REQUEST) -> list[Line]:
    [(base, ours)] = beside_floor(lab, load)
    return [
        line
        for form, found in ours.items()
        for line in (
            versus(
                f"CPU µs per request, against the floor{form}", cpu(found), cpu(base), unit=1e6, target=target
            ),
            versus(f"requests per second{form}", rate(found), rate(base), unit=1),
        )
    ]


def json_32(lab: Lab) -> list[Line]:
    """1 KB in, 1 KB out, 32 connections."""
    return _against_floor(lab, Load())


def json_1(lab: Lab) -> list[Line]:
    """The same over one connection."""
    return _against_floor(lab, Load(connections=1), None)


def json_128(lab: Lab) -> list[Line]:
    """The same over 128 connections."""
    return _against_floor(lab, Load(connections=128), None)


def large_bodies(lab: Lab) -> list[Line]:
    """Bodies of 32 KB, 32 connections."""
    return _against_floor(lab, Load(size=32 * 1024), None)


def logged(lab: Lab) -> list[Line]:
    """The same as json, with the log written to a file from INFO on: one line per request."""
    [(base, ours)] = beside_floor(
        lab, Load(), BENCH_LOG=str(lab.folder / "requests.log"), LLMGW_LOG_LEVEL="INFO"
    )
    return [
        versus(f"CPU µs per request, log at INFO{form}", cpu(found), cpu(base), unit=1e6, target=REQUEST)
        for form, found in ours.items()
    ]


def slow_upstream(lab: Lab) -> list[Line]:
    """An upstream that takes 200 ms, 256 requests in flight."""
    [(base, ours)] = beside_floor(lab, Load(connections=256, seconds=3.0, mock="wait=200"))
    return [
        line
        for form, found in ours.items()
        for line in (
            versus(
                f"requests per second, against the floor{form}",
                rate(found),
                rate(base),
                unit=1,
                target=THROUGHPUT,
            ),
            versus(f"CPU µs per request{form}", cpu(found), cpu(base), unit=1e6),
        )
    ]


def tls(lab: Lab) -> list[Line]:
    """An upstream behind TLS, against the floor with the same TLS, and what TLS adds."""
    authority = Authority(lab.folder)
    upstream = System(name="tls-upstream", command=authority.upstream(), env={})
    streams = Load(connections=16, seconds=2.0, mock="events=50,pause=10", stream=True)
    with lab.running(upstream, LOAD_CORE) as secured:
        origin = f"https://127.0.0.1:{secured.port}"
        (base, ours), (base_events, our_events) = beside_floor(
            lab, Load(), streams, origin=origin, SSL_CERT_FILE=str(authority.root)
        )
    return [
        *(
            versus(f"CPU µs per request, both with TLS{form}", cpu(found), cpu(base), unit=1e6, target=TLS)
            for form, found in ours.items()
        ),
        *(
            versus(
                f"CPU µs per paced event, both with TLS{form}",
                [sample.cpu_per_event for sample in found],
                [sample.cpu_per_event for sample in base_events],
                unit=1e6,
            )
            for form, found in our_events.items()
        ),
    ]


def latency(lab: Lab) -> list[Line]:
    """100 requests per second: what is added to the upstream's own latency."""
    load = Load(rate=100, seconds=4.0)
    with lab.running(floor(lab.origin)) as least, lab.running(gateway(lab.origin)) as ours:
        direct, base, found = lab.compare([lab.upstream, least, ours], load)
    lines = []
    for name, share, target in (("p50", "latency_p50", MEDIAN), ("p99", "latency_p99", TAIL)):
        plain, low, high = (
            [getattr(sample.report, share) for sample in samples] for samples in (direct, base, found)
        )
        added = median(high) - median(plain)
        lines.append(
            Line(
                figure=f"latency {name}, ms, against direct (floor {number(median(low))})",
                value=spread(high),
                baseline=spread(plain),
                ratio=f"{signed(added)} ms",
                judged=added,
                target=target,
            )
        )
    return lines
