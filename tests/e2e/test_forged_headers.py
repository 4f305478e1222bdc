"""What a caller writes into headers decides nothing, on real sockets, whichever door they come through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.asgi import LLMGatewayMiddleware
from llmgw_middleware.build import build_gateway
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.upstream import ScriptedUpstream
from llmgw_middleware.wsgi import LLMGatewayWSGI
from tests.e2e.gateways import WHOLE, host
from tests.e2e.servers import RawCaller, serve_asgi, serve_wsgiref
from tests.mmdb import mmdb

GERMAN = "192.0.2.1"
BOB = Identity(id="bob", attributes={"tier": "free"}, source="token")


def identify(_: Any) -> Identity:
    return BOB


def config(url: str, folder: Path, proxies: list[str]) -> dict[str, Any]:
    database = folder / "places.mmdb"
    database.write_bytes(mmdb({f"{GERMAN}/32": {"country": {"iso_code": "DE"}}}))
    path = "/v1/chat/completions"
    return {
        "gateway": {"debugHeaders": True, "trustedProxies": proxies},
        "geo": {"header": "CF-IPCountry", "database": str(database)},
        "routes": [
            {"name": "premium", "path": path, "user": {"tier": "premium"}, "backend": "b"},
            {"name": "german", "path": path, "country": ["DE"], "backend": "b"},
            {"name": "elsewhere", "path": path, "country": {"present": True}, "backend": "b"},
            {"name": "rest", "path": path, "backend": "b"},
        ],
        "backends": [{"name": "b", "url": f"{url}/v1"}],
    }


@contextmanager
def asgi(words: dict[str, Any], http: str) -> Iterator[int]:
    # uvicorn's own belief in X-Forwarded-For from 127.0.0.1 comes before anybody's rules.
    door = LLMGatewayMiddleware(host, config=words, identify=identify)
    with serve_asgi(door, http=http, proxy_headers=False) as port:
        yield port


@contextmanager
def fastapi(words: dict[str, Any], _: str) -> Iterator[int]:
    from fastapi import FastAPI

    from llmgw_fastapi import LLMGatewayMiddleware as Middleware

    app = FastAPI()
    app.add_middleware(Middleware, config=words, identify=identify)
    with serve_asgi(app, proxy_headers=False) as port:
        yield port


@contextmanager
def flask(words: dict[str, Any], _: str) -> Iterator[int]:
    from flask import Flask

    from llmgw_flask import LLMGateway

    app = Flask(__name__)
    LLMGateway(app, config=words, identify=identify)
    with serve_wsgiref(app) as port:
        yield port
    app.extensions["llmgw"].gateway.thread.stop()


@contextmanager
def wsgi(words: dict[str, Any], _: str) -> Iterator[int]:
    def nothing(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return []

    gateway = build_gateway(words, env={})
    with serve_wsgiref(LLMGatewayWSGI(nothing, gateway=gateway, identify=identify)) as port:
        yield port
    gateway.thread.stop()


DOORS = {
    "uvicorn-httptools": (asgi, "httptools"),
    "uvicorn-h11": (asgi, "h11"),
    "fastapi": (fastapi, ""),
    "flask-wsgiref": (flask, ""),
    "wsgiref": (wsgi, ""),
}


@pytest.fixture(params=DOORS.values(), ids=list(DOORS))
def route_for(request, tmp_path):
    """Return what tells, for trusted proxies and headers, which route a request takes."""
    door, http = request.param

    def asked(proxies: list[str], headers: dict[str, str]) -> str:
        with ScriptedUpstream() as upstream:
            upstream.default(chat())
            with door(config(upstream.url, tmp_path, proxies), http) as port, RawCaller(port) as caller:
                answer = caller.ask(body=WHOLE, headers=headers)
        assert answer.status == 200, json.loads(answer.body)
        return answer.headers["x-llmgw-route"]

    return asked


FORGED = {
    "a forwarded address": {"X-Forwarded-For": GERMAN},
    "a chain of addresses": {"X-Forwarded-For": f"{GERMAN}, 10.0.0.1"},
    "a country": {"CF-IPCountry": "DE"},
    "a tier": {"X-User-Tier": "premium"},
    "everything with underscores": {
        "X_Forwarded_For": GERMAN,
        "CF_IPCountry": "DE",
        "X_User_Tier": "premium",
        "Tier": "premium",
    },
    "everything": {
        "X-Forwarded-For": GERMAN,
        "CF-IPCountry": "DE",
        "X-User-Tier": "premium",
        "X-Real-IP": GERMAN,
    },
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
def test_headers_of_a_peer_that_is_no_proxy_decide_nothing(route_for, headers):
    assert route_for(["10.0.0.0/8"], headers) == "rest"


def test_the_same_headers_of_a_trusted_proxy_say_where_but_never_who(route_for):
    loopback = ["127.0.0.1/32"]
    assert route_for(loopback, FORGED["a country"]) == "german"
    assert route_for(loopback, FORGED["a forwarded address"]) == "german"
    assert route_for(loopback, FORGED["a tier"]) == "rest"


def test_underscores_are_no_dashes_even_from_a_trusted_proxy(request, route_for):
    if "wsgiref" in request.node.name:
        pytest.skip("WSGI writes both alike: wsgiref hands names with underscores on, gunicorn drops them")
    assert route_for(["127.0.0.1/32"], FORGED["everything with underscores"]) == "rest"


def test_what_a_caller_puts_before_the_proxys_own_entry_is_not_believed(route_for):
    chain = {"X-Forwarded-For": f"{GERMAN}, 198.51.100.7"}
    assert route_for(["127.0.0.1/32"], chain) == "rest"
