"""The way to each origin as the process's environment says: straight, or through a proxy.

The variables are those that curl, requests and httpx know: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and
``NO_PROXY``, in small letters too, which win. They have no common specification; where programs differ, curl's way is
taken.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS, Timeouts
from llmgw_middleware.transport.h1_request import Origin, origin_of, split_url
from llmgw_middleware.transport.h1_transport import H1Transport
from llmgw_middleware.transport.port import Call, Reply, Transport, Unreachable

_SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """What the environment says. ``http``, ``https``: the proxy's URL for such origins, which may hold a password."""

    http: str | None = None
    https: str | None = None
    exceptions: tuple[str, ...] = ()
    """Hosts, domains, addresses and networks that are gone to straight, with or without a port."""

    def __bool__(self) -> bool:
        return self.http is not None or self.https is not None

    def way_to(self, origin: Origin) -> str | None:
        """Return the proxy's URL, or None for the straight way."""
        proxy = self.https if origin.secure else self.http
        if proxy is None or any(_covers(exception, origin) for exception in self.exceptions):
            return None
        return proxy

    def __repr__(self) -> str:
        ways = [name for name in ("http", "https") if getattr(self, name) is not None]
        return f"<Proxies for {' and '.join(ways) or 'nothing'} [exceptions: {len(self.exceptions)}]>"


def proxies_of(env: Mapping[str, str]) -> Proxies:
    """Read the variables. Raises ValueError, which names the variable and never its value."""
    # A CGI server puts a caller's "Proxy:" header into HTTP_PROXY (CVE-2016-5385).
    http = ("http_proxy",) if "REQUEST_METHOD" in env else ("http_proxy", "HTTP_PROXY")
    return Proxies(
        http=_proxy(env, *http, "all_proxy", "ALL_PROXY"),
        https=_proxy(env, "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
        exceptions=tuple((_said(env, "no_proxy", "NO_PROXY")[1]).lower().replace(",", " ").split()),
    )


def _said(env: Mapping[str, str], *names: str) -> tuple[str, str]:
    """Return the first of the variables that is set, even if to nothing, and its value."""
    return next(((name, env[name].strip()) for name in names if name in env), ("", ""))


def _proxy(env: Mapping[str, str], *names: str) -> str | None:
    name, value = _said(env, *names)
    if not value:
        return None
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        whole = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(f"{name} is no URL of a proxy: say http://HOST:PORT, or socks5://HOST:PORT")
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ValueError(
            f"{name} names a SOCKS proxy, for which httpx needs a package: pip install 'httpx[socks]'"
        )
    return url


def _covers(exception: str, origin: Origin) -> bool:
    """Say whether an entry of ``NO_PROXY`` means this origin: ``*``, a network, or a domain and all below it."""
    if exception == "*":
        return True
    try:
        return ipaddress.ip_address(origin.host) in ipaddress.ip_network(exception, strict=False)
    except ValueError:
        pass  # one of them is a name, or has a port
    host, colon, port = exception.rpartition(":")
    if colon and port.isdigit() and not (":" in host and not host.startswith("[")):
        return int(port) == origin.port and _covers(host.strip("[]"), origin)
    domain = exception.removeprefix("*").removeprefix(".")
    return bool(domain) and (origin.host == domain or origin.host.endswith(f".{domain}"))


class EnvironmentTransport:
    """Fulfils ``Transport``: ``H1Transport`` where the way is straight, else ``HttpxTransport`` over the proxy.

    ``proxied`` makes the transport for a proxy's URL.
    """

    def __init__(
        self,
        proxies: Proxies,
        *,
        proxied: Callable[[str], Transport] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._proxies = proxies
        self._tls = tls
        self._make = proxied or self._over
        self._straight = H1Transport(tls=tls)
        self._through: dict[str, Transport] = {}
        self._ways: dict[str, Transport] = {}
        self._closed = False

    async def send(self, call: Call, *, timeouts: Timeouts, deadline: float) -> Reply:
        """Send ``call`` on its way. See ``Transport``. Raises ValueError for a URL that is none."""
        if self._closed:
            raise Unreachable("this transport is closed")
        origin, _ = split_url(call.url)
        way = self._ways.get(origin) or self._way(origin)
        return await way.send(call, timeouts=timeouts, deadline=deadline)

    def _way(self, origin: str) -> Transport:
        proxy = self._proxies.way_to(origin_of(origin))
        if proxy is None:
            self._ways[origin] = self._straight
        else:
            if proxy not in self._through:
                self._through[proxy] = self._make(proxy)
            self._ways[origin] = self._through[proxy]
        return self._ways[origin]

    def _over(self, proxy: str) -> Transport:
        import httpx

        from llmgw_middleware.transport.httpx_transport import HttpxTransport

        limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=None, keepalive_expiry=DEFAULT_TIMEOUTS.idle
        )
        context = self._tls or ssl.create_default_context()
        return HttpxTransport(
            httpx.AsyncHTTPTransport(verify=context, proxy=proxy, limits=limits, trust_env=False)
        )

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        self._closed = True
        for transport in (self._straight, *self._through.values()):
            await transport.aclose()

    def __repr__(self) -> str:
        return f"<EnvironmentTransport {self._proxies!r} [straight: {self._straight!r}, through: {len(self._through)}]>"
