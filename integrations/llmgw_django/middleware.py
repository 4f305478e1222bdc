"""The middleware: answers the configured LLM paths, gives every other request to the project untouched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from llmgw_django import shared
from llmgw_django.door import DjangoDoor
from llmgw_django.findings import errors
from llmgw_django.incoming import Incoming


class LLMGatewayMiddleware:
    """Stands below Session, Csrf and Authentication; what stands below it never sees the requests it answers.

    Synchronous under WSGI (``runserver`` included), asynchronous under ASGI. A middleware of only one kind may force
    the other kind of call on it, so the kind of request decides how a stream is made, never the kind of call. Raises
    ImproperlyConfigured at server start, naming every problem, and MiddlewareNotUsed where it is switched off.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        found = errors(type(self))
        if found:
            raise ImproperlyConfigured("The gateway cannot start:\n" + "\n".join(str(each) for each in found))
        if shared.door() is None:
            raise MiddlewareNotUsed("LLMGW_ENABLED is false")
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __repr__(self) -> str:
        return f"<LLMGatewayMiddleware {'async' if self._is_async else 'sync'} {shared.door()!r}>"

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer, or ask the project."""
        if self._is_async:
            return self._acall(request)
        return self._answer(request) or self.get_response(request)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        return await self._aanswer(request) or await self.get_response(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase | None:
        match _opened(request):
            case None:
                return None
            case door, call if isinstance(request, ASGIRequest):
                # A synchronous middleware below us has made the whole chain so.
                return async_to_sync(door.aanswer)(call)
            case door, call:
                return door.answer(call)

    async def _aanswer(self, request: HttpRequest) -> HttpResponseBase | None:
        match _opened(request):
            case None:
                return None
            case door, call if isinstance(request, ASGIRequest):
                return await door.aanswer(call)
            case door, call:
                # An asynchronous middleware below us has made the chain so, under WSGI.
                return await sync_to_async(door.answer, thread_sensitive=True)(call)


def _opened(request: HttpRequest) -> tuple[DjangoDoor, Incoming] | None:
    """Return the door and what goes through it, or None for a request that is the project's."""
    door = shared.door()
    call = None if door is None else door.opens_for(request)
    return None if door is None or call is None else (door, call)
