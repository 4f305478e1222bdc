"""WSGI hosts."""

from __future__ import annotations

import importlib.util

from benchmarks.figures import Line, Target, median, signed, spread
from benchmarks.lab import Lab, Load
from benchmarks.scenarios.answers import cpu
from benchmarks.systems import wsgi

ADDED = Target(bound=200.0, text="≤ +200 µs")


def hosts(lab: Lab) -> list[Line]:
    """Django and Flask under gunicorn with 32 threads and the default transport, against a constant answer."""
    lines = []
    for framework in ("django", "flask"):
        if missing := [each for each in (framework, "gunicorn") if importlib.util.find_spec(each) is None]:
            lines.append(Line(figure=f"{framework}: not measured, {missing[0]} is not installed", value=""))
            continue
        with (
            lab.running(wsgi(framework, lab.origin, constant=True)) as plain,
            lab.running(wsgi(framework, lab.origin, constant=False)) as ours,
        ):
            base, found = lab.compare([plain, ours], Load())
        added = (median(cpu(found)) - median(cpu(base))) * 1e6
        lines.append(
            Line(
                figure=f"{framework}: CPU µs per request, against a constant answer",
                value=spread(cpu(found), 1e6),
                baseline=spread(cpu(base), 1e6),
                ratio=f"{signed(added)} µs",
                judged=added,
                target=ADDED,
            )
        )
    return lines
