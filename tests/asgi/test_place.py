"""A door that cannot see who calls says so, also where no lifespan was there to be refused."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware

from llmgw_middleware.asgi import LLMGatewayMiddleware
from tests.doors import CHAT, FakeGateway


class EverybodyIsAlice(AuthenticationBackend):
    async def authenticate(self, conn):
        return AuthCredentials(), SimpleUser("alice")


def application(*order: Any) -> Starlette:
    app = Starlette()
    options: dict[Any, dict[str, Any]] = {
        LLMGatewayMiddleware: {"gateway": FakeGateway()},
        AuthenticationMiddleware: {"backend": EverybodyIsAlice()},
    }
    for cls in order:
        app.add_middleware(cls, **options[cls])
    return app


async def ask(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return await client.post(CHAT, json={})


async def test_authentication_inside_the_gateway_is_said_at_every_request_and_nobody_is_anonymous():
    app = application(AuthenticationMiddleware, LLMGatewayMiddleware)
    for _ in range(2):
        answer = await ask(app)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (500, "identity_unavailable")
        assert "AuthenticationMiddleware stands inside" in error["message"]


@pytest.mark.parametrize("mount", ["", "/ai"], ids=["whole", "mounted"])
async def test_the_right_order_is_looked_at_once(mount, monkeypatch):
    app = application(LLMGatewayMiddleware, AuthenticationMiddleware)
    outer = Starlette()
    outer.mount(mount, app)
    looked: list[Any] = []
    monkeypatch.setattr("llmgw_middleware.asgi.middleware.check_order", lambda *seen: looked.append(seen))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://shop") as client:
        told = [(await client.post(mount + CHAT, json={})).json()["id"] for _ in range(2)]
    assert (told, len(looked)) == (["alice", "alice"], 1)
