"""A door for the operator on the same machine: a socket file in a folder that only they can enter.

There is one for each process that serves a configuration with canaries or experiments. ``llmgw canary`` and ``llmgw
experiment`` speak to all of them. Nothing listens on a network, and there is no token that could leak: the file
system lets in the user whom the process runs as, and root.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmgw_middleware.policy.rollout import Change, Refused
from llmgw_middleware.rollouts.trials import Rollouts
from llmgw_middleware.shadow import Mirror, mirrors_shown

log = logging.getLogger("llmgw")

LONGEST = 64 * 1024
"""Bytes of a command."""

PATIENCE = 10.0
"""Seconds that a caller has to say it."""


def run_folder(env: Mapping[str, str]) -> Path:
    """Return where the sockets are.

    ``LLMGW_RUN_DIR``, else ``llmgw`` in ``XDG_RUNTIME_DIR``, else in the folder for temporary files, with the user's
    number.
    """
    said = env.get("LLMGW_RUN_DIR")
    if said:
        return Path(said)
    runtime = env.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime, "llmgw")
    whose = os.getuid() if hasattr(os, "getuid") else env.get("USERNAME", "user")
    import tempfile  # large, and needed where there are canaries, experiments or mirrors

    return Path(tempfile.gettempdir(), f"llmgw-{whose}")


class Control:
    """Answers the commands of one process."""

    def __init__(self, rollouts: Rollouts, mirrors: Mapping[str, Mirror], folder: Path) -> None:
        self._rollouts = rollouts
        self._mirrors = mirrors
        self._folder = folder

    def __repr__(self) -> str:
        return f"<Control of {self._rollouts!r} in {self._folder}>"

    async def run(self, *_: Any) -> None:
        """Listen for ever. Where it cannot, one line in the log says so, and everything else goes on."""
        try:
            listener, path = self._listen()
        except OSError as error:
            log.warning("llmgw canary cannot reach this process: %s", error)
            return
        try:
            async with await asyncio.start_unix_server(self._serve, sock=listener, limit=LONGEST) as server:
                await server.serve_forever()
        finally:
            listener.close()
            with suppress(OSError):
                path.unlink()

    def answer(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked; the answer has ``ok``, and ``error`` where that is false."""
        name = command.get("name")
        match command.get("command"):
            case "canaries":
                return {"ok": True, "pid": os.getpid(), "canaries": self._rollouts.canaries()}
            case "experiments":
                return {"ok": True, "pid": os.getpid(), "experiments": self._rollouts.experiments()}
            case "mirrors":
                return {"ok": True, "pid": os.getpid(), "mirrors": mirrors_shown(self._mirrors)}
            case "pause" | "resume" | "promote" | "rollback" as verb if isinstance(name, str):
                return self._change(verb, name, command.get("epoch"))
            case other:
                return {"ok": False, "error": f"there is no command {other!r}"}

    def _change(self, verb: str, name: str, epoch: Any) -> dict[str, Any]:
        """Act, unless the canary has changed since ``epoch``: then another process that shares its standing did."""
        act = {
            "pause": self._rollouts.pause,
            "resume": self._rollouts.resume,
            "promote": self._rollouts.promote,
            "rollback": self._rollouts.roll_back,
        }[verb]
        try:
            if isinstance(epoch, int) and self._rollouts.epoch(name) != epoch:
                return {"ok": True, "pid": os.getpid(), "change": None}
            return {"ok": True, "pid": os.getpid(), "change": _plain(act(name))}
        except LookupError as error:
            return {"ok": False, "unknown": True, "error": str(error.args[0])}
        except Refused as error:
            return {"ok": False, "error": str(error)}

    def _listen(self) -> tuple[socket.socket, Path]:
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("this system has no socket files")
        folder = self._folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.lstat()
        if folder.is_symlink() or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
            raise OSError(f"{folder} must be a folder of this user alone (chmod 700)")
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}.sock"
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.setblocking(False)  # noqa: FBT003 - the socket module's signature
            listener.bind(str(path))
        except OSError:
            listener.close()
            raise
        return listener, path

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            said = await asyncio.wait_for(reader.readline(), PATIENCE)
            command = json.loads(said)
            answer = self.answer(command if isinstance(command, dict) else {})
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ValueError, TimeoutError, ConnectionError) as error:
            log.debug("a command could not be read: %r", error)
        finally:
            writer.close()


def _plain(change: Change) -> dict[str, Any]:
    return {
        "canary": change.canary,
        "kind": change.kind,
        "stage": change.stage + 1,
        "weight": change.weight,
        "reason": change.reason,
    }
