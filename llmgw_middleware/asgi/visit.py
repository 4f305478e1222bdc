"""One request at the ASGI door."""

from __future__ import annotations

from contextlib import suppress

from llmgw_middleware.asgi.presence import Lookout, Presence
from llmgw_middleware.asgi.scope import headers_of, host_request_of, request_of
from llmgw_middleware.asgi.shapes import App, Message, Receive, Scope, Send
from llmgw_middleware.entry import Door, Handle, framed
from llmgw_middleware.errors import GatewayError
from llmgw_middleware.loop_thread import CallerGone
from llmgw_middleware.model.http import Response, Stream
from llmgw_middleware.model.identity import Identity

GONE = Response(status=499)
"""Sent when the caller left before anything was: nobody reads it, but middleware around us expects an answer."""


class Visit:
    """A request that is the gateway's. ``path`` is raw and below the mount point."""

    __slots__ = ("_door", "_headers", "_lookout", "_path", "_receive", "_scope", "_send", "_started")

    def __init__(
        self, door: Door, lookout: Lookout, scope: Scope, receive: Receive, send: Send, *, path: str
    ) -> None:
        self._door = door
        self._lookout = lookout
        self._scope = scope
        self._receive = receive
        self._send = send
        self._path = path
        self._headers = headers_of(scope)
        self._started = False

    async def run(self, app: App) -> None:
        """Answer, or give the request back to ``app`` when no rule matches."""
        door = self._door
        try:
            try:
                request = request_of(self._scope, self._path, self._headers, self._identify)
                door.check_head(request.method, self._path, self._headers, request.named)
                message = await self._receive()
                whole = message["type"] == "http.request" and not message.get("more_body", False)
                body: bytes = message.get("body", b"") if whole else await self._read(message)
                door.check_size(len(body))
            except GatewayError as error:
                await self._tell(door.refuse(error, self._path, self._headers))
                return
            async with Presence(self._receive, self._lookout) as presence:
                request.body = body
                answer = await door.gateway.handle(request)
                self._scope["llmgw"] = Handle(gateway=door.gateway, decision=answer.decision)
                if isinstance(answer, Response) and answer.stream is not None:
                    answer.stream.on_stall = presence.leave
                    answer.body = await self._relay(answer, answer.stream)
            if presence.left:
                await self._leave()
            elif isinstance(answer, Response):
                await self._tell(answer)
            else:
                await app(self._scope, self._replay(body), self._send)
        except CallerGone:
            await self._leave()

    async def _read(self, message: Message) -> bytes:
        """Return a body that comes in several messages, of which ``message`` is the first."""
        parts = bytearray()
        while message["type"] != "http.disconnect":
            parts += message.get("body", b"")
            self._door.check_size(len(parts))
            if not message.get("more_body", False):
                return bytes(parts)
            message = await self._receive()
        raise CallerGone

    async def _identify(self) -> Identity:
        request = host_request_of(self._scope, self._path, self._headers)
        identity = await self._door.resolver.aresolve(request)
        self._door.check_caller(identity, request.method, self._headers)
        return identity

    async def _relay(self, answer: Response, stream: Stream) -> bytes:
        """Send a stream but for its end, and return what is to be sent with that: the last chunk, if it is known for it."""
        send = self._send
        try:
            await self._begin(answer)
            async for chunk in stream:
                if stream.last:
                    return chunk
                try:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except OSError as error:  # how ASGI 2.4 tells of a disconnect
                    raise CallerGone from error
        finally:
            await stream.aclose()
        return b""

    async def _tell(self, answer: Response) -> None:
        """Send an answer; of a stream, what is left of it, and the end."""
        if answer.stream is None:
            await self._begin(answer)
        try:
            await self._send({"type": "http.response.body", "body": answer.body, "more_body": False})
        except OSError as error:
            raise CallerGone from error

    async def _leave(self) -> None:
        """Take in that the caller left."""
        if not self._started:
            with suppress(CallerGone):
                await self._tell(GONE)

    async def _begin(self, answer: Response) -> None:
        self._started = True
        try:
            await self._send(
                {"type": "http.response.start", "status": answer.status, "headers": framed(answer)}
            )
        except OSError as error:
            raise CallerGone from error

    def _replay(self, body: bytes) -> Receive:
        """Return a ``receive`` that gives the body once more, then goes on as before."""
        given = False

        async def receive() -> Message:
            nonlocal given
            if given:
                return await self._receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        return receive
