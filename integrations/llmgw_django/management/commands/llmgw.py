"""``manage.py llmgw check`` and ``manage.py llmgw explain``: the command line with the project's configuration."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from llmgw_django.conf import source_in_force
from llmgw_middleware import ConfigError
from llmgw_middleware.cli import main

COMMANDS = ("check", "explain")


class Command(BaseCommand):
    """Runs ``llmgw``; the configuration is the project's and is not named again."""

    help = "Checks the gateway's configuration, or explains where a request would go."
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
            with written(source_in_force()) as files:
                code = main([command, *files, *words])
        except ConfigError as error:
            raise CommandError(str(error)) from error
        if code:
            sys.exit(code)


@contextmanager
def written(source: Any) -> Iterator[list[str]]:
    """Yield ``source`` as files; what the settings hold as Python values is written to one for the time being."""
    if isinstance(source, (str, Path)):
        yield [str(source)]
    elif isinstance(source, Mapping) or any(isinstance(item, Mapping) for item in source):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "LLMGW.json")
            file.write_text(json.dumps(source, default=str))
            yield [str(file)]
    else:
        yield [str(item) for item in source]
