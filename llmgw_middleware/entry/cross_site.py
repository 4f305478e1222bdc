"""May this page call: the origin rule."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from llmgw_middleware.entry.headers import values
from llmgw_middleware.errors import ConfigError, Forbidden
from llmgw_middleware.model.http import Header

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 §9.2.1): the origin rule lets them through."""


def check_origins(origins: Iterable[str]) -> list[str]:
    """Return trusted origins as browsers write them; raises ConfigError for what is no origin."""
    checked = []
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
            raise ConfigError(
                f"trusted_origins: {origin!r} is no origin; write scheme://host or scheme://host:port"
            )
        checked.append(f"{parts.scheme}://{parts.netloc.lower()}")
    return checked


def check_origin(headers: Iterable[Header], trusted_origins: frozenset[str]) -> None:
    """Refuse a request that another site's page made: the rule of Go's ``http.CrossOriginProtection``.

    The first line that applies decides: a trusted Origin passes; Sec-Fetch-Site must be ``same-origin`` or ``none``;
    without it a present Origin must name our Host; with neither it was no browser.
    """
    lines = list(headers)
    origins = [value.lower() for value in values(lines, b"origin")]
    sites = values(lines, b"sec-fetch-site")
    if origins and trusted_origins.issuperset(origins):
        return
    if sites:
        same = all(site in ("same-origin", "none") for site in sites)
    else:
        hosts = [value.lower() for value in values(lines, b"host")]
        same = all([urlsplit(origin).netloc] == hosts for origin in origins)
    if not same:
        raise Forbidden(
            "Another site's page may not call with this session; add its origin to the trusted origins if it should.",
            code="csrf_failed",
        )
