"""The gateway's door in Django: what is asked on the way in, and the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from llmgw_django import incoming
from llmgw_django.answer import plain, streamed
from llmgw_django.connections import release
from llmgw_django.csrf import check_csrf
from llmgw_django.identity import UserReader
from llmgw_django.incoming import Incoming
from llmgw_django.streams import AsyncBody, SyncBody
from llmgw_middleware import GatewayError, HostRequest, Identity, Pass, Response
from llmgw_middleware.wsgi import Bridge, Door, Handle, Hook, Waist, settled


class DjangoDoor:
    """One gateway, and the way in and out of it for Django's requests of both kinds.

    ``identify`` replaces the reading of ``request.user``. Raises ConfigError if it names no function.
    """

    def __init__(self, gateway: Waist, *, identify: str | Hook | None = None) -> None:
        self.gateway = gateway
        self.users = UserReader(gateway)
        self._entry = Door(gateway, builtin=self.users, identify=identify)
        self._bridge = Bridge(gateway)
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<DjangoDoor {self._entry!r} {self._bridge!r}>"

    def opens_for(self, request: HttpRequest) -> Incoming | None:
        """Return the request if it is the gateway's; nothing of it has been read then."""
        path = incoming.raw_path(request)
        if not self.gateway.intercepts(request.method or "", path):
            return None
        return Incoming(native=request, path=path, headers=incoming.headers(request))

    def answer(self, call: Incoming) -> HttpResponseBase | None:
        """Answer a WSGI request, on its own thread. None: the request is the project's after all."""
        try:
            body = call.read(self._entry)
        except GatewayError as error:
            return self._refuse(error, call)
        request = call.request(body, settled(self._outcome(call)))
        answer = self._bridge.handle(request, call.native.META)
        return self._told(call, answer, lambda found: SyncBody(self._bridge.stream(found, call.native.META)))

    async def aanswer(self, call: Incoming) -> HttpResponseBase | None:
        """Answer an ASGI request, on its event loop. None: the request is the project's after all."""
        try:
            body = call.read(self._entry)
        except GatewayError as error:
            return self._refuse(error, call)
        answer = await self.gateway.handle(call.request(body, self._asked_by(call)))
        return self._told(call, answer, lambda found: AsyncBody(found.stream))

    def identify(self, request: HostRequest) -> Identity:
        """Ask who calls, on the calling thread; raises GatewayError."""
        return self._entry.resolver.resolve(request)

    def close(self) -> None:
        """End what runs for WSGI requests, and on the running event loop, if there is one, what runs for ASGI's."""
        self._bridge.thread.stop()
        with suppress(RuntimeError):  # no loop runs here
            loop = asyncio.get_running_loop()
            self._closing = loop.create_task(self.gateway.aclose())

    def _asked_by(self, call: Incoming) -> Callable[[], Awaitable[Identity]]:
        async def identify() -> Identity:
            # One thread for the session, the ORM and the release: connections belong to threads.
            return await sync_to_async(self._identity, thread_sensitive=True)(call)

        return identify

    def _identity(self, call: Incoming) -> Identity:
        """Tell who calls and whether this page may; then give back what the asking took."""
        try:
            identity = self.identify(call.host())
            if identity.source == "session":
                check_csrf(call.native)
            return identity
        finally:
            release()

    def _outcome(self, call: Incoming) -> Identity | GatewayError:
        try:
            return self._identity(call)
        except GatewayError as error:
            return error

    def _refuse(self, error: GatewayError, call: Incoming) -> HttpResponseBase:
        return plain(self._entry.refuse(error, call.path, call.headers))

    def _told(
        self, call: Incoming, answer: Response | Pass, body: Callable[[Response], SyncBody | AsyncBody]
    ) -> HttpResponseBase | None:
        native: Any = call.native
        native.llmgw = Handle(gateway=self.gateway, decision=answer.decision)
        if isinstance(answer, Pass):
            return None
        return plain(answer) if answer.stream is None else streamed(answer, body(answer))
