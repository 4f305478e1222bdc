"""What rules may see of a request. Nothing is decoded before a rule asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.parse import unquote

from llmgw_middleware.body import MISSING, Body, Missing
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.place import Place
from llmgw_middleware.model.world import STILL, World

__all__ = ("MISSING", "Body", "Facts", "Locates", "Missing")


NOTHING_NOTED: Final[Mapping[str, Any]] = MappingProxyType({})


class Locates(Protocol):
    """Finds out where a caller is: ``geo.Locator``."""

    def __call__(self, request: Request, identity: Identity) -> Place:
        """Return the caller's country and regions."""
        ...

    def address(self, request: Request) -> str | None:
        """Return the caller's address as far as it can be trusted."""
        ...


class Facts:
    """What rules may see of one request. Everything is worked out when first asked for, and then kept.

    ``metadata`` are values that the transform before routing noted under names.

    Headers whose names contain ``_`` are never visible: some servers cannot tell them from names with ``-``, so a
    caller could pass for a trusted proxy.
    """

    __slots__ = (
        "_address",
        "_cookies",
        "_locate",
        "_named",
        "_pairs",
        "_place",
        "body",
        "identity",
        "metadata",
        "request",
        "world",
    )

    def __init__(
        self,
        request: Request,
        identity: Identity,
        locate: Locates,
        *,
        world: World = STILL,
        metadata: Mapping[str, Any] = NOTHING_NOTED,
    ) -> None:
        self.request = request
        self.identity = identity
        self.world = world
        self.metadata = metadata
        self._locate = locate
        self.body = Body(request.body)
        """The body, read as far as asked."""
        self._place: Place | None = None
        self._address: str | Missing | None = MISSING
        self._named = request.named
        self._pairs: dict[str, str] | None = None
        self._cookies: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Facts of {self.request.method} {self.request.path}>"

    def seen_as(self, request: Request, metadata: Mapping[str, Any]) -> Facts:
        """Return facts of the same caller with the request as a transform makes it, and what that noted."""
        seen = Facts(request, self.identity, self._locate, world=self.world, metadata=metadata)
        if request.body is self.request.body:
            seen.body = self.body  # what was decoded of it, and whether it can be, holds for both
        return seen

    @property
    def body_failed(self) -> bool:
        """Whether the body was asked for and cannot be read."""
        return self.body.failed

    @property
    def place(self) -> Place:
        """Where the caller is."""
        if self._place is None:
            self._place = self._locate(self.request, self.identity)
        return self._place

    @property
    def host(self) -> str:
        """The host that was asked for, in lower case and without its port; empty if none was named."""
        lines = self.headers(b"host")
        if not lines:
            return ""
        host = lines[0].strip().lower()
        name, colon, port = host.rpartition(":")
        return name if colon and port.isdigit() else host.removesuffix(":")

    @property
    def address(self) -> str | None:
        """The caller's address; behind trusted proxies the first untrusted hop."""
        if isinstance(self._address, Missing):
            self._address = self._locate.address(self.request)
        return self._address

    def headers(self, name: bytes) -> list[str]:
        """Return every line of the header ``name`` (lower case), in order.

        ``:authority``, ``:method``, ``:path`` and ``:scheme`` are what HTTP/2 calls the parts of a request so.
        """
        named = self._named
        line = named.get(name)
        if line is None or b"_" in name or name[:1] == b":":
            return self._pseudo(name) if name[:1] == b":" else []
        headers = self.request.headers
        if len(named) == len(headers):  # no name is there twice
            return [line.decode("latin-1")]
        return [value.decode("latin-1") for other, value in headers if other == name]

    def query(self, name: str) -> str | None:
        """Return the first value of a query parameter, percent-decoded, ``+`` being a space."""
        if not self.request.query:
            return None
        if self._pairs is None:
            self._pairs = _pairs(self.request.query)
        value = self._pairs.get(name)
        return None if value is None else _decoded(value)

    def cookie(self, name: str) -> str | None:
        """Return the first cookie of that name, without the quotes around its value."""
        if self._cookies is None:
            self._cookies = _cookies(self.headers(b"cookie"))
        return self._cookies.get(name)

    def attribute(self, name: str) -> Any:
        """Return ``id``, ``authenticated`` or what the host says of the user; a dotted name walks into mappings.

        ``MISSING`` if there is none: also for None, and for the id of a caller who has none.
        """
        if name == "id":
            return self.identity.id or MISSING
        if name == "authenticated":
            return self.identity.authenticated
        value: Any = self.identity.attributes.get(name)
        if value is None and "." in name:
            value = _walk(self.identity.attributes, name)
        return MISSING if value is None else value

    def _pseudo(self, name: bytes) -> list[str]:
        request = self.request
        if name == b":authority":
            return self.headers(b"host")[:1]
        if name == b":path":
            query = request.query.decode("latin-1")
            return [f"{request.path}?{query}" if query else request.path]
        part = {b":method": request.method, b":scheme": request.scheme}.get(name)
        return [] if part is None else [part]


def _decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="replace")


def _pairs(query: bytes) -> dict[str, str]:
    """Return the first, still encoded value of each parameter."""
    pairs: dict[str, str] = {}
    for pair in query.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if pair:
            pairs.setdefault(_decoded(name), value)
    return pairs


def _cookies(lines: list[str]) -> dict[str, str]:
    """Return the first value of each cookie (RFC 6265, section 5.4: the more specific one is sent first)."""
    cookies: dict[str, str] = {}
    for line in lines:
        for pair in line.split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                cookies.setdefault(name.strip(), value.strip().strip('"'))
    return cookies


def _walk(value: Any, name: str) -> Any:
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
