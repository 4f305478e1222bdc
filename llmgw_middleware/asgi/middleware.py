"""The gateway as pure ASGI middleware."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from urllib.parse import quote, unquote

from llmgw_middleware.asgi.lifespan import Lifespan, check_order, refuse
from llmgw_middleware.asgi.presence import Lookout, Presence
from llmgw_middleware.asgi.scope_user import found_in
from llmgw_middleware.asgi.shapes import App, Message, Receive, Scope, Send
from llmgw_middleware.entry import (
    PATH_SAFE,
    Door,
    Found,
    Handle,
    Hook,
    Waist,
    below_mount,
    framed,
    joined,
    unavailable,
)
from llmgw_middleware.errors import ConfigError, GatewayError
from llmgw_middleware.loop_thread import CallerGone
from llmgw_middleware.model.http import Header, HostRequest, Request, Response, Stream
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.startup import Source, gateway_for

GONE = Response(status=499)
"""Sent when the caller left before anything was: nobody reads it, but middleware around us expects an answer."""


class LLMGatewayMiddleware:
    """ASGI middleware: answers the configured LLM paths, gives everything else to ``app`` untouched.

    It must stand inside whatever sets ``scope["user"]`` or ``scope["session"]``: with ``add_middleware`` it is added
    first. ``config``: a mapping, or files; ``gateway``: a ready one instead. ``identify``: tells who calls, a function
    of ``HostRequest`` or ``module:function``; a plain function runs in a worker thread. ``trusted_origins``: other
    sites whose pages may call with the visitor's session. ``user_key``: where the session keeps the user's id, asked
    where nothing sets ``scope["user"]``. ``enabled`` False passes everything through.
    ``LLMGW_CONFIG`` and ``LLMGW_ENABLED`` in the environment win.

    Raises ConfigError, naming every problem. Inside a running event loop the refusal is kept for the server's
    ``lifespan.startup``: frameworks build their middleware there, and take an exception for a missing lifespan.
    """

    def __init__(
        self,
        app: App,
        *,
        config: Source | None = None,
        gateway: Waist | None = None,
        identify: str | Hook | None = None,
        trusted_origins: Iterable[str] = (),
        user_key: str = "user_id",
        enabled: bool | None = None,
    ) -> None:
        self.app = app
        self.gateway: Waist | None = None
        self._user_key = user_key
        self._placed = False
        self._lookout: Lookout | None = None
        self._refusal: ConfigError | None = None
        try:
            found = gateway_for(config, gateway=gateway, enabled=enabled)
            if found is not None:
                self._door = Door(
                    found, builtin=self._found, identify=identify, trusted_origins=trusted_origins
                )
                self.gateway = found
        except ConfigError as error:
            if not _in_event_loop():
                raise
            self._refusal = error

    def __repr__(self) -> str:
        return f"<LLMGatewayMiddleware {'off' if self.gateway is None else repr(self.gateway)}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or call the application with the very same arguments."""
        gateway = self.gateway
        if scope["type"] == "http" and gateway is not None:
            path = path_of(scope)
            if gateway.intercepts(scope["method"], path):
                await _Visit(self._door, self._look_out(), scope, receive, send, path=path).run(self.app)
                return
        elif scope["type"] == "lifespan" and gateway is not None:
            await self._live(gateway, scope, receive, send)
            return
        elif self._refusal is not None:
            await self._refuse(self._refusal, scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _look_out(self) -> Lookout:
        """Return the running loop's lookout; test clients bring new loops."""
        lookout, loop = self._lookout, asyncio.get_running_loop()
        if lookout is None or lookout.loop is not loop:
            lookout = self._lookout = Lookout(loop)
        return lookout

    async def _live(self, gateway: Waist, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_place(scope)
        except ConfigError as error:
            await refuse(receive, send, error)
        else:
            await Lifespan(self.app, gateway, scope, receive, send).run()

    async def _refuse(self, error: ConfigError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            raise error
        await refuse(receive, send, error)

    def _check_place(self, scope: Scope) -> None:
        if not self._placed:
            check_order(scope, type(self))
            self._placed = True

    async def _found(self, request: HostRequest) -> Found | None:
        """Tell whom the application's own middleware has put into the scope."""
        try:
            self._check_place(request.native)
        except ConfigError as error:  # a mounted application gets no lifespan that could be refused
            raise GatewayError(str(error), code="identity_unavailable") from error
        found = found_in(request.native, request.headers, self._user_key)
        if found is None and self.gateway is not None and self.gateway.uses_identity:
            raise unavailable(
                "Put the gateway inside Session- and AuthenticationMiddleware (add it before them), "
                "or pass identify= to LLMGatewayMiddleware."
            )
        return found


class _Visit:
    """One request at the door."""

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
        self._headers: tuple[Header, ...] = tuple(map(tuple, scope["headers"]))  # some servers give lists
        self._started = False

    async def run(self, app: App) -> None:
        """Answer, or give the request back to ``app`` when no rule matches."""
        door = self._door
        try:
            try:
                door.check_head(self._scope["method"], self._path, self._headers)
                message = await self._receive()
                whole = message["type"] == "http.request" and not message.get("more_body", False)
                body: bytes = message.get("body", b"") if whole else await self._read(message)
                door.check_size(len(body))
            except GatewayError as error:
                await self._tell(door.refuse(error, self._path, self._headers))
                return
            async with Presence(self._receive, self._lookout) as presence:
                answer = await door.gateway.handle(self._request(body))
                self._scope["llmgw"] = Handle(gateway=door.gateway, decision=answer.decision)
                if isinstance(answer, Response) and answer.stream is not None:
                    answer.stream.on_stall = presence.leave
                    await self._relay(answer, answer.stream)
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

    def _request(self, body: bytes) -> Request:
        scope = self._scope
        client = scope.get("client")
        return Request(
            method=scope["method"],
            path=self._path,
            query=scope.get("query_string", b""),
            headers=self._headers,
            body=body,
            scheme=scope.get("scheme", "http"),
            peer=client[0] if client else None,
            identify=self._identify,
        )

    def _identify(self) -> Awaitable[Identity]:
        scope = self._scope
        client = scope.get("client")
        request = HostRequest(
            method=scope["method"],
            path=self._path,
            headers=joined(self._headers),
            client=client[0] if client else None,
            native=scope,
        )
        return self._door.aidentify(request, self._headers)

    async def _relay(self, answer: Response, stream: Stream) -> None:
        """Send a stream but for its end."""
        send = self._send
        try:
            await self._begin(answer)
            async for chunk in stream:
                try:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except OSError as error:  # how ASGI 2.4 tells of a disconnect
                    raise CallerGone from error
        finally:
            await stream.aclose()

    async def _tell(self, answer: Response) -> None:
        """Send an answer; of a stream, the end."""
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


def path_of(scope: Scope) -> str:
    """Return the percent-encoded path below ``root_path``, as the caller wrote it where the server tells.

    Where something in between has rewritten ``path`` that decides, as it is what the application would see.
    """
    path: str = scope["path"]
    raw: bytes | None = scope.get("raw_path")
    sent = path if raw is None else raw.decode("latin-1")
    if raw is None or (sent != path and unquote(sent) != path):
        sent = quote(path, safe=PATH_SAFE)
    mount: str = scope.get("root_path", "")
    return below_mount(sent, mount) if mount else sent


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
