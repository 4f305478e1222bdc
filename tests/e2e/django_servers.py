"""The Django project of ``tests/django`` under real servers, each in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.django.project import people
from tests.django.project.gateway import config
from tests.e2e.servers import (
    TIMEOUT,
    Process,
    RawCaller,
    serve_gunicorn,
    serve_hypercorn,
    serve_process,
    serve_uvicorn,
)

people.set_up()

WSGI = "tests.django.project.wsgi:application"
ASGI = "tests.django.project.asgi:application"
LIVING = "tests.django.project.asgi:living"


@dataclass
class Site:
    """A running project, and the upstream that its gateway calls."""

    kind: str
    process: Process
    upstream: ScriptedUpstream

    def caller(self) -> RawCaller:
        return RawCaller(self.process.port)

    def browser(self, name: str, **headers: str) -> dict[str, str]:
        """Return the headers that a page of the site itself sends when ``name`` has logged in."""
        own = f"http://127.0.0.1:{self.process.port}"
        given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return {"cookie": people.cookies(name), "x-csrftoken": people.CSRF_TOKEN, "origin": own, **given}


@contextmanager
def site(kind: str, **project: str) -> Iterator[Site]:
    """Run the project under one of ``SERVERS``; ``project`` are its ``PROJECT_…`` variables."""
    people.create()
    with ExitStack() as stack:
        upstream = stack.enter_context(ScriptedUpstream())
        file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "llmgw.json")
        file.write_text(
            json.dumps(config(upstream.url, onNoRoute="error", paths=["/v1/*"], maxBodySize=6_000_000))
        )
        env = {
            "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
            "PROJECT_DATABASE": os.environ["PROJECT_DATABASE"],
            "LLMGW_CONFIG": str(file),
            **{f"PROJECT_{name}": value for name, value in project.items()},
        }
        process = stack.enter_context(SERVERS[kind](env))
        yield Site(kind, process, upstream)


def gthread(env: dict[str, str], *options: str) -> AbstractContextManager[Process]:
    return serve_gunicorn(WSGI, env, threads=24, options=options)


def preloaded(env: dict[str, str]) -> AbstractContextManager[Process]:
    return gthread(env, "--preload")


def uvicorn(env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_uvicorn(ASGI, env)


def living(env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_uvicorn(LIVING, env, "--lifespan", "on")


def hypercorn(env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_hypercorn(LIVING, env)


def gunicorn_asgi(env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_gunicorn(LIVING, env, worker="asgi")


@contextmanager
def runserver(env: dict[str, str]) -> Iterator[Process]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (sys.executable, "-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}")
    with serve_process(lambda _, __: command, {**env, "PYTHONUNBUFFERED": "1"}) as running:
        running.port = port
        _await_port(running)
        yield running


SERVERS: dict[str, Any] = {
    "gthread": gthread,
    "gthread --preload": preloaded,
    "uvicorn": uvicorn,
    "uvicorn --lifespan on": living,
    "hypercorn": hypercorn,
    "gunicorn asgi": gunicorn_asgi,
    "runserver": runserver,
}
OFTEN = ("gthread", "uvicorn")
"""What every change is tried under: one server of each kind."""


def _await_port(running: Process) -> None:
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and running.process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", running.port)) == 0:
                return
        time.sleep(0.05)  # the operating system tells nobody when another process listens
    raise AssertionError(f"runserver did not start:\n{running.log.read_text()}")


def chat(*, stream: bool = False, **more: Any) -> bytes:
    return json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}
    ).encode()
