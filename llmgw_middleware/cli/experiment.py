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
    found = [
        (answer["pid"], name, experiment)
        for answer in answers
        for name, experiment in answer["experiments"].items()
        if arguments.name in (None, name)
    ]
    if arguments.json:
        rows = [{"name": name, "pid": pid, **experiment} for pid, name, experiment in found]
        print(json.dumps({"experiments": rows}, indent=2))
    elif found:
        print("\n\n".join(text(name, experiment, pid) for pid, name, experiment in found))
    if not found:
        of = f" {arguments.name}" if arguments.name else ""
        print(f"no running gateway has an experiment{of}", file=sys.stderr)
    return 0 if found else 1


def text(name: str, experiment: dict[str, Any], pid: int) -> str:
    """Return one experiment as a table."""
    lines = [f"{name}  on {experiment['route']}, process {pid}"]
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
