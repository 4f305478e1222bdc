"""``llmgw canary``: where canaries stand, and what a person decides about them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

VERBS = ("status", "pause", "resume", "promote", "rollback")


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "canary",
        help="show and steer the canaries of running gateways",
        description="Speak to every gateway of this user on this machine that has canaries. status: stage, share, both "
        "sides' figures, what is waited for. pause: keep the share. resume: go on, after a rollback from the first "
        "stage. promote: the next stage now. rollback: everything back to stable. Exit code 0: done; 1: refused, or no "
        "such gateway or canary.",
    )
    words.add_argument("verb", choices=VERBS)
    words.add_argument("name", nargs="?", metavar="NAME", help="the canary; status shows all without it")
    words.add_argument("--at", type=Path, metavar="PATH", help="the folder of the sockets, or one socket")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask or command, and print what came of it."""
    from llmgw_middleware.cli.reach import ask, steer
    from llmgw_middleware.control import run_folder

    folder = arguments.at or run_folder(os.environ)
    if arguments.verb == "status":
        return _status(ask(folder, {"command": "canaries"}), arguments)
    if arguments.name is None:
        print(f"llmgw canary {arguments.verb} needs the name of a canary", file=sys.stderr)
        return 2
    answers = steer(folder, arguments.verb, arguments.name)
    known = [answer for answer in answers if not answer.get("unknown")] or answers[:1]
    if arguments.json:
        print(json.dumps({"ok": all(answer["ok"] for answer in known), "answers": known}, indent=2))
    else:
        for answer in known:
            print(told(answer) if answer["ok"] else answer["error"])
    return 0 if all(answer["ok"] for answer in known) else 1


def told(answer: dict[str, Any]) -> str:
    """Return a change as people read it."""
    change, pid = answer["change"], answer["pid"]
    if change is None:
        return f"process {pid} follows"
    share = f"{change['weight'] * 100:.3g} %"
    return f"{change['canary']}: {change['kind'].replace('_', ' ')}, now {share} (stage {change['stage']}), process {pid}"


def _status(answers: list[dict[str, Any]], arguments: argparse.Namespace) -> int:
    found = [
        (answer["pid"], name, canary)
        for answer in answers
        for name, canary in answer["canaries"].items()
        if arguments.name in (None, name)
    ]
    if arguments.json:
        rows = [{"name": name, "pid": pid, **canary} for pid, name, canary in found]
        print(json.dumps({"canaries": rows}, indent=2))
    elif found:
        print("\n\n".join(text(name, canary, pid) for pid, name, canary in found))
    if not found:
        print(
            f"no running gateway has a canary{f' {arguments.name}' if arguments.name else ''}",
            file=sys.stderr,
        )
    return 0 if found else 1


def text(name: str, canary: dict[str, Any], pid: int) -> str:
    """Return one canary as people read it."""
    status = canary["status"].replace("_", " ")
    stage = f"stage {canary['stage']} of {len(canary['stages'])}"
    lines = [
        f"{name}  {status} at {canary['weight'] * 100:.3g} % ({stage}) of {canary['route']}, process {pid}"
    ]
    if canary["status"] == "running":
        lines.append(f"  waiting for {canary['waitingFor']}")
    elif canary["reason"]:
        lines.append(f"  {canary['reason']}")
    lines.append(f"  {'':<8}{'requests':>10}{'errors':>10}{'p50':>10}{'p90':>10}  backend")
    for side in ("stable", "canary"):
        seen = canary["sides"][side]
        cells = (
            f"{seen['requests']:>10}{percent(seen['errorRate']):>10}{seconds(seen['p50']):>10}"
            f"{seconds(seen['p90']):>10}"
        )
        lines.append(f"  {side:<8}{cells}  {canary[side]}")
    lines += [f"  {_finding(finding)}" for finding in canary["findings"]]
    return "\n".join(lines)


def _finding(finding: dict[str, Any]) -> str:
    shown = seconds if "latency" in finding["rule"] else percent
    values = [shown(finding[key]) for key in ("canary", "stable", "limit")]
    return (
        f"{finding['rule']}: {values[0]} (stable {values[1]}, limit {values[2]}), "
        f"{finding['certainty'] * 100:.0f} % of the evidence for a rollback"
    )


def percent(value: float | None) -> str:
    """Return a share as people read it."""
    return "-" if value is None else f"{value * 100:.3g} %"


def seconds(value: float | None) -> str:
    """Return a time as people read it."""
    if value is None:
        return "-"
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
