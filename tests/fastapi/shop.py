"""A FastAPI shop with the gateway, in the parts that the tests put together."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.testclient import TestClient

from llmgw_fastapi import LLMGatewayMiddleware
from tests.doors import CHAT, FakeGateway

SESSION: tuple[Any, dict[str, Any]] = (SessionMiddleware, {"secret_key": "s"})
CORS: tuple[Any, dict[str, Any]] = (
    CORSMiddleware,
    {"allow_origins": ["https://shop.example"], "allow_methods": ["*"]},
)


class ByName(AuthenticationBackend):
    """Takes the name that the ``x-name`` header says; a shop's own backend looks at more than that."""

    async def authenticate(self, conn: Any) -> Any:
        name = conn.headers.get("x-name")
        if name == "nobody-we-know":
            raise AuthenticationError("no such name")
        return (AuthCredentials(), SimpleUser(name)) if name else None


AUTHENTICATION: tuple[Any, dict[str, Any]] = (AuthenticationMiddleware, {"backend": ByName()})


def door(gateway: Any = None, **options: Any) -> tuple[Any, dict[str, Any]]:
    """Return the gateway as something to add."""
    return LLMGatewayMiddleware, {"gateway": gateway or FakeGateway(), **options}


def shop(*added: tuple[Any, dict[str, Any]], **options: Any) -> FastAPI:
    """Return the shop with this middleware, in the order of ``add_middleware``. ``options`` are FastAPI's."""
    app = FastAPI(title="Shop", **options)

    @app.post("/login/{name}")
    async def login(request: Request, name: str) -> str:
        """Log in."""
        request.session["user_id"] = name
        return name

    @app.get("/goods")
    async def goods() -> list[str]:
        """List the goods."""
        return ["lamp"]

    for cls, settings in added:
        app.add_middleware(cls, **settings)
    return app


def asked(app: Any, path: str = CHAT, **options: Any) -> Any:
    """Ask once, without a lifespan; return what the fake gateway tells, or the error's code."""
    answer = TestClient(app).post(path, json={}, **options)
    told = answer.json()
    return told["error"]["code"] if "error" in told else told
