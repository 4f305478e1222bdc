"""The middleware in a FastAPI application: what it answers, what it leaves alone, where it may stand."""

import logging
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

import llmgw_middleware
from llmgw_fastapi import LLMGatewayMiddleware
from llmgw_middleware import ConfigError
from tests.doors import CHAT, FakeGateway
from tests.fastapi.shop import AUTHENTICATION, CORS, SESSION, asked, door, shop


def test_it_is_the_middleware_of_every_asgi_application():
    assert issubclass(LLMGatewayMiddleware, llmgw_middleware.LLMGatewayMiddleware)


def test_starlette_alone_will_do():
    app = Starlette()
    app.add_middleware(LLMGatewayMiddleware, gateway=FakeGateway())
    assert asked(app)["path"] == CHAT


class TestOrder:
    @pytest.mark.parametrize("inside", [SESSION, AUTHENTICATION], ids=lambda item: item[0].__name__)
    def test_who_calls_must_be_known_outside(self, inside, caplog):
        with pytest.raises(ConfigError), TestClient(shop(inside, door())):
            pass
        assert f"{inside[0].__name__} stands inside LLMGatewayMiddleware" in caplog.text
        assert "call add_middleware(LLMGatewayMiddleware, …) before" in caplog.text

    @pytest.mark.parametrize(
        ("listed", "fine"), [([SESSION, door()], True), ([door(), SESSION], False)], ids=["last", "first"]
    )
    def test_in_a_list_the_gateway_comes_last(self, listed, fine):
        app = FastAPI(middleware=[Middleware(cls, **options) for cls, options in listed])
        with nullcontext() if fine else pytest.raises(ConfigError), TestClient(app) as client:
            assert client.post(CHAT, json={}).status_code == 200

    def test_cors_inside_is_a_warning(self, caplog):
        with caplog.at_level(logging.WARNING, "llmgw"), TestClient(shop(CORS, door())) as client:
            assert client.get("/goods").status_code == 200
        assert "CORSMiddleware stands inside" in caplog.text

    def test_the_right_order_starts_in_silence(self, caplog):
        with TestClient(shop(door(), SESSION, AUTHENTICATION, CORS)) as client:
            assert client.post(CHAT, json={}).status_code == 200
        assert "stands inside" not in caplog.text

    def test_answers_carry_the_cors_headers_of_what_stands_outside(self):
        app = shop(door(), CORS)
        answer = TestClient(app).post(CHAT, json={}, headers={"origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"

    def test_a_preflight_is_the_applications(self):
        headers = {"origin": "https://shop.example", "access-control-request-method": "POST"}
        gateway = FakeGateway()
        answer = TestClient(shop(door(gateway), CORS)).options(CHAT, headers=headers)
        assert (answer.status_code, gateway.requests) == (200, [])


class TestStart:
    def test_with_a_lifespan_it_opens_before_the_application_and_closes_after_it(self):
        gateway, seen = FakeGateway(), []

        @asynccontextmanager
        async def lifespan(app):
            seen.append((gateway.opened, gateway.closed))
            yield
            seen.append((gateway.opened, gateway.closed))

        with TestClient(shop(door(gateway), lifespan=lifespan)) as client:
            assert client.post(CHAT, json={}).status_code == 200
        assert (seen, gateway.closed >= 1) == ([(1, 0), (1, 0)], True)

    def test_without_one_it_serves_all_the_same(self):
        client = TestClient(shop(door()))
        assert [client.post(CHAT, json={}).status_code for _ in range(2)] == [200, 200]

    def test_a_wrong_configuration_does_not_start(self):
        app = FastAPI()
        app.add_middleware(LLMGatewayMiddleware, config={"routs": []})
        with pytest.raises(ConfigError, match="routs"), TestClient(app):
            pass

    def test_a_wrong_configuration_serves_nobody_without_a_lifespan(self):
        app = FastAPI()
        app.add_middleware(LLMGatewayMiddleware, config={"routs": []})
        with pytest.raises(ConfigError, match="routs"):
            TestClient(app).get("/")

    def test_switched_off_the_application_is_alone(self):
        with TestClient(shop(door(enabled=False))) as client:
            assert client.post(CHAT, json={}).status_code == 404
            assert client.get("/goods").json() == ["lamp"]


class TestWhatIsNotOurs:
    @pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/goods", "/nowhere"])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
    def test_it_is_answered_as_if_we_were_not_there(self, path, method):
        gateway = FakeGateway()
        ours, theirs = (TestClient(app).request(method, path) for app in (shop(door(gateway)), shop()))
        assert (ours.status_code, ours.headers, ours.content) == (
            theirs.status_code,
            theirs.headers,
            theirs.content,
        )
        assert gateway.requests == []

    def test_websockets_are_untouched_also_on_our_paths(self):
        app = shop(door())

        @app.websocket(CHAT)
        async def talk(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(await websocket.receive_text())
            await websocket.close()

        with TestClient(app).websocket_connect(CHAT) as websocket:
            websocket.send_text("hello")
            assert websocket.receive_text() == "hello"


def nested(inner: Any, **options: Any) -> FastAPI:
    app = FastAPI(**options)
    app.mount("/ai", inner)
    return app


class TestMounts:
    @pytest.mark.parametrize(
        ("app", "mount"),
        [
            pytest.param(nested(shop(door())), "/ai", id="middleware-of-the-sub-application"),
            pytest.param(nested(LLMGatewayMiddleware(shop(), gateway=FakeGateway())), "/ai", id="around-it"),
            pytest.param(nested(nested(shop(door()))), "/ai/ai", id="two-levels"),
        ],
    )
    def test_a_mounted_application_answers_below_its_mount(self, app, mount):
        assert asked(app, mount + CHAT)["path"] == CHAT
        assert TestClient(app).get(mount + "/goods").json() == ["lamp"]
        assert TestClient(app).post(CHAT, json={}).status_code == 404

    @pytest.mark.parametrize("path", [CHAT, "/api" + CHAT], ids=["stripped-by-a-proxy", "in-the-path"])
    def test_a_root_path_is_not_part_of_the_path(self, path):
        client = TestClient(shop(door()), root_path="/api")
        assert client.post(path, json={}).json()["path"] == CHAT

    def test_a_session_inside_a_mounted_application_is_said_at_the_first_request(self):
        assert asked(nested(shop(SESSION, door())), "/ai" + CHAT) == "identity_unavailable"
