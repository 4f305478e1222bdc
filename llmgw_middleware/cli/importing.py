"""``llmgw import``: other gateways' configurations in this one's words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmgw_middleware.config.problem import Problem, Report, ordered
from llmgw_middleware.config.tree import Table

Importer = Callable[[list[Path], Report], Table]


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "import",
        help="put another gateway's configuration into this one's words",
        description="Write another gateway's configuration in this one's words. What has no counterpart is listed, in "
        "the output and on the error stream. Credentials are written as ${VARIABLE}. Exit code 0: written; 1: errors, or "
        "with --strict anything left out.",
    )
    words.add_argument(
        "kind", choices=("agentgateway", "litellm"), metavar="KIND", help="agentgateway or litellm"
    )
    words.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files or folders")
    words.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    words.add_argument("--strict", action="store_true", help="whatever is left out is an error")
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the configuration, and return the exit code."""
    from llmgw_middleware.config.written import text_of_tree

    report = Report(lenient=True)
    tree = _importer(arguments.kind)(arguments.files, report)
    problems = ordered(report.problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    if report.failed or (arguments.strict and problems):
        return 1
    text = _heading(arguments, problems) + text_of_tree(tree)
    if arguments.output is None:
        print(text, end="")
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def _importer(kind: str) -> Importer:
    from llmgw_middleware.config.litellm import translate
    from llmgw_middleware.config.manifests import imported

    return translate.imported if kind == "litellm" else imported.imported


def _heading(arguments: argparse.Namespace, problems: tuple[Problem, ...]) -> str:
    """Return what was left out, as comments."""
    names = " ".join(map(str, arguments.files))
    lines = [f"Imported from {names}."]
    if problems:
        lines.append("What has no counterpart, or is meant differently:")
    lines += [f"  {problem}" for problem in problems]
    return "".join(f"# {line}\n" for line in lines)
