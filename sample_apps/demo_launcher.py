"""What the demos of all sample applications do: run the site with mock providers beside it, and stop both together.

A demo is a script of its own (``django_chat/demo.py``) that describes its site with ``Demo`` and calls ``main``.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx

SAMPLE_APPS = Path(__file__).resolve().parent
ROOT = SAMPLE_APPS.parent
HOST = "127.0.0.1"
PATIENCE = 60.0
"""Seconds until both servers must answer."""
GRACE = 5.0
"""Seconds a server may take to stop."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One sample application.

    ``command`` gives, for a port, what one would type after ``python`` in ``folder`` to serve it. ``welcome`` is printed
    when it answers, with ``{site}``, ``{mocks}`` and ``{llmgw}`` filled in; ``target`` is its target in the Makefile.
    """

    title: str
    target: str
    folder: Path
    command: Callable[[int], Sequence[str]]
    welcome: str
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None


class DemoError(Exception):
    """The demo cannot run. The text says why and what to do."""


class Server(NamedTuple):
    """A process of the demo and what it is called."""

    name: str
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise DemoError if it has ended by itself."""
        status = self.process.poll()
        if status is not None:
            raise DemoError(f"the {self.name} ended with status {status}; its words are above.")


def main(demo: Demo) -> int:
    """Run the demo until it is asked to stop. Returns 0 then, 1 when it could not run."""
    parser = argparse.ArgumentParser(description=f"The {demo.title} sample with mock providers.")
    parser.add_argument("--port", type=int, default=8000, help="where the site listens (default: 8000)")
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".demo", help="the folder of what it keeps (default: .demo)"
    )
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(demo, port=options.port, state=options.state.resolve(), stop=stop)
    except DemoError as problem:
        print(f"The demo cannot run: {problem}", file=sys.stderr)
        return 1
    print("The demo has stopped.", flush=True)
    return 0


def run(demo: Demo, *, port: int, state: Path, stop: threading.Event) -> None:
    """Start everything, say where it is, and watch it until ``stop`` is set. Raises DemoError."""
    check_free(port, demo.target)
    mock_port = free_port()
    site, mocks = f"http://{HOST}:{port}", f"http://{HOST}:{mock_port}"
    os.environ.update(DEMO_STATE=str(state), MOCK_PROVIDERS_URL=mocks, **demo.environment)
    mock_command = [str(SAMPLE_APPS / "mock_providers" / "serve.py"), "--port", str(mock_port)]
    with running("mock providers", mock_command, demo.folder) as mock:
        demo.prepare()
        with running("site", demo.command(port), demo.folder) as served:
            servers = (mock, served)
            if answers(f"{mocks}/states", servers, stop) and answers(f"{site}/login/", servers, stop):
                print(demo.welcome.format(site=site, mocks=mocks, llmgw=llmgw_command()), flush=True)
            while not stop.wait(0.5):
                for each in servers:
                    each.check()


def check_free(port: int, target: str) -> None:
    """Raise DemoError if something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            raise DemoError(
                f"port {port} of {HOST} cannot be used ({problem.strerror}). "
                f"Stop what listens there, or take another: make {target} DEMO_PORT={port + 1}"
            ) from None


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(name: str, command: Sequence[str], folder: Path) -> Iterator[Server]:
    """Run a Python program for the length of the ``with`` block.

    It gets a session of its own: Ctrl-C reaches this process only, which then stops its servers in order.
    """
    process = subprocess.Popen([sys.executable, *command], cwd=folder, start_new_session=True)  # noqa: S603
    try:
        yield Server(name, process)
    finally:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str, servers: Sequence[Server], stop: threading.Event) -> bool:
    """Wait until ``url`` answers 200. Returns False when the demo is asked to stop before. Raises DemoError."""
    deadline = time.monotonic() + PATIENCE
    while not stop.wait(0.05):
        for each in servers:
            each.check()
        try:
            if httpx.get(url, timeout=2).is_success:
                return True
        except httpx.TransportError:
            pass  # it does not listen yet
        if time.monotonic() > deadline:
            raise DemoError(f"{url} did not answer within {PATIENCE:.0f} seconds.")
    return False


def llmgw_command() -> str:
    """Return how to call ``llmgw`` from where the demo was started."""
    command = Path(sys.executable).with_name("llmgw")
    return str(command.relative_to(Path.cwd())) if command.is_relative_to(Path.cwd()) else str(command)
