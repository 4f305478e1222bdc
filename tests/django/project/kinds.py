"""Middleware of only one kind, which forces its kind of call on its neighbours."""

from __future__ import annotations

from django.utils.decorators import async_only_middleware, sync_only_middleware


@sync_only_middleware
def only_sync(get_response):
    def middleware(request):
        return get_response(request)

    return middleware


@async_only_middleware
def only_async(get_response):
    async def middleware(request):
        return await get_response(request)

    return middleware
