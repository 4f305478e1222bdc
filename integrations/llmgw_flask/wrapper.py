"""The gateway around a Flask application instead of inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from typing import Any

from flask import Flask, request

from llmgw_flask.commands import group
from llmgw_flask.conf import Identify, Source, settings_of
from llmgw_flask.identity import hook_of, reader_of, unwrapped
from llmgw_middleware import ConfigError
from llmgw_middleware.wsgi import LLMGatewayWSGI, gateway_for

NAME = "llmgw"


def wrap_wsgi(
    app: Flask,
    *,
    config: Source | None = None,
    identify: Identify | None = None,
    trusted_origins: Iterable[str] = (),
    enabled: bool | None = None,
    user_key: str = "user_id",
) -> None:
    """Put the gateway around ``app.wsgi_app``: whatever it intercepts never reaches the application.

    It takes what ``LLMGateway`` takes, ``app.config`` included. Other than the extension it can intercept patterns and
    paths that a reload adds, and ``onNoRoute: pass`` reaches the application's views. The resolver alone runs inside a
    request context, which is left before the upstream is called; ``before_request`` and ``after_request`` functions do
    not run (teardown functions do), so CSRF is checked by the origin of the request and not by Flask-WTF. A request that
    was passed on has its decision in ``request.environ["llmgw"]``. Raises ConfigError, naming every problem.
    """
    if NAME in app.extensions:
        raise ConfigError("this application has its gateway already")
    settings = settings_of(
        app,
        config=config,
        identify=identify,
        trusted_origins=trusted_origins,
        enabled=enabled,
        user_key=user_key,
    )
    app.cli.add_command(group(settings))
    gateway = gateway_for(settings.config, enabled=settings.enabled)
    if gateway is None:
        app.extensions[NAME] = None
        return
    door = LLMGatewayWSGI(
        app.wsgi_app,
        gateway=gateway,
        identify=hook_of(settings),
        trusted_origins=settings.trusted_origins,
        builtin=reader_of(gateway, settings),
        inside=_context_of(app),
    )
    app.extensions[NAME] = door
    app.wsgi_app = door  # type: ignore[method-assign]  # Flask's own way to wrap an application


def _context_of(app: Flask) -> Callable[[dict[str, Any]], AbstractContextManager[Any]]:
    @contextmanager
    def context(environ: dict[str, Any]) -> Iterator[Any]:
        # The body has been read, and identity must not depend on it: whoever looks finds none.
        with app.request_context({**environ, "wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"}):
            yield unwrapped(request)

    return context
