"""A small Flask site with a chat page. What the gateway needs is marked with an arrow: <-- llmgw.

``flask run`` serves it from this folder; ``gunicorn --worker-class gthread --threads 32 "app:create_app()"`` as well.
"""

from __future__ import annotations

import os
from logging.config import dictConfig
from pathlib import Path

from flask import Flask, Response
from flask_login import LoginManager
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf

import site_pages
from llmgw_flask import LLMGateway  # <-- llmgw
from people import People

HERE = Path(__file__).resolve().parent
CHAT_PAGE = HERE.parent / "chat_page"  # the page that all sample applications share

# A strict policy for pages whose scripts and styles are all files of their own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# <-- llmgw: one line per request with its route, backend, attempts and times. No prompt and no key is ever in it.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"llmgw": {"handlers": ["console"], "level": "INFO"}},
}


def create_app() -> Flask:
    """Return the site, with people of its own."""
    dictConfig(LOGGING)
    app = Flask(
        __name__,
        static_folder=CHAT_PAGE / "static",
        static_url_path="/static",
        template_folder=str(CHAT_PAGE / "templates"),
    )
    app.config.update(
        # Fit for a sample on your own machine: a real site has a secret key of its own.
        SECRET_KEY=os.environ.get("SECRET_KEY", "flask-insecure-sample-site-on-your-own-machine"),
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # a token lives as long as its session: a chat may stay open for hours
        CHAT_PAGE=CHAT_PAGE,
        # Where the mock providers of this demo listen. Only the buttons that break them need to know; the gateway is
        # told by llmgw.yaml, which reads the same variable.
        MOCK_PROVIDERS_URL=os.environ.get("MOCK_PROVIDERS_URL", "http://127.0.0.1:8001"),
    )
    app.extensions["people"] = people = People()

    logins = LoginManager(app)
    logins.login_view = "pages.login"
    logins.user_loader(people.get)
    CSRFProtect(app)

    # <-- llmgw: /v1/… are URL rules now; the gateway asks Flask-Login who calls, and CSRFProtect guards them too.
    LLMGateway(app, config=HERE / "llmgw.yaml")

    app.register_blueprint(site_pages.pages)
    app.register_error_handler(CSRFError, refused)
    app.after_request(protected)
    return app


def refused(problem: CSRFError) -> tuple[dict[str, object], int]:
    """Say it as the gateway would, so that the page can show the reason."""
    return {"error": {"message": problem.description, "code": "csrf_failed"}}, 403


def protected(response: Response) -> Response:
    """Send the policy with every page, and the token that the page's scripts send back with every question."""
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = POLICY
        response.set_cookie("csrftoken", generate_csrf(), samesite="Lax")
    return response
