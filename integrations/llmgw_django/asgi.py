"""Lifespan for Django's ASGI application, which answers it with an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from llmgw_django import shared
from llmgw_middleware import ConfigError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def with_lifespan(application: Any) -> Application:
    """Return ``application`` with an answer to the server's start and stop, at which the gateway opens and closes.

    ::

        application = with_lifespan(get_asgi_application())

    Without it the gateway starts with its first request, health checks too, and its connections end with the process.
    """

    async def answering(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await application(scope, receive, send)

    return answering


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    try:
        door = shared.door()
    except ConfigError as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    if door is not None:
        await door.gateway.aopen()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if door is not None:
        await door.gateway.aclose()
    await send({"type": "lifespan.shutdown.complete"})
