"""``flask llmgw …``: the command line with the application's configuration."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from llmgw_flask.conf import AppSettings, source_in_force
from llmgw_flask.identity import unwrapped
from llmgw_flask.named import Named
from llmgw_middleware import ConfigError
from llmgw_middleware.cli import main
from llmgw_middleware.cli.source import as_files

COMMANDS = {
    "check": "Check the gateway's configuration.",
    "docs": "Write a page that documents the rules.",
    "explain": "Explain where a request would go, without a network; --user ID is a user of the application.",
    "test": "Test where requests go, without a network.",
}
RUNNING = {
    "canary": "Show and steer the canaries of running processes.",
    "experiment": "Show the experiments of running processes.",
    "mirror": "Show the shadow traffic of running processes.",
}
"""Commands that ask no configuration."""


def group(settings: AppSettings) -> AppGroup:
    """Return the commands for one application; its configuration is not named again."""
    commands = AppGroup("llmgw", short_help="The LLM gateway's configuration and decisions.")
    for name, text in (COMMANDS | RUNNING).items():
        commands.add_command(_command(name, text, settings))
    return commands


def _command(name: str, text: str, settings: AppSettings) -> click.Command:
    def run(words: tuple[str, ...]) -> None:
        if name in RUNNING:
            raise SystemExit(main([name, *words]))
        try:
            with as_files(source_in_force(settings)) as files:
                code = main([name, *files, *words], who=Named(unwrapped(current_app), settings))
        except ConfigError as error:
            raise click.ClickException(str(error)) from error
        if code:
            raise SystemExit(code)

    return click.Command(
        name,
        callback=with_appcontext(run),
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        help=f"{text} Takes the words of `llmgw {name} --help`{'' if name in RUNNING else ', all but FILE'}.",
        add_help_option=False,
    )
