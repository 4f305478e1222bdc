"""``llmgw mirror``: what became of the copies of requests."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from llmgw_middleware.cli.canary import percent, seconds


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "mirror",
        help="show the shadow traffic of running gateways",
        description="Speak to every gateway of this user on this machine that copies requests: how many copies were sent, "
        "dropped because 100 were waiting already, answered with which status, how fast, with how many tokens. Exit code "
        "0: shown; 1: there is none.",
    )
    words.add_argument("verb", choices=("status",))
    words.add_argument("--at", type=Path, metavar="PATH", help="the folder of the sockets, or one socket")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the counts."""
    from llmgw_middleware.cli.reach import ask
    from llmgw_middleware.control import run_folder

    answers = ask(arguments.at or run_folder(os.environ), {"command": "mirrors"})
    found = [(answer["pid"], route, seen) for answer in answers for route, seen in answer["mirrors"].items()]
    if arguments.json:
        print(json.dumps({"mirrors": [{"route": r, "pid": pid, **seen} for pid, r, seen in found]}, indent=2))
    for pid, route, seen in [] if arguments.json else found:
        print(text(route, seen, pid))
    if not found:
        print("no running gateway copies requests", file=sys.stderr)
    return 0 if found else 1


def text(route: str, seen: dict[str, Any], pid: int) -> str:
    """Return one route's copies as people read them."""
    statuses = ", ".join(
        f"{count} × {status if status != '0' else 'no answer'}" for status, count in seen["statuses"].items()
    )
    return (
        f"{route}  {percent(seen['share'])} to {seen['backend']}, process {pid}\n"
        f"  {seen['requests']} copies, {seen['errors']} failed, {seen['dropped']} dropped"
        f"{f' ({statuses})' if statuses else ''}\n"
        f"  p50 {seconds(seen['p50'])}, p90 {seconds(seen['p90'])}, {seen['tokens']} tokens"
    )
