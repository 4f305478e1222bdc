"""``manage.py llmgw …``: the command line with the project's configuration and the project's users."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from llmgw_django.conf import source_in_force
from llmgw_django.named import Named
from llmgw_middleware import ConfigError
from llmgw_middleware.cli import main
from llmgw_middleware.cli.source import as_files

COMMANDS = ("canary", "check", "docs", "experiment", "explain", "init", "mirror", "schema", "test")


class Command(BaseCommand):
    """Runs ``llmgw``; the configuration is the project's and is not named again."""

    help = (
        "check: finds what is wrong with the gateway's configuration. explain: says where a request would go, with "
        "--user NAME for a user of this project. test: runs a file of tests. docs: writes a page about the rules. canary, "
        "experiment, mirror: show and steer what runs. init: writes a first configuration. schema: prints its JSON Schema."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's; a wrong configuration must not hide its own report

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the words of ``llmgw``, all but the file."""
        parser.add_argument("command", choices=COMMANDS)
        parser.add_argument(
            "words", nargs=argparse.REMAINDER, help="as of `llmgw COMMAND --help`, without FILE"
        )

    def handle(self, *, command: str, words: Sequence[str], **_: Any) -> None:
        """Run the command; exit with its code unless that is 0."""
        try:
            code = _run(command, words, self.stderr)
        except ConfigError as error:
            raise CommandError(str(error)) from error
        if code:
            sys.exit(code)


def _run(command: str, words: Sequence[str], notes: OutputWrapper) -> int:
    match command:
        case "schema":
            return main(["schema", *words])
        case "init":
            return main(["init", "--django", *words])
        case "canary" | "experiment" | "mirror":
            return main([command, *words])
        case "check" | "docs" | "test":
            with as_files(source_in_force()) as files:
                return main([command, *files, *words])
        case _:
            return _explain(words, notes)


def _explain(words: Sequence[str], notes: OutputWrapper) -> int:
    who = Named()
    with as_files(source_in_force()) as files:
        code = main(["explain", *files, *words], who=who)
    if who.user is not None:
        notes.write(f"user     {who}", str)  # aside, so that --json stays one object
    return code
