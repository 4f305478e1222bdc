"""The gateway as an ASGI application, with the full configuration.

``BENCH_UPSTREAM`` is the origin of the backend, ``BENCH_ROUTES`` a number of routes in place of the full
configuration (``BENCH_SPREAD=paths``: each with a path of its own), ``LLMGW_BENCH_TRANSPORT`` the upstream client: ``h1``, ``httpx`` or ``default``.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.configuration import configuration, with_many_routes
from benchmarks.transports import chosen
from llmgw_middleware import Extensions, HostRequest, Identity, LLMGatewayMiddleware, build_gateway

CALLER = Identity(id="u-1", attributes={"tier": "premium"}, source="token")


async def host(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Answer what is not the gateway's."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
    elif scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return


async def identify(_: HostRequest) -> Identity:
    """Tell who calls, as an application would that has looked already."""
    return CALLER


def make() -> LLMGatewayMiddleware:
    """Build the application that the environment asks for."""
    upstream = os.environ.get("BENCH_UPSTREAM", "http://127.0.0.1:9")
    routes = int(os.environ.get("BENCH_ROUTES", "0"))
    own_paths = os.environ.get("BENCH_SPREAD") == "paths"
    config = with_many_routes(upstream, routes, own_paths=own_paths) if routes else configuration(upstream)
    gateway = build_gateway(config, env={}, extensions=Extensions(transport=chosen()))
    return LLMGatewayMiddleware(host, gateway=gateway, identify=identify)
