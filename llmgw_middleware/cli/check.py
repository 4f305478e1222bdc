"""``llmgw check``: load and lint a configuration."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from llmgw_middleware.config.problem import Problem, ordered

CANNOT_READ = "cannot_read"


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "check",
        help="load and lint a configuration",
        description="Load and lint a configuration. Several files, or a folder, are one configuration. "
        "Exit code 0: no errors; 1: problems; 2: a file cannot be read.",
    )
    words.add_argument("files", nargs="+", metavar="FILE", help="a YAML, JSON or TOML file, or a folder")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.add_argument("--strict", action="store_true", help="warnings count as problems")
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every problem, and return the exit code."""
    problems = problems_of(arguments.files)
    counted = [p for p in problems if p.severity == "error" or arguments.strict]
    if arguments.json:
        print(
            json.dumps(
                {"ok": not counted, "problems": [asdict(p) for p in problems]}, indent=2, ensure_ascii=False
            )
        )
    else:
        for problem in problems:
            print(problem)
        print(summary(problems))
    if any(p.code == CANNOT_READ for p in problems):
        return 2
    return 1 if counted else 0


def problems_of(source: Mapping[str, Any] | str | os.PathLike[str] | Sequence[Any]) -> tuple[Problem, ...]:
    """Return what loading ``source`` (as ``load`` takes it) finds, and, where there is a plan, what linting does."""
    from llmgw_middleware.config.load import load
    from llmgw_middleware.lint import lint

    loaded = load(source, env=os.environ, serving=False)
    if loaded.plan is None:
        return loaded.problems
    return ordered((*loaded.problems, *lint(loaded.plan)))


def summary(problems: Sequence[Problem]) -> str:
    """Return the last line: how many errors and warnings, and which warnings, for their lines do not say so."""
    errors = [p for p in problems if p.severity == "error"]
    warnings = Counter(p.code for p in problems if p.severity == "warning")
    if not errors and not warnings:
        return "ok: no problems"
    parts = [_counted(len(errors), "error")] if errors else ["ok: no errors"]
    if warnings:
        codes = ", ".join(f"{code} {number}" for code, number in sorted(warnings.items()))
        parts.append(f"{_counted(warnings.total(), 'warning')} ({codes})")
    return ", ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
