"""``llmgw test``: whether requests go where a file says they should, without any network."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmgw_middleware.config.quantity import share

OK, FAILED, UNUSABLE = 0, 1, 2


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "test",
        help="test where requests go, without any network",
        description="Run a file of tests against a configuration: each says a request and the route, backend or share "
        "of a split that it should get. Exit code 0: all passed; 1: one failed, routes are left untested beyond "
        "--min-coverage, or the configuration has problems; 2: the file of tests cannot be used.",
    )
    words.add_argument("files", nargs="+", metavar="FILE", help="the configuration: files or folders")
    words.add_argument(
        "tests", type=Path, metavar="TESTS", help="a YAML, JSON or TOML file of tests, or a folder"
    )
    words.add_argument("--junit", type=Path, metavar="XML", help="write the results as JUnit XML")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.add_argument(
        "--min-coverage",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="fail if fewer of the routes are reached by a test, such as 100%%",
    )
    words.add_argument("--seed", type=int, default=0, metavar="N", help="what chance decides; default: 0")
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the tests and print what came of them."""
    from llmgw_middleware.build import build_snapshot, load_plan
    from llmgw_middleware.cli.rehearsal import coverage, rehearse
    from llmgw_middleware.config.cases import read_cases

    cases, problems = read_cases(arguments.tests)
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        return UNUSABLE
    plan = load_plan(arguments.files, os.environ, serving=False)
    results = list(rehearse(build_snapshot(plan), cases, seed=arguments.seed))
    reached, missed = coverage(plan, results)
    if arguments.junit is not None:
        from llmgw_middleware.cli.junit import junit

        arguments.junit.write_bytes(junit(results, suite="llmgw test"))
    covered = len(reached) / max(1, len(plan.routes)) >= arguments.min_coverage
    good = covered and all(result.passed for result in results)
    print(_json(results, reached, missed, ok=good) if arguments.json else _text(results, reached, missed))
    if not covered:
        print(f"fewer than {arguments.min_coverage * 100:g} % of the routes are tested", file=sys.stderr)
    return OK if good else FAILED


def _json(results: Sequence[Any], reached: Sequence[str], missed: Sequence[str], *, ok: bool) -> str:
    shape = {
        "ok": ok,
        "tests": [result.as_dict() for result in results],
        "coverage": {"reached": list(reached), "missed": list(missed)},
    }
    return json.dumps(shape, indent=2, ensure_ascii=False)


def _text(results: Sequence[Any], reached: Sequence[str], missed: Sequence[str]) -> str:
    lines = []
    for result in results:
        lines.append(f"{'ok  ' if result.passed else 'FAIL'} {result.case.name}")
        lines += [f"  {fault}" for fault in result.faults]
    failed = sum(not result.passed for result in results)
    lines.append("")
    lines.append(f"{len(results) - failed} passed, {failed} failed")
    untested = f"; no test reaches {', '.join(missed)}" if missed else ""
    lines.append(f"{len(reached)} of {len(reached) + len(missed)} routes reached{untested}")
    return "\n".join(lines)


def _share(text: str) -> float:
    try:
        return share(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: {error}") from error
