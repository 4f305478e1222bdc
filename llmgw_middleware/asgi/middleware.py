"""The gateway as pure ASGI middleware."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from llmgw_middleware.asgi.lifespan import Lifespan, check_order, refuse
from llmgw_middleware.asgi.presence import Lookout
from llmgw_middleware.asgi.scope import path_of
from llmgw_middleware.asgi.scope_user import found_in
from llmgw_middleware.asgi.shapes import App, Receive, Scope, Send
from llmgw_middleware.asgi.visit import Visit
from llmgw_middleware.entry import Door, Found, Hook, Waist, unavailable
from llmgw_middleware.errors import ConfigError, GatewayError
from llmgw_middleware.model.http import HostRequest
from llmgw_middleware.startup import Source, gateway_for


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
                await Visit(self._door, self._look_out(), scope, receive, send, path=path).run(self.app)
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


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
