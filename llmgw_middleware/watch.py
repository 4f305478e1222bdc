"""Notices that the files of a configuration changed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from llmgw_middleware.errors import ConfigError

log = logging.getLogger("llmgw")

INTERVAL = 1.0
"""Seconds between looks at the files. Looking is a handful of ``stat`` calls in a thread."""

Stamp = tuple[tuple[str, int, int], ...]


def stamp(sources: Sequence[str]) -> Stamp:
    """Return what changes when a file does: name, time of modification, size. A folder stands for its files."""
    files = [file for source in sources for file in _files(Path(source))]
    return tuple(
        (str(file), stat.st_mtime_ns, stat.st_size) for file in files if (stat := _stat(file)) is not None
    )


class Watcher:
    """Calls ``reload`` after a change. A file that cannot be used keeps the old configuration, and is logged once."""

    def __init__(self, sources: Sequence[str], reload: Callable[[], None]) -> None:
        self.sources = tuple(sources)
        self._reload = reload
        self._seen = stamp(self.sources)

    def __repr__(self) -> str:
        return f"<Watcher of {', '.join(self.sources) or 'nothing'}>"

    async def run(self) -> None:
        """Look every second, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await asyncio.to_thread(self.look)

    def look(self) -> bool:
        """Look once; return whether something had changed."""
        now = stamp(self.sources)
        if now == self._seen:
            return False
        self._seen = now
        try:
            self._reload()
        except ConfigError as error:
            log.error("the changed configuration is not used, the one before stays: %s", error)  # noqa: TRY400 - its text says all
        return True


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
