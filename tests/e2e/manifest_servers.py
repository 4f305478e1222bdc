"""``llmgw serve --manifests`` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.servers import ROOT

_START = "import sys; from llmgw_middleware.cli import main; sys.exit(main())"


@contextmanager
def llmgw(words: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[int]:
    """Run an ``llmgw`` command that serves on a port of its choice; yield the port once it listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", _START, *words, "--port", "0"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield _port(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _port(process: subprocess.Popen[str]) -> int:
    said = ""
    for line in process.stdout or ():
        said += line
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found[1])
    raise AssertionError(f"it did not start: {said}")
