"""Small Flask applications with users, for the tests of the adapter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Flask, Request, g, session
from flask_login import LoginManager, login_user

TOKENS = {"of-bob": "bob"}


@dataclass(frozen=True)
class User:
    id: str
    tier: str
    is_active: bool = True
    is_authenticated: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        return self.id


USERS = {user.id: user for user in (User("alice", "free"), User("bob", "premium"))}


def config(url: str = "http://127.0.0.1:9", **gateway: Any) -> dict[str, Any]:
    """Return a configuration: premium users and everybody else, told apart upstream by the path."""
    chat = {"path": "/v1/chat/completions", "methods": ["POST"]}
    return {
        "gateway": gateway,
        "identity": {"attributes": {"tier": "user.tier"}, "default": {"tier": "free"}},
        "routes": [
            {"name": "premium", **chat, "user": {"tier": "premium"}, "backend": "premium"},
            {"name": "everyone", **chat, "backend": "free"},
        ],
        "backends": [
            {"name": "free", "url": f"{url}/free/v1", "apiKey": "key-free"},
            {"name": "premium", "url": f"{url}/premium/v1", "apiKey": "key-premium"},
        ],
    }


def bare() -> Flask:
    """Return an application with a session and a page."""
    app = Flask("shop")
    app.secret_key = "of the tests"
    app.add_url_rule("/", "home", lambda: "home")
    return app


def with_sessions(*, user_key: str = "user_id") -> Flask:
    """Return an application that keeps who is logged in under a key of the session, and its user as ``g.user``."""
    app = bare()

    @app.post("/login/<name>")
    def login(name: str) -> str:
        session[user_key] = name
        return name

    @app.before_request
    def load_user() -> None:
        key = session.get(user_key)
        g.user = None if key is None else USERS.get(key)

    return app


def with_flask_login(**options: Any) -> Flask:
    """Return an application with Flask-Login: cookies, "remember me", and tokens in a header or the query."""
    app = bare()
    manager = LoginManager(app)
    manager.user_loader(USERS.get)
    manager.request_loader(by_token)
    for name, value in options.items():
        setattr(manager, name, value)

    @app.post("/login/<name>")
    def login(name: str) -> str:
        login_user(USERS[name], remember=True)
        return name

    return app


def by_token(request: Request) -> User | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        return USERS["bob"]
    return USERS.get(TOKENS.get(token or request.args.get("key", "") or request.cookies.get("key", ""), ""))


def chat(*, stream: bool = False, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [], "stream": stream, **more}).encode()


def ask(
    client: Any,
    path: str = "/v1/chat/completions",
    data: bytes | None = None,
    *,
    environ_overrides: dict[str, Any] | None = None,
    **headers: Any,
) -> Any:
    """Send a chat from a test client; keywords are headers (``sec_fetch_site``)."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = given.pop("content-type", "application/json")
    body = chat() if data is None else data
    return client.post(path, data=body, content_type=kind, headers=given, environ_overrides=environ_overrides)


def error(response: Any) -> tuple[int, str | None]:
    """Return the status and code of an error of the gateway."""
    return response.status_code, response.get_json()["error"]["code"]
