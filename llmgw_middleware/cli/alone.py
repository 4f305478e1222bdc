"""What ``llmgw serve`` answers beside the gateway when there is no application: a sign of life, and 404."""

from __future__ import annotations

from llmgw_middleware.asgi.shapes import Receive, Scope, Send
from llmgw_middleware.entry import Waist, framed
from llmgw_middleware.errors import NotFound
from llmgw_middleware.model.http import Response

ALIVE = Response(status=200, headers=((b"content-type", b"application/json"),), body=b'{"status":"ok"}')
"""The answer of ``GET /healthz``."""


class Alone:
    """An application without pages."""

    def __init__(self, gateway: Waist) -> None:
        self._gateway = gateway

    def __repr__(self) -> str:
        return f"<Alone beside {self._gateway!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HTTP; turn a websocket away; leave the lifespan to the gateway around us."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            answer = self._answer(scope["method"], scope["path"])
            await send(
                {"type": "http.response.start", "status": answer.status, "headers": list(framed(answer))}
            )
            await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, method: str, path: str) -> Response:
        if path == "/healthz" and method in ("GET", "HEAD"):
            return ALIVE
        return self._gateway.refuse(NotFound("The gateway serves nothing at this path."), path=path)
