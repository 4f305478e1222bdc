"""A typed project with the Django adapter, as a user writes one. It is checked, never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import httpx
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse

from llmgw_django import drf, gateway
from llmgw_django.asgi import with_lifespan
from llmgw_django.middleware import LLMGatewayMiddleware
from llmgw_middleware import AuthError, Gateway, HostRequest, Identity

LLMGW_CONFIG = Path("llmgw.yaml")
application = with_lifespan(get_asgi_application())


def identify(request: HostRequest) -> Identity | None:
    native: HttpRequest = request.native
    if native.headers.get("x-revoked"):
        raise AuthError("This key was revoked.", status=403)
    return Identity(id="1", attributes={"tier": "free"}, source="token")


async def identify_waiting(request: HostRequest) -> Identity | None:
    return None if request.headers.get("authorization") is None else identify(request)


def by_framework_or_key(request: HostRequest) -> object:
    return identify(request) if "x-api-key" in request.headers else drf.identify(request)


def summary(request: HttpRequest) -> JsonResponse:
    assert_type(gateway(), Gateway)
    with gateway().client(httpx.Client, user=request.user) as http:
        assert_type(http, httpx.Client)
        return JsonResponse(http.post("/v1/chat/completions", json={"messages": []}).json())


class Ours(LLMGatewayMiddleware):
    """A user may derive from it."""
