"""The middleware: that of any ASGI application, and the gateway within reach of every view."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import llmgw_middleware
from llmgw_middleware import Handle

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class LLMGatewayMiddleware(llmgw_middleware.LLMGatewayMiddleware):
    """Same as ``llmgw_middleware.LLMGatewayMiddleware``, for ``app.add_middleware``.

    Views, dependencies and websockets find the gateway as ``scope["llmgw"]``, also on paths that it does not answer;
    ``handle``, ``decision`` and ``LLMGW`` read it there.
    """

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or call the application."""
        if self.gateway is not None and scope["type"] in ("http", "websocket"):
            scope["llmgw"] = Handle(gateway=self.gateway)
        await super().__call__(scope, receive, send)
