import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware

from llmgw_middleware.asgi import LLMGatewayMiddleware
from llmgw_middleware.errors import ConfigError
from tests.doors import FakeGateway


class SessionMiddleware:
    """Stands in for Starlette's, which needs a package that nothing else here does."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class Server:
    """The server's side of a lifespan."""

    def __init__(self):
        self._events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        self.sent = []

    async def receive(self):
        return self._events.pop(0)

    async def send(self, message):
        self.sent.append(message)

    @property
    def types(self):
        return [message["type"].removeprefix("lifespan.") for message in self.sent]


async def live(app, **scope):
    server = Server()
    with suppress(ConfigError):  # said already, by then
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, **scope}, server.receive, server.send)
    return server


def around(app, **options):
    return LLMGatewayMiddleware(app, gateway=FakeGateway(), **options)


async def whole(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def none_at_all(scope, receive, send):
    raise ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")


async def silent(scope, receive, send):
    return


async def refuses(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
    raise LookupError("no database")


@pytest.mark.parametrize("app", [whole, none_at_all, silent], ids=lambda app: app.__name__)
async def test_the_gateway_starts_and_closes_with_the_server_whatever_the_application_does(app):
    door = around(app)
    server = await live(door)
    assert server.types == ["startup.complete", "shutdown.complete"]
    assert (door.gateway.opened, door.gateway.closed >= 1) == (1, True)


async def test_the_gateway_is_open_before_the_application_starts_and_closed_before_it_reports_the_end():
    order = []

    async def app(scope, receive, send):
        order.append((door.gateway.opened, door.gateway.closed))
        await whole(scope, receive, send)

    door = around(app)

    async def send(message):
        order.append((message["type"].removeprefix("lifespan."), door.gateway.closed))

    await door({"type": "lifespan"}, Server().receive, send)
    assert order == [(1, 0), ("startup.complete", 0), ("shutdown.complete", 1)]


async def test_an_application_that_refuses_to_start_is_heard_and_the_gateway_closed():
    door, server = around(refuses), Server()
    with pytest.raises(LookupError):
        await door({"type": "lifespan"}, server.receive, server.send)
    assert (server.types, door.gateway.closed >= 1) == (["startup.failed"], True)


async def test_switched_off_the_lifespan_is_the_applications():
    door = LLMGatewayMiddleware(none_at_all, gateway=FakeGateway(), enabled=False)
    with pytest.raises(ValueError, match="Django"):
        await live(door)


Added = tuple[Any, dict[str, Any]]


def starlette(*added):
    """Return an application with this middleware, in the order of ``add_middleware``."""
    app = Starlette()
    for cls, options in added:
        app.add_middleware(cls, **options)
    return app


def gateway_door(**options):
    return LLMGatewayMiddleware, {"gateway": FakeGateway(), **options}


SESSION: Added = (SessionMiddleware, {})
AUTHENTICATION: Added = (AuthenticationMiddleware, {"backend": None})
CORS: Added = (CORSMiddleware, {})


@pytest.mark.parametrize("inside", [SESSION, AUTHENTICATION], ids=lambda item: item[0].__name__)
async def test_a_session_inside_the_gateway_refuses_the_start(inside, caplog):
    server = await live(starlette(inside, gateway_door()))
    assert server.types == ["startup.failed"]
    assert f"{inside[0].__name__} stands inside" in server.sent[0]["message"]
    assert "stands inside" in caplog.text


async def test_a_subclass_of_a_session_counts_as_one():
    class OurSessions(SessionMiddleware):
        pass

    server = await live(starlette((OurSessions, SESSION[1]), gateway_door()))
    assert server.types == ["startup.failed"]


async def test_a_session_around_the_gateway_is_as_it_should_be(caplog):
    server = await live(starlette(gateway_door(), SESSION, CORS))
    assert (server.types, caplog.text) == (["startup.complete", "shutdown.complete"], "")


async def test_cors_inside_the_gateway_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING, "llmgw"):
        server = await live(starlette(CORS, gateway_door()))
    assert server.types[0] == "startup.complete"
    assert "CORSMiddleware stands inside" in caplog.text


async def test_a_wrong_configuration_is_refused_where_the_server_listens(caplog):
    server = await live(starlette(gateway_door(identify="nowhere:identify")))
    assert server.types == ["startup.failed"]
    assert "nowhere:identify" in server.sent[0]["message"]


def test_the_gateway_starts_by_itself_where_no_lifespan_comes():
    from starlette.testclient import TestClient

    door = around(Starlette())
    client = TestClient(door)
    assert client.post("/v1/chat/completions", json={}).status_code == 200
    assert asyncio.run(live(door)).types[0] == "startup.complete"
