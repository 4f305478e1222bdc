"""``llmgw experiment``: what the running experiments have shown so far."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "experiment",
        help="show the experiments of running gateways",
        description="Speak to every gateway of this user on this machine that has experiments. For each variant: "
        "requests, users, and errors, P90 latency, tokens, cost and signals with 95 %% intervals; p is a sequential "
        "p-value against the first variant, which holds however often one looks. Exit code 0: shown; 1: there is none.",
    )
    words.add_argument("verb", choices=("status",))
    words.add_argument("name", nargs="?", metavar="NAME", help="the experiment; without it all are shown")
    words.add_argument("--at", type=Path, metavar="PATH", help="the folder of the sockets, or one socket")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the tables."""
    from llmgw_middleware.cli.reach import ask
    from llmgw_middleware.control import run_folder

    answers = ask(arguments.at or run_folder(os.environ), {"command": "experiments"})
    found = merged(answers, arguments.name)
    if arguments.json:
        print(json.dumps({"experiments": found}, indent=2))
    elif found:
        print("\n\n".join(map(text, found)))
    if not found:
        of = f" {arguments.name}" if arguments.name else ""
        print(f"no running gateway has an experiment{of}", file=sys.stderr)
    return 0 if found else 1


def merged(answers: list[dict[str, Any]], asked: str | None) -> list[dict[str, Any]]:
    """Return each experiment once, with the counts of all processes in which it has the same variants."""
    from llmgw_middleware.model.trial import Experiment, Variant
    from llmgw_middleware.policy.experiment import Comparison
    from llmgw_middleware.rollouts.status import experiment_status

    found: dict[tuple[Any, ...], tuple[Comparison, list[int]]] = {}
    for answer in answers:
        for name, seen in answer["experiments"].items():
            if asked not in (None, name):
                continue
            variants = tuple(Variant(name=v["name"], target="", weight=v["share"]) for v in seen["variants"])
            rules = Experiment(name=name, route=seen["route"], variants=variants)
            comparison, pids = found.setdefault((name, rules.route, variants), (Comparison(rules), []))
            pids.append(answer["pid"])
            for variant in seen["variants"]:
                comparison.tallies[variant["name"]].merge(variant["counts"])
    return [
        {"name": comparison.rules.name, "pids": pids, **_without_counts(experiment_status(comparison))}
        for comparison, pids in found.values()
    ]


def _without_counts(status: dict[str, Any]) -> dict[str, Any]:
    for variant in status["variants"]:
        del variant["counts"]
    return status


def text(experiment: dict[str, Any]) -> str:
    """Return one experiment as a table."""
    pids = experiment["pids"]
    where = f"process {pids[0]}" if len(pids) == 1 else f"{len(pids)} processes together"
    lines = [f"{experiment['name']}  on {experiment['route']}, {where}"]
    if not experiment["trustworthy"]:
        lines.append(
            f"  NOT TO BE TRUSTED: callers are not dealt out as the weights say (p {_p(experiment['mismatch'])})"
        )
    lines.append(f"  {'variant':<16}{'measure':<22}{'value':>10}  {'95 % interval':<22}{'of':>8}  p")
    for variant in experiment["variants"]:
        lines.append(
            f"  {variant['name']:<16}{variant['requests']} requests, {variant['units']} callers, "
            f"meant {variant['share'] * 100:.3g} %"
        )
        lines += [_row(figure) for figure in variant["figures"]]
    return "\n".join(lines)


def _row(figure: dict[str, Any]) -> str:
    measure = figure["measure"]
    value, low, high = (_shown(measure, figure[key]) for key in ("value", "low", "high"))
    interval = "-" if figure["low"] is None else f"{low} to {high}"
    return (
        f"  {'':<16}{measure:<22}{value:>10}  {interval:<22}{figure['count']:>8}  {_p(figure['p'])}".rstrip()
    )


def _shown(measure: str, value: float | None) -> str:
    if value is None:
        return "-"
    if measure == "errors" or measure.startswith("signal "):
        return f"{value * 100:.3g} %"
    if "latency" in measure:
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"${value:.3g}" if measure == "cost" else f"{value:.4g}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"  # noqa: PLR2004 - no more digits are of use
