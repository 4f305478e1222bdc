"""The gateways that run on this machine, as the command line reaches them."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmgw_middleware.errors import ConfigError

PATIENCE = 10.0


def ask(folder: Path, command: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the answer of every gateway whose socket is in ``folder``; raises ConfigError if there is none.

    Sockets that nobody listens on any more are removed.
    """
    paths = [folder] if folder.is_socket() else sorted(folder.glob("*.sock"))
    answers = [answer for path in paths if (answer := _ask(path, command)) is not None]
    if not answers:
        raise ConfigError(
            f"No gateway with canaries or experiments can be reached in {folder}. One is there from its first request "
            "on (LLMGW_RUN_DIR says where), and lets in the user whom it runs as."
        )
    return answers


def _ask(path: Path, command: Mapping[str, Any]) -> dict[str, Any] | None:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE)
        try:
            line.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            with suppress(OSError):
                path.unlink()
            return None
        except PermissionError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        line.sendall(json.dumps(command).encode() + b"\n")
        with line.makefile("rb") as answer:
            said = answer.readline()
    if not said:
        raise ConfigError(f"{path}: the gateway gave no answer")
    found: dict[str, Any] = json.loads(said)
    return found
