"""A FastAPI site with sessions, in front of one upstream; also as a factory for servers in a process of their own."""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI, Request
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware

from llmgw_fastapi import LLMGatewayMiddleware
from tests.e2e.gateways import config_for
from tests.leftovers import leftovers


class Plain(BaseHTTPMiddleware):
    """A middleware of the kind that most sites have, which does nothing."""

    async def dispatch(self, request: Request, call_next: Any) -> Any:
        """Pass on."""
        return await call_next(request)


def site(url: str, *outside: Any, **options: Any) -> FastAPI:
    """Return the site. ``outside``: middleware around the gateway and the sessions; ``options`` are the gateway's."""
    app = FastAPI()

    @app.post("/login")
    async def login(request: Request) -> None:
        request.session["user_id"] = "alice"

    @app.get("/inside", include_in_schema=False)
    async def inside() -> dict[str, Any]:
        return leftovers()

    app.add_middleware(LLMGatewayMiddleware, config=config_for(url, maxBodySize="100KB"), **options)
    app.add_middleware(SessionMiddleware, secret_key="for tests")
    for each in outside:
        app.add_middleware(each)
    return app


def application() -> FastAPI:
    """Return the site for ``--factory``; ``UPSTREAM`` says where its requests go."""
    return site(os.environ["UPSTREAM"])


def plain() -> FastAPI:
    """Return the one with a ``BaseHTTPMiddleware`` outside."""
    return site(os.environ["UPSTREAM"], Plain)


def compressing() -> FastAPI:
    """Return the one with compression outside."""
    return site(os.environ["UPSTREAM"], GZipMiddleware)


def disordered() -> FastAPI:
    """Return a site whose sessions stand inside the gateway."""
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key="for tests")
    app.add_middleware(LLMGatewayMiddleware, config=config_for("http://127.0.0.1:1"))
    return app
