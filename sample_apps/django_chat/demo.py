"""The demo: the Django site under uvicorn, with mock providers beside it. ``make demo`` runs this file.

``python sample_apps/django_chat/demo.py --port 8000`` makes the database and its users where they are missing, starts
both servers on this machine only, and stops them on Ctrl-C or SIGTERM.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HOST = "127.0.0.1"
PATIENCE = 60.0
"""Seconds until both servers must answer."""
GRACE = 5.0
"""Seconds a server may take to stop."""

WELCOME = """
  Chat       {site}/
  Log in as  alice / alice   free tier              answered by gpt-4o-mini
             bob   / bob     premium tier           answered by gpt-4o
             admin / admin   premium tier, in the EU; {site}/admin/ makes others premium
  Rules      sample_apps/django_chat/llmgw.yaml (edit it while the demo runs)
  Providers  {mocks} (mocks; the page has switches that break them)

  Why does a question go where it goes?
    {llmgw} explain sample_apps/django_chat/llmgw.yaml -X POST --path /v1/chat/completions \\
      -d '{{"model": "gpt-4o"}}' --user id=1 --user tier=free

  Ctrl-C stops the demo.
"""


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


def main() -> int:
    """Run the demo until it is asked to stop. Returns 0 then, 1 when it could not run."""
    parser = argparse.ArgumentParser(description="The Django sample with mock providers.")
    parser.add_argument("--port", type=int, default=8000, help="where the site listens (default: 8000)")
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".demo", help="the database's folder (default: .demo)"
    )
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(port=options.port, state=options.state.resolve(), stop=stop)
    except DemoError as problem:
        print(f"The demo cannot run: {problem}", file=sys.stderr)
        return 1
    print("The demo has stopped.", flush=True)
    return 0


def run(*, port: int, state: Path, stop: threading.Event) -> None:
    """Start everything, say where it is, and watch it until ``stop`` is set. Raises DemoError."""
    check_free(port)
    mock_port = free_port()
    site, mocks = f"http://{HOST}:{port}", f"http://{HOST}:{mock_port}"
    os.environ.update(
        DEMO_STATE=str(state), MOCK_PROVIDERS_URL=mocks, DJANGO_SETTINGS_MODULE="website.settings"
    )
    mock_command = [str(HERE.parent / "mock_providers" / "serve.py"), "--port", str(mock_port)]
    with running("mock providers", mock_command) as mock:
        prepare_database()
        with running("site", ["-m", "uvicorn", *uvicorn_options(port)]) as django:
            servers = (mock, django)
            if answers(f"{mocks}/states", servers, stop) and answers(f"{site}/login/", servers, stop):
                print(WELCOME.format(site=site, mocks=mocks, llmgw=llmgw_command()), flush=True)
            while not stop.wait(0.5):
                for each in servers:
                    each.check()


def uvicorn_options(port: int) -> list[str]:
    """Return what one would type after ``uvicorn``."""
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [
        "website.asgi:application",
        "--host",
        HOST,
        "--port",
        str(port),
        "--timeout-graceful-shutdown",
        "1",
        *quiet,
    ]


def prepare_database() -> None:
    """Do what ``manage.py migrate`` and ``manage.py demo_users`` do."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("demo_users")


def check_free(port: int) -> None:
    """Raise DemoError if something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            raise DemoError(
                f"port {port} of {HOST} cannot be used ({problem.strerror}). "
                f"Stop what listens there, or take another: make demo DEMO_PORT={port + 1}"
            ) from None


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(name: str, command: Sequence[str]) -> Iterator[Server]:
    """Run a Python program for the length of the ``with`` block.

    It gets a session of its own: Ctrl-C reaches this process only, which then stops its servers in order.
    """
    process = subprocess.Popen([sys.executable, *command], cwd=HERE, start_new_session=True)  # noqa: S603
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


if __name__ == "__main__":
    sys.exit(main())
