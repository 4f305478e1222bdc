"""What an ASGI scope says of a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote, unquote

from llmgw_middleware.asgi.shapes import Scope
from llmgw_middleware.entry import PATH_SAFE, below_mount, joined
from llmgw_middleware.model.http import Header, HostRequest, Request
from llmgw_middleware.model.identity import Identity


def headers_of(scope: Scope) -> tuple[Header, ...]:
    """Return the headers; some servers give lists."""
    return tuple(map(tuple, scope["headers"]))


def request_of(
    scope: Scope,
    path: str,
    headers: tuple[Header, ...],
    identify: Callable[[], Awaitable[Identity]],
) -> Request:
    """Return what the gateway takes, but for the body."""
    return Request(
        method=scope["method"],
        path=path,
        query=scope.get("query_string", b""),
        headers=headers,
        scheme=scope.get("scheme", "http"),
        peer=_peer(scope),
        identify=identify,
    )


def host_request_of(scope: Scope, path: str, headers: tuple[Header, ...]) -> HostRequest:
    """Return what resolvers see."""
    return HostRequest(
        method=scope["method"], path=path, headers=joined(headers), client=_peer(scope), native=scope
    )


def _peer(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


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
