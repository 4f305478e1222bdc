"""HTTP as the gateway sees it: raw bytes where nothing has to be read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.identity import ANONYMOUS, Identity

Header = tuple[bytes, bytes]
"""Name in lower case, and value, as ASGI has them."""


async def anonymous() -> Identity:
    """Answer that nobody is logged in: the resolver of a host without users."""
    return ANONYMOUS


@dataclass(slots=True, kw_only=True)  # made for every request: frozen would cost three times as much
class Request:
    """A downstream request whose body has been read.

    ``path`` is the raw (still percent-encoded) path below the mount point, ``query`` the raw query string,
    ``peer`` the address of the direct peer. ``identify`` tells who calls; the door that made the request knows how.
    It may raise ``GatewayError``.
    """

    method: str
    path: str
    query: bytes = b""
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    scheme: str = "http"
    peer: str | None = None
    identify: Callable[[], Awaitable[Identity]] = anonymous
    named: Mapping[bytes, bytes] = field(init=False, repr=False, compare=False)
    """The last line of each header; as many as there are ``headers`` where none is repeated."""

    def __post_init__(self) -> None:
        self.named = dict(self.headers)


@dataclass(slots=True, kw_only=True)  # made for every request: frozen would cost three times as much
class HostRequest:
    """What a resolver sees of a request: never the body, on which identity must not depend.

    ``headers`` have lower-case names, repeated lines joined by commas; ``native`` is the host's own object: Django's
    ``HttpRequest``, Flask's request, the ASGI scope, the WSGI environ.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    client: str | None
    native: Any


class Stream(Protocol):
    """The body of a streamed answer. ``aclose`` is idempotent and stops the upstream.

    ``on_stall`` is called when the caller has taken nothing for ``callerStall`` seconds and the upstream has been let
    go; a door that can cut the caller's connection sets it. Whoever pulls after that gets an exception, never an end.
    ``last``: the chunk that was just given is known to be the last, so that it can be sent together with the end.
    """

    on_stall: Callable[[], None] | None
    last: bool

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None:
        """Stop; the upstream is let go."""
        ...


@dataclass(slots=True, kw_only=True)  # made for every request: frozen would cost three times as much
class Response:
    """An answer to the caller: either ``body`` or, if ``stream`` is set, its chunks."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    stream: Stream | None = None
    decision: Decision | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """No rule matched and ``onNoRoute: pass`` gives the request back to the host application."""

    decision: Decision
