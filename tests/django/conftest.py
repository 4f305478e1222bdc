"""Django for these tests: a small project, its users, an upstream, and callers of both kinds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.django.project import people
from tests.django.project.gateway import config

people.set_up()

from django.contrib.auth.models import User  # noqa: E402 - models can be imported once Django is set up
from django.db import connections  # noqa: E402
from django.test import AsyncClient, Client, override_settings  # noqa: E402

from llmgw_django import shared  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def users() -> None:
    people.create()


@pytest.fixture(autouse=True)
def gateway_of_its_own() -> Iterator[None]:
    """Let no gateway, and no connection, outlive the test that made it."""
    shared.forget(setting="LLMGW")
    yield
    shared.forget(setting="LLMGW")
    connections.close_all()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


@pytest.fixture
async def gateway(upstream: ScriptedUpstream) -> AsyncIterator[dict[str, Any]]:
    """Configure the project for the upstream."""
    said = config(upstream.url)
    with override_settings(LLMGW=said):
        yield said
        await _close()


def chat(*, stream: bool = False, **more: Any) -> str:
    return json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}
    )


class Caller:
    """Calls the project as a WSGI or an ASGI server would, without a socket."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        make: Any = Client if kind == "wsgi" else AsyncClient
        self.client: Any = make(**options)

    async def login(self, name: str) -> None:
        await self.client.aforce_login(await User.objects.aget(username=name))

    async def post(
        self,
        path: str = "/v1/chat/completions",
        data: str | bytes | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        body = chat() if data is None else data
        if self.kind == "asgi":
            return await self.client.post(path, data=body, content_type=content_type, headers=given)
        return await sync_to_async(self.client.post)(
            path, data=body, content_type=content_type, headers=given
        )

    async def get(self, path: str) -> Any:
        return await (self.client.get(path) if self.kind == "asgi" else sync_to_async(self.client.get)(path))

    async def chunks(self, response: Any) -> list[bytes]:
        if self.kind == "asgi":
            return [chunk async for chunk in response.streaming_content]
        read: Any = sync_to_async(list)
        return list(await read(response.streaming_content))


@pytest.fixture(params=["wsgi", "asgi"])
async def caller(request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    """Return a caller of each kind; CSRF is not checked, as is the habit of Django's test clients."""
    yield Caller(request.param, raise_request_exception=False)
    await _close()


@pytest.fixture(params=["wsgi", "asgi"])
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    """Return a caller of each kind that CSRF checks apply to."""
    yield Caller(request.param, enforce_csrf_checks=True)
    await _close()


async def _close() -> None:
    if shared.door.cache_info().currsize and (door := shared.door()) is not None:
        await door.gateway.aclose()
    await sync_to_async(connections.close_all)()
