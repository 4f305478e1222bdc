"""Where canaries stand, kept outside of the machines that judge them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from llmgw_middleware.policy.rollout import Change, Standing

Listener = Callable[[Change], Any]
"""Hears of a canary that went on, was taken back, or was told to."""


class Standings(Protocol):
    """Keeps where canaries stand. Every process that shares one sees the same stages."""

    def load(self, name: str) -> Standing | None:
        """Return where a canary stands, or None if nothing is known of it."""
        ...

    def save(self, name: str, standing: Standing, *, expected: int) -> bool:
        """Keep ``standing`` if the one kept has the epoch ``expected`` (0: none is kept); return whether it did."""
        ...


class MemoryStandings:
    """Keeps them for as long as the process lives."""

    def __init__(self) -> None:
        self._kept: dict[str, Standing] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<MemoryStandings of {list(self._kept)}>"

    def load(self, name: str) -> Standing | None:
        """Return what is kept."""
        return self._kept.get(name)

    def save(self, name: str, standing: Standing, *, expected: int) -> bool:
        """Keep ``standing`` unless somebody was faster."""
        with self._lock:
            kept = self._kept.get(name)
            if (0 if kept is None else kept.epoch) != expected:
                return False
            self._kept[name] = standing
            return True


class FileStandings:
    """Keeps them in a folder, a file for each canary: for all processes that share it, and over restarts.

    Files are replaced whole, and only while the folder's lock is held. Raises OSError where the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"<FileStandings in {self._folder}>"

    def load(self, name: str) -> Standing | None:
        """Return what is kept; a file that is no standing counts as none."""
        try:
            kept: dict[str, Any] = json.loads(self._file(name).read_bytes())
            return Standing(**kept)
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def save(self, name: str, standing: Standing, *, expected: int) -> bool:
        """Keep ``standing`` unless somebody was faster."""
        with self._locked():
            kept = self.load(name)
            if (0 if kept is None else kept.epoch) != expected:
                return False
            file = self._file(name)
            new = file.with_suffix(f".{os.getpid()}")
            new.write_text(json.dumps(asdict(standing)), encoding="utf-8")
            new.replace(file)
            return True

    def _file(self, name: str) -> Path:
        return self._folder / f"{quote(name, safe='')}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl  # not everywhere; where it is missing this store cannot be used

        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
