"""Where the gateway's time goes: ``python -m benchmarks.hot [--load json|paced|burst] [--seconds 6] [--system floor]``.

Runs the gateway under load with a sampling profile and prints microseconds of CPU per request, or per event, by
function: with all that a function calls, and by itself. Time in C (sockets, parsers) counts for the Python function
that called it. What the profile itself costs is left out by measuring without it.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.lab import Lab, Load
from benchmarks.systems import floor, gateway

LOADS = {
    "json": Load(),
    "paced": Load(connections=16, mock="events=50,pause=10", stream=True),
    "burst": Load(connections=8, mock="events=200", stream=True),
}
SYSTEMS = {"gateway": gateway, "floor": floor}


def rows(functions: list[dict[str, float | str]], cost: float, count: int, *, own: bool) -> list[str]:
    """Return the ``count`` most expensive functions, of ``cost`` microseconds in all, as lines of text."""
    key = "own" if own else "within"
    ordered = sorted(functions, key=lambda each: float(each[key]), reverse=True)[:count]
    return [
        f"{float(each['within']) * cost:8.1f} {float(each['own']) * cost:8.1f}  {each['name']}  {each['place']}"
        for each in ordered
    ]


def main() -> None:
    """Measure, profile, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hot", description=__doc__)
    parser.add_argument("--load", choices=[*LOADS], default="json")
    parser.add_argument("--system", choices=[*SYSTEMS], default="gateway")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--functions", type=int, default=45)
    asked = parser.parse_args()
    load = LOADS[asked.load]
    with Lab(scale=asked.seconds / load.seconds) as lab:
        where = lab.folder / "profile.json"
        make = SYSTEMS[asked.system]
        with lab.running(make(lab.origin)) as plain:
            lab.warm(plain, Load(seconds=0.2))
            sample = lab.measure(plain, load)
        with lab.running(make(lab.origin, BENCH_PROFILE=str(where))) as profiled:
            lab.measure(profiled, load)
        functions = json.loads(where.read_text())
    cost = (sample.cpu_per_event if load.stream else sample.cpu_per_request) * 1e6
    each = "event" if load.stream else "request"
    print(f"{asked.system}, {asked.load}: {cost:.1f} µs of CPU per {each}")
    for own in (False, True):
        print(f"\n  within      own  by {'itself' if own else 'all that it calls'}, µs per {each}")
        print("\n".join(rows(functions, cost, asked.functions, own=own)))


if __name__ == "__main__":
    main()
