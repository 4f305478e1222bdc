"""An upstream, and loop threads that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from llmgw_flask import LLMGateway, wrap_wsgi
from llmgw_middleware.testing.answers import chat as completion
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.flask import shop

Install = Callable[..., Any]


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        running.default(completion("welcome"))
        yield running


@pytest.fixture
def ending() -> Iterator[Callable[[Flask], Flask]]:
    """Return what notes an application, whose loop thread is stopped at the end."""
    apps: list[Flask] = []

    def note(app: Flask) -> Flask:
        apps.append(app)
        return app

    yield note
    for app in apps:
        door = app.extensions.get("llmgw")
        if door is not None:
            door._bridge.thread.stop()


@pytest.fixture(params=[LLMGateway, wrap_wsgi], ids=["extension", "wrap_wsgi"])
def install(request: pytest.FixtureRequest) -> Install:
    """Return each way to put the gateway into an application."""
    way: Install = request.param
    return way


@pytest.fixture
def serve(
    install: Install, ending: Callable[[Flask], Flask], upstream: ScriptedUpstream
) -> Callable[..., Any]:
    """Return what gives an application the gateway, one way and the other, and returns a test client of it."""

    def serve(app: Flask, *, gateway: dict[str, Any] | None = None, **options: Any) -> Any:
        options.setdefault("config", shop.config(upstream.url, **(gateway or {})))
        install(app, **options)
        return ending(app).test_client()

    return serve
