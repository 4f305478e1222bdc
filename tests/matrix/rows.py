"""The rows of the matrix: an application, a server, and what that server cannot let it promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e import django_servers, flask_servers
from tests.e2e.servers import Process, RawCaller, serve_gunicorn, serve_hypercorn, serve_uvicorn

AT_ONCE = 1.0
"""Seconds within which an upstream sees that its caller has left."""
TWO_HEARTBEATS = 2.5
"""The same where the server shows nobody its socket, with a moment for the write to fail."""
STARTS = 60.0
"""Seconds that a server may take to begin."""
UNSEEN = "this server shows no socket and nothing can be written yet: the time limits end such a request"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to serve an application. ``often``: tried at every change, the others by ``make matrix``.

    ``silence``: seconds within which a caller who leaves a silent stream is noticed. ``before``: why one who leaves
    before the answer is not. ``crowd``: whether twenty callers at once are served; ``crowd_often``: tried with them at
    every change. ``keeps_alive``: whether a connection serves a second request. ``outlives``: since which Python the
    server waits for open streams beyond its grace.
    """

    name: str
    start: Callable[[], AbstractContextManager[Any]]
    often: bool = False
    silence: float = AT_ONCE
    before: str = ""
    crowd: bool = True
    crowd_often: bool = False
    keeps_alive: bool = True
    outlives: tuple[int, int] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass
class Running:
    """A row whose server answers."""

    row: Row
    process: Process
    upstream: ScriptedUpstream

    def caller(self) -> RawCaller:
        return RawCaller(self.process.port)


@contextmanager
def running(row: Row) -> Iterator[Running]:
    """Run a row's server for as long as the context lasts."""
    with row.start() as site:
        started = Running(row, site.process, site.upstream)
        # A server may take long to begin where the machine is busy; what is measured begins when it answers.
        with RawCaller(site.process.port, timeout=STARTS) as caller:
            caller.ask("GET", "/inside")
        yield started


@dataclass
class _Site:
    process: Process
    upstream: ScriptedUpstream


def django(kind: str, **project: str) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: django_servers.site(kind, **project)


def flask(kind: str, way: str = "extension") -> Callable[[], AbstractContextManager[Any]]:
    return lambda: flask_servers.site(kind, way)


def served(
    serve: Callable[..., Any], target: str, **options: Any
) -> Callable[[], AbstractContextManager[Any]]:
    """Return what starts an application that learns from ``UPSTREAM`` where its requests go."""
    extra = options.pop("extra", ())

    @contextmanager
    def start() -> Iterator[_Site]:
        with (
            ScriptedUpstream() as upstream,
            serve(target, {"UPSTREAM": upstream.url}, *extra, **options) as process,
        ):
            yield _Site(process, upstream)

    return start


FASTAPI = "tests.e2e.fastapi_site"
APPS = "tests.matrix.apps"
GZIP = "django.middleware.gzip.GZipMiddleware"
ONLY_SYNC = "tests.django.project.kinds.only_sync"
WAITS = (3, 12)
"""From this Python on hypercorn 0.18 waits for open connections without end, whatever they carry."""

ROWS = (
    Row(name="Django, gthread", start=django("gthread"), often=True, crowd_often=True),
    Row(
        name="Django, runserver",
        start=django("runserver"),
        often=True,
        silence=TWO_HEARTBEATS,
        before=UNSEEN,
        crowd=False,
        keeps_alive=False,
    ),
    Row(name="Django, uvicorn", start=django("uvicorn"), often=True, crowd_often=True),
    Row(name="Django, gthread, GZip above", start=django("gthread", ABOVE=GZIP), often=True),
    Row(name="Django, uvicorn, GZip above", start=django("uvicorn", ABOVE=GZIP), often=True),
    Row(name="Django, uvicorn, sync-only above", start=django("uvicorn", ABOVE=ONLY_SYNC)),
    Row(name="Django, uvicorn, sync-only below", start=django("uvicorn", BELOW=ONLY_SYNC)),
    Row(name="Django, gthread --preload", start=django("gthread --preload")),
    Row(name="Django, uvicorn --lifespan on", start=django("uvicorn --lifespan on")),
    Row(name="Django, hypercorn", start=django("hypercorn"), outlives=WAITS),
    Row(name="Django, gunicorn asgi", start=django("gunicorn asgi")),
    Row(name="Flask extension, flask run", start=flask("flask run"), often=True, keeps_alive=False),
    Row(name="Flask extension, flask run --debug", start=flask("flask run --debug"), keeps_alive=False),
    Row(name="Flask extension, gthread", start=flask("gthread"), often=True, crowd_often=True),
    Row(
        name="Flask wrap_wsgi, flask run",
        start=flask("flask run", "wrapped"),
        often=True,
        keeps_alive=False,
    ),
    Row(name="Flask wrap_wsgi, gthread", start=flask("gthread", "wrapped"), often=True),
    Row(name="Flask extension, gthread --preload, warm master", start=flask("gthread --preload", "warm")),
    Row(name="Flask extension, gthread, asyncio", start=flask("gthread", "on_asyncio")),
    Row(name="Flask extension, gevent", start=flask("gevent")),
    Row(name="Flask extension, gevent, uvloop", start=flask("gevent", "on_uvloop")),
    Row(
        name="Flask extension, gthread, peek off",
        start=flask("gthread", "unseen"),
        silence=TWO_HEARTBEATS,
        before=UNSEEN,
        crowd=False,
    ),
    Row(
        name="Flask extension, gthread, peek off, heartbeat 0.4 s",
        start=flask("gthread", "unseen_and_heard"),
        silence=1.5,  # it looks every quarter of a second whether a beat is due
        before=UNSEEN,
        crowd=False,
    ),
    *(
        Row(
            name=f"Flask extension, {kind}",
            start=flask(kind),
            silence=TWO_HEARTBEATS,
            before=UNSEEN,
            crowd=False,
            keeps_alive=False,
        )
        for kind in ("uwsgi", "uwsgi threads", "uwsgi master", "uwsgi lazy-apps")
    ),
    Row(
        name="FastAPI, uvicorn",
        start=served(serve_uvicorn, f"{FASTAPI}:application()"),
        often=True,
        crowd_often=True,
    ),
    Row(
        name="FastAPI, uvicorn h11",
        start=served(serve_uvicorn, f"{FASTAPI}:application()", extra=("--http", "h11")),
        often=True,
    ),
    Row(
        name="FastAPI, uvicorn, BaseHTTPMiddleware outside",
        start=served(serve_uvicorn, f"{FASTAPI}:plain()"),
        often=True,
    ),
    Row(name="FastAPI, uvicorn, GZip outside", start=served(serve_uvicorn, f"{FASTAPI}:compressing()")),
    Row(
        name="FastAPI, hypercorn",
        start=served(serve_hypercorn, f"{FASTAPI}:application()"),
        outlives=WAITS,
    ),
    Row(
        name="FastAPI, gunicorn asgi",
        start=served(serve_gunicorn, f"{FASTAPI}:application()", worker="asgi"),
    ),
    Row(name="WSGI, gthread", start=served(serve_gunicorn, f"{APPS}:wsgi()", threads=24)),
    Row(name="ASGI, uvicorn", start=served(serve_uvicorn, f"{APPS}:asgi()")),
    Row(name="ASGI, hypercorn", start=served(serve_hypercorn, f"{APPS}:asgi()"), outlives=WAITS),
    Row(name="Quart, uvicorn", start=served(serve_uvicorn, f"{APPS}:quart()")),
    Row(name="Litestar, uvicorn", start=served(serve_uvicorn, f"{APPS}:litestar()")),
    Row(name="Flask in a2wsgi, uvicorn", start=served(serve_uvicorn, f"{APPS}:flask()")),
)


def rows(often: Callable[[Row], bool] = lambda row: row.often) -> list[Any]:
    """Return all rows as parameters of a fixture; those that are not tried ``often`` are marked."""
    return [pytest.param(row, id=row.name, marks=() if often(row) else pytest.mark.matrix) for row in ROWS]
