"""The scenarios by name: each takes a laboratory and returns the rows of its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.figures import Line
from benchmarks.lab import Lab
from benchmarks.scenarios import answers, expressions, hosts, inprocess, rules, standing, streams

Scenario = Callable[[Lab], Sequence[Line]]

SCENARIOS: dict[str, Scenario] = {
    "json": answers.json_32,
    "json-1": answers.json_1,
    "json-128": answers.json_128,
    "json-32k": answers.large_bodies,
    "log": answers.logged,
    "slow-upstream": answers.slow_upstream,
    "tls": answers.tls,
    "latency": answers.latency,
    "paced": streams.paced,
    "burst": streams.burst,
    "slow-streams": streams.slow_streams,
    "routes": rules.routes,
    "bodies": inprocess.bodies,
    "expressions": expressions.expressions,
    "passing": inprocess.passing,
    "core": inprocess.core,
    "imports": inprocess.imports,
    "hosts": hosts.hosts,
    "memory": standing.memory_use,
}
"""In the order of the table."""

QUICK = ("json", "paced", "passing", "imports")
"""What ``make bench`` runs."""


def about(name: str) -> str:
    """Return what a scenario is, in one line."""
    return (SCENARIOS[name].__doc__ or "").strip().split("\n", 1)[0]
