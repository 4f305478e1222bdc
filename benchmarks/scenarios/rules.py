"""Many rules."""

from __future__ import annotations

from benchmarks.figures import Line, Target, versus
from benchmarks.lab import Lab, Load
from benchmarks.scenarios.answers import cpu
from benchmarks.systems import gateway

MANY = Target(bound=1.2, text="≤ 1.2 ×")


def routes(lab: Lab) -> list[Line]:
    """1,000 routes against 10: half with paths of their own, half on the path asked for; the last one matches."""
    with (
        lab.running(gateway(lab.origin, name="ten", BENCH_ROUTES="10")) as few,
        lab.running(gateway(lab.origin, name="thousand", BENCH_ROUTES="1000")) as many,
        lab.running(gateway(lab.origin, name="paths", BENCH_ROUTES="1000", BENCH_SPREAD="paths")) as paths,
    ):
        base, found, spread = lab.compare([few, many, paths], Load())
    return [
        versus(
            "CPU µs per request, 1,000 routes against 10, each path its own",
            cpu(spread),
            cpu(base),
            unit=1e6,
            target=MANY,
        ),
        versus(
            "the same, every other route on the path asked for", cpu(found), cpu(base), unit=1e6, target=MANY
        ),
    ]
