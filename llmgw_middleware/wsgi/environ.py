"""What a WSGI environ tells of a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from llmgw_middleware.entry import PATH_SAFE, below_mount
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.plan import Plan

Environ = dict[str, Any]


_PIECE = 64 * 1024
"""Bytes of a body read at once."""


def raw_path(environ: Environ) -> str:
    """Return the percent-encoded path below SCRIPT_NAME, as the caller wrote it where the server tells.

    Where something in between has rewritten PATH_INFO that decides, as it is what the application would see.
    """
    info: str = environ.get("PATH_INFO", "")
    sent: str | None = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if sent is not None:
        path = sent.partition("?")[0] if sent.startswith("/") else urlsplit(sent).path
        raw = below_mount(path, _text(environ.get("SCRIPT_NAME", "")))
        if unquote(raw, errors="surrogateescape") == _text(info):
            return raw
    return quote(info.encode("latin-1"), safe=PATH_SAFE)


def peer_of(environ: Environ, plan: Plan) -> str | None:
    """Return the address of the direct peer.

    Werkzeug's ``ProxyFix`` has put the caller's in its place; if the peer was one of ``gateway.trustedProxies`` the
    proxy counts, as it vouches for the country header, too, and the caller's address follows from X-Forwarded-For.
    """
    before = environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR")
    if before is not None and _is_among(before, plan.trusted_proxies):
        return str(before)
    return environ.get("REMOTE_ADDR") or None


def _is_among(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        return any(ip_address(address) in network for network in networks)
    except ValueError:  # a socket of the file system has no address
        return False


def headers_of(environ: Environ) -> tuple[Header, ...]:
    """Return the request's headers, lower case, as WSGI servers pass them on."""
    found = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:]
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = key
        else:
            continue
        found.append((name.lower().replace("_", "-").encode("latin-1"), value.encode("latin-1")))
    return tuple(found)


def pieces(environ: Environ) -> Iterator[bytes]:
    """Return the body piece by piece; raises BadRequest when the caller broke off."""
    length = environ.get("CONTENT_LENGTH") or None
    if length is None and not environ.get("wsgi.input_terminated"):
        return  # nothing says where it would end
    left = None if length is None else int(length)
    while left is None or left > 0:
        piece: bytes = environ["wsgi.input"].read(_PIECE if left is None else min(_PIECE, left))
        if not piece:
            break
        left = None if left is None else left - len(piece)
        yield piece
    if left:
        raise BadRequest(
            f"The body broke off, {left} bytes before its announced end.", code="incomplete_body"
        )


def _text(native: str) -> str:
    """Return a WSGI string (bytes as latin-1) as the UTF-8 text it stands for."""
    return native.encode("latin-1").decode("utf-8", "surrogateescape")
