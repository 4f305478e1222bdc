"""A small FastAPI site with a chat page and sessions. What the gateway needs is marked with an arrow: <-- llmgw.

``uvicorn app:app`` serves it from this folder.
"""

from __future__ import annotations

import os
from logging.config import dictConfig
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.authentication import AuthCredentials, AuthenticationBackend
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection

import pages
from llmgw_fastapi import LLMGatewayMiddleware  # <-- llmgw
from people import People, Person

HERE = Path(__file__).resolve().parent

# <-- llmgw: one line per request with its route, backend, attempts and times. No prompt and no key is ever in it.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"llmgw": {"handlers": ["console"], "level": "INFO"}},
}


class BySession(AuthenticationBackend):
    """Finds the person of the session."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, Person] | None:
        person = self._people.get(conn.session.get("user_id", ""))
        return None if person is None else (AuthCredentials(["authenticated"]), person)


def create_app() -> FastAPI:
    """Return the site, with people of its own."""
    app = FastAPI(title="Chat", docs_url=None, redoc_url=None)  # their pages load scripts from elsewhere
    app.state.people = people = People()
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=pages.CHAT_PAGE / "static"), name="static")

    # <-- llmgw: /v1/… is answered by the gateway. It is added first and so stands inside what is added after it, which
    # tells it who calls.
    app.add_middleware(LLMGatewayMiddleware, config=HERE / "llmgw.yaml")
    app.add_middleware(AuthenticationMiddleware, backend=BySession(people))
    app.add_middleware(
        SessionMiddleware,
        # Fit for a sample on your own machine: a real site has a secret key of its own, and https_only.
        secret_key=os.environ.get("SECRET_KEY", "fastapi-insecure-sample-site-on-your-own-machine"),
        same_site="lax",  # a form on another site is sent without the cookie: it can log nobody out
    )
    return app


dictConfig(LOGGING)
app = create_app()
