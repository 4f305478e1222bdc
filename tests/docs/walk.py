"""Follows a page as a newcomer would: runs its mock provider and its server, types its questions."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.docs.pages import Page
from tests.e2e.servers import serve_process

BIN = Path(sys.executable).parent


def words(command: str) -> list[str]:
    """Return a command as a list, its program taken from this environment."""
    program, *rest = shlex.split(command)
    return [str(BIN / program), *rest]


def followed(page: Page, folder: Path) -> list[tuple[str, str]]:
    """Return, for each question that the page asks with curl, what it shows and what was told.

    The page's ports are replaced by free ones, nothing else.
    """
    serve = [*words(page.command("uvicorn main:app")), "--app-dir", str(folder)]
    with provider(page) as url:
        env = {"LLM_URL": url, "LLMGW_CONFIG": str(folder / "llmgw.yaml")}
        with serve_process(lambda _, fd: [*serve, "--fd", str(fd)], env) as server:
            return [
                (shown.strip(), typed(command.replace(":8000", f":{server.port}"), folder))
                for command, shown in page.commands
                if command.startswith("curl")
            ]


def typed(command: str, folder: Path) -> str:
    """Return what a command line prints."""
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.replace("\r", "").strip()


@contextmanager
def provider(page: Page) -> Iterator[str]:
    """Run the page's mock on a free port; yield its URL."""
    command = [*words(page.command("llmgw mock")), "--port", "0", "--latency", "0s", "--gap", "0s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"{_address(process.stdout)}/v1"
        finally:
            process.terminate()


def _address(lines: Any) -> str:
    for line in lines:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return found.group()
    raise AssertionError("the mock does not say where it is")
