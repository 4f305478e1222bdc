"""The command line ``llmgw``. Each command is a module with ``add``, and imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from llmgw_middleware.errors import ConfigError

COMMANDS = (
    "canary",
    "check",
    "docs",
    "experiment",
    "explain",
    "import",
    "init",
    "mirror",
    "mock",
    "schema",
    "serve",
    "test",
)

_MODULES = {"import": "importing"}
"""Commands whose name no module can have."""

OK, PROBLEMS, UNUSABLE = 0, 1, 2
"""Exit codes: all is well; the configuration has problems; the command could not do its work (argparse's own, too)."""

_INTERRUPTED = 130
_LAST_PORT = 65535


def main(argv: Sequence[str] | None = None, **known: Any) -> int:
    """Run one command and return its exit code. ``argv`` are the words after ``llmgw``.

    ``known`` is what an application says that no words can, by the names of the command's arguments.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = parser(words[:1]).parse_args(words)
    vars(arguments).update(known)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return PROBLEMS
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # the reader is gone: nothing is left to flush
        return OK
    except OSError as error:
        if error.filename is None:
            raise
        print(f"llmgw {words[0]}: {error.filename}: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    return code


def port(text: str) -> int:
    """Return the number of a port, 0 for a free one; raises ArgumentTypeError."""
    if not (
        text.isascii() and text.isdecimal() and len(text) <= len(str(_LAST_PORT)) and int(text) <= _LAST_PORT
    ):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to {_LAST_PORT}")
    return int(text)


def parser(asked: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser; only the command that is asked for is imported, all of them for the help."""
    top = argparse.ArgumentParser(
        prog="llmgw", description="The gateway's configuration, decisions and servers."
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name in [word for word in asked if word in COMMANDS] or COMMANDS:
        import_module(f"{__name__}.{_MODULES.get(name, name)}").add(commands)
    return top


class _Version(argparse.Action):
    """Prints the version of the installed distribution."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"llmgw-middleware {version('llmgw-middleware')}")
        parser.exit()
