"""Upstream addresses and path patterns, as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from llmgw_middleware.model.route import PathTest

_HOST_PORT = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
_AMBIGUOUS = re.compile(r"//|/\.{1,2}(?:/|$)|[;\\?#\s]|%2f|%5c|%00", re.IGNORECASE)
_KEPT = "/%:@!$&'()*+,=~-._"
_MOST_PORTS = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """An upstream's URL without a trailing slash. ``bare``: it has no path, so the caller's own is sent."""

    url: str
    bare: bool


def looks_like_address(text: str) -> bool:
    """Whether a backend's name is an address instead: ``host:port`` or an HTTP URL (seed 000)."""
    return "://" in text or _HOST_PORT.fullmatch(text) is not None


def address(text: str) -> Address:
    """Read a URL or ``host:port``. Raises ValueError with what is wrong; it never shows the text."""
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(url.strip())
    if parts.scheme.lower() not in {"http", "https"}:
        raise ValueError("An upstream's URL starts with http:// or https://.")
    if "@" in parts.netloc:
        raise ValueError("An upstream's URL holds no user and password; the key belongs under apiKey.")
    if parts.query or parts.fragment:
        raise ValueError("An upstream's URL has no query and no fragment.")
    if not parts.hostname or re.search(r"[\s\"<>\\^`{|}]", url):
        raise ValueError("An upstream's URL names a host.")
    try:
        port_fits = parts.port is None or 0 < parts.port <= _MOST_PORTS
    except ValueError:
        port_fits = False
    if not port_fits:
        raise ValueError(f"An upstream's port is a number from 1 to {_MOST_PORTS}.")
    path = parts.path.rstrip("/")
    return Address(f"{parts.scheme.lower()}://{parts.netloc}{path}", bare=not path)


def path_pattern(text: str) -> PathTest:
    """Read a path: exact, or with ``/*`` at its end a prefix. Raises ValueError with what is wrong."""
    if text.endswith("/*"):
        return path_prefix(text[:-2] or "/")
    if "*" in text:
        raise ValueError("A * stands only at the end of a path, after a slash; for more there is {regex: …}.")
    return PathTest(kind="exact", value=_clean(text))


def path_prefix(text: str) -> PathTest:
    """Read a prefix by whole segments; a trailing slash is ignored. Raises ValueError with what is wrong."""
    return PathTest(kind="prefix", value=_clean(text).rstrip("/"))


def _clean(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError('A path starts with "/".')
    if _AMBIGUOUS.search(text):
        raise ValueError(
            "This path never matches: requests with //, /./, /../, ;, \\ and encoded slashes are refused, and a "
            "query stands under query:."
        )
    return quote(text, safe=_KEPT)
