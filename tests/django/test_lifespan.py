from __future__ import annotations

import asyncio
from typing import Any

from django.test import override_settings

from llmgw_django import shared
from llmgw_django.asgi import with_lifespan


async def application(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "the application's", "path": scope["path"]})


async def live(**settings: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    with override_settings(**settings):
        await with_lifespan(application)({"type": "lifespan"}, receive, send)
    return sent


async def test_start_and_stop_are_answered():
    assert [message["type"] for message in await live()] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_switched_off_they_are_answered_too():
    assert len(await live(LLMGW_ENABLED=False)) == 2


async def test_a_wrong_configuration_fails_the_start_and_says_why():
    [message] = await live(LLMGW={"routes": [{"nme": "x"}]})
    assert message["type"] == "lifespan.startup.failed"
    assert "nme" in message["message"]


async def test_the_start_opens_what_the_stop_closes(monkeypatch):
    door = shared.door()
    assert door is not None
    calls: list[str] = []

    def noting(name: str) -> Any:
        async def note() -> None:
            calls.append(name)

        return note

    for name in ("aopen", "aclose"):
        monkeypatch.setattr(door.gateway, name, noting(name))
    await live()
    assert calls == ["aopen", "aclose"]


async def test_requests_are_the_applications():
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await with_lifespan(application)({"type": "http", "path": "/x"}, asyncio.Queue[Any]().get, send)
    assert sent == [{"type": "the application's", "path": "/x"}]
