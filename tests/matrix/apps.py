"""Applications of other frameworks, and of none, behind the gateway. ``UPSTREAM`` says where its requests go."""

from __future__ import annotations

import json
import os
from typing import Any

from llmgw_middleware import LLMGatewayMiddleware
from llmgw_middleware.wsgi import LLMGatewayWSGI
from tests.e2e.gateways import config_for
from tests.leftovers import leftovers


def wsgi() -> LLMGatewayWSGI:
    """Return a WSGI application that tells at every other path what the process has in hand."""

    def told(environ: Any, start_response: Any) -> list[bytes]:
        body = json.dumps(leftovers()).encode()
        start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
        return [body]

    return LLMGatewayWSGI(told, config=config_for(os.environ["UPSTREAM"]))


def asgi() -> LLMGatewayMiddleware:
    """Return an ASGI application that does the same."""

    async def told(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError("this application speaks HTTP only")
        body = json.dumps(leftovers()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return behind(told)


def quart() -> Any:
    """Return a Quart application, which the gateway stands around."""
    from quart import Quart

    app = Quart("shop")

    @app.get("/inside")
    async def inside() -> dict[str, Any]:
        return leftovers()

    setattr(app, "asgi_app", behind(app.asgi_app))  # noqa: B010 - Quart's own way, whose types are closer than ASGI's
    return app


def litestar() -> LLMGatewayMiddleware:
    """Return a Litestar application, wrapped whole."""
    from litestar import Litestar, get

    @get("/inside")
    async def inside() -> dict[str, Any]:
        return leftovers()

    return behind(Litestar([inside]))


def flask() -> LLMGatewayMiddleware:
    """Return a Flask application that an ASGI server runs, with the gateway outside."""
    from a2wsgi import WSGIMiddleware
    from flask import Flask, jsonify

    app = Flask("shop")
    app.add_url_rule("/inside", "inside", lambda: jsonify(leftovers()))
    application: Any = app
    return behind(WSGIMiddleware(application))


def behind(app: Any) -> LLMGatewayMiddleware:
    return LLMGatewayMiddleware(app, config=config_for(os.environ["UPSTREAM"]))
