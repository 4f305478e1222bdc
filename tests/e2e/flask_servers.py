"""The Flask application of ``tests/flask`` under real servers, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask, jsonify

from llmgw_flask import LLMGateway, wrap_wsgi
from llmgw_middleware.testing.upstream import ScriptedUpstream
from llmgw_middleware.wsgi import bridge
from llmgw_middleware.wsgi.environ import Environ
from llmgw_middleware.wsgi.hang_up import HangUp
from tests.e2e.servers import Process, RawCaller, serve_gunicorn, serve_process, serve_uwsgi
from tests.flask import shop
from tests.leftovers import leftovers


def application() -> Flask:
    """Return the application, which tells at ``/inside`` what its process has in hand."""
    app = shop.with_flask_login()
    app.add_url_rule("/inside", "inside", lambda: jsonify(leftovers()))
    return app


def extension() -> Flask:
    """Return what a server serves: the extension inside the application. ``LLMGW_CONFIG`` names the configuration."""
    app = application()
    LLMGateway(app)
    return app


def wrapped() -> Flask:
    """Return the same with the gateway around the application."""
    app = application()
    wrap_wsgi(app)
    return app


def warm() -> Flask:
    """Return an application whose loop thread runs before a server forks, as a careless one might have it."""
    app = extension()
    app.test_client().get("/v1/models")
    assert app.extensions["llmgw"]._bridge.thread.started
    return app


def no_socket(environ: Environ) -> HangUp | None:
    """Look for the caller's connection as if there were none to look at."""
    return None


def unseen() -> Flask:
    """Return an application whose server shows no socket, as far as the gateway can see."""
    bridge.hang_up = no_socket  # type: ignore[attr-defined]  # it imports the name
    return extension()


def unseen_and_heard() -> Flask:
    """Return the same with a heartbeat every 0.4 seconds."""
    bridge.HEARTBEAT = 0.4
    return unseen()


def on_uvloop() -> Flask:
    """Return an application whose process has chosen uvloop for its event loops."""
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return extension()


def on_asyncio() -> Flask:
    """Return an application whose process keeps to asyncio's event loop, with uvloop installed."""
    os.environ["LLMGW_LOOP"] = "asyncio"
    return extension()


@dataclass
class Site:
    """A running application, and the upstream that its gateway calls."""

    kind: str
    process: Process
    upstream: ScriptedUpstream

    def caller(self) -> RawCaller:
        return RawCaller(self.process.port)

    def login(self, name: str) -> str:
        """Return the Cookie header of a browser where ``name`` has logged in."""
        with self.caller() as caller:
            caller.send_request(path=f"/login/{name}")
            head = caller.read_until(b"\r\n\r\n").decode()
        cookies = [
            line.partition(": ")[2].partition(";")[0]
            for line in head.split("\r\n")
            if line.lower().startswith("set-cookie")
        ]
        return "; ".join(cookies)


def flask_run(target: str, env: dict[str, str], *options: str) -> AbstractContextManager[Process]:
    """Serve with Werkzeug as ``flask run`` does; the socket comes the way its reloader hands it on."""
    return serve_process(
        lambda _, fd: [
            *("/usr/bin/env", "WERKZEUG_RUN_MAIN=true", f"WERKZEUG_SERVER_FD={fd}"),
            *(sys.executable, "-m", "flask", "--app", target, *options, "run", "--no-reload"),
        ],
        env,
    )


def debugging(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    """Serve with Werkzeug's debugger around the application."""
    return flask_run(target, env, "--debug")


def gthread(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_gunicorn(target, env, threads=24)


def preloaded(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_gunicorn(target, env, threads=24, options=["--preload"])


def gevent(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    pytest.importorskip("gevent", reason="gevent is not installed")
    return serve_gunicorn(target, env, worker="gevent")


def uwsgi(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_uwsgi(target, env)


def uwsgi_threads(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_uwsgi(target, env, "--enable-threads", "--threads", "16")


def uwsgi_lazy(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_uwsgi(target, env, "--master", "--enable-threads", "--threads", "16", "--lazy-apps")


def uwsgi_forking(target: str, env: dict[str, str]) -> AbstractContextManager[Process]:
    return serve_uwsgi(target, env, "--master", "--enable-threads", "--threads", "16")


SERVERS: dict[str, Callable[[str, dict[str, str]], AbstractContextManager[Process]]] = {
    "flask run": flask_run,
    "flask run --debug": debugging,
    "gthread": gthread,
    "gthread --preload": preloaded,
    "gevent": gevent,
    "uwsgi": uwsgi,
    "uwsgi threads": uwsgi_threads,
    "uwsgi lazy-apps": uwsgi_lazy,
    "uwsgi master": uwsgi_forking,
}


@contextmanager
def site(kind: str, way: str = "extension") -> Iterator[Site]:
    """Run the application made by the function ``way`` of this module under one of ``SERVERS``."""
    with ExitStack() as stack:
        upstream = stack.enter_context(ScriptedUpstream())
        file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "llmgw.json")
        file.write_text(json.dumps(shop.config(upstream.url, paths=["/v1/*"], maxBodySize=6_000_000)))
        env = {"LLMGW_CONFIG": str(file)}
        process = stack.enter_context(SERVERS[kind](f"tests.e2e.flask_servers:{way}()", env))
        yield Site(kind, process, upstream)
