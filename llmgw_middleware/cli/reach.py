"""The gateways that run on this machine, as the command line reaches them."""

from __future__ import annotations

import json
import os
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
    answers = [answer for path in _sockets(folder) if (answer := _ask(path, command)) is not None]
    if not answers:
        raise ConfigError(
            f"No gateway with canaries or experiments can be reached in {folder}. One is there from its first request "
            "on (LLMGW_RUN_DIR says where), and lets in the user whom it runs as."
        )
    return answers


def steer(folder: Path, verb: str, name: str) -> list[dict[str, Any]]:
    """Tell every gateway that has the canary to do so; return their answers. Raises ConfigError if there is no gateway.

    All are asked first how often theirs has changed: those who share where it stands then change it once.
    """
    seen = {
        path: answer
        for path in _sockets(folder)
        if (answer := _ask(path, {"command": "canaries"})) is not None
    }
    answers = []
    for path, answer in seen.items():
        epoch = answer["canaries"].get(name, {}).get("epoch")
        said = _ask(path, {"command": verb, "name": name, "epoch": epoch})
        answers += [] if said is None else [said]
    return answers or ask(folder, {"command": verb, "name": name})


def _sockets(folder: Path) -> list[Path]:
    """Return the sockets of a folder. Raises ConfigError where it is another user's, who could answer anything."""
    if folder.is_socket():
        return [folder]
    if folder.exists() and os.getuid() not in (0, folder.stat().st_uid):
        raise ConfigError(f"{folder} belongs to another user")
    return sorted(folder.glob("*.sock"))


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
