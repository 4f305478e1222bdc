"""httpx's own transport with a look at the bytes.

httpcore tells nobody what it read from a socket. Two things need it: a kept-alive connection is stale only if
*nothing* came back on it, and an answer's head has limits. So the network backend, a public seam of httpcore, is
wrapped. How requests are given up at this seam is told in ``httpx_watch``.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable
from functools import partial
from typing import Any

import httpcore
import httpx

from llmgw_middleware.transport.httpx_watch import WATCH, network
from llmgw_middleware.transport.port import MAX_HEAD

MAX_INTERIM = 10
"""Answers of 1xx before the real one; more are a flood."""

WRITE_PIECE = 64 * 1024
"""Bytes per write, so that the write timeout measures progress and not the whole body."""

_BLANK_LINE = re.compile(rb"\n\r?\n")  # as tolerant as h11, so that both see the same end of a head
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d")


class Head:
    """The head of an answer as it comes in. Raises RemoteProtocolError beyond its limits."""

    __slots__ = ("_interim", "_size", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._size = 0
        self._interim = 0

    def feed(self, data: bytes) -> bool:
        """Take in bytes. Returns whether the head is complete; what stands behind it is not looked at."""
        self._tail += data
        while end := _BLANK_LINE.search(self._tail):
            self._size += end.end()
            self._check(self._size)
            if not _INTERIM.match(self._tail):
                return True
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise httpcore.RemoteProtocolError(f"more than {MAX_INTERIM} interim answers")
            del self._tail[: end.end()]
        self._check(self._size + len(self._tail))
        return False

    def _check(self, size: int) -> None:
        if size > MAX_HEAD:
            raise httpcore.RemoteProtocolError(f"the answer's head is longer than {MAX_HEAD} bytes")


class WatchedStream(httpcore.AsyncNetworkStream):
    """A connection that counts what it received. ``opened``: the loop's time when connecting began."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, *, opened: float) -> None:
        self._inner = inner
        self._opened = opened
        self._head: Head | None = None
        self.answers = 0
        """Answers received so far, 1xx not counted."""
        self.received = 0
        """Bytes received since the last write."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- httpcore's signature
        """Write in pieces, each with the whole timeout."""
        if (watch := WATCH.get(None)) is not None:
            watch.carrier = self
        self._head, self.received = Head(), 0
        for start in range(0, len(buffer), WRITE_PIECE):
            await network(partial(self._inner.write, buffer[start : start + WRITE_PIECE], timeout))

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- as above
        """Read, and judge what belongs to the head."""
        data = await network(partial(self._inner.read, max_bytes, timeout))
        self.received += len(data)
        if self._head is not None and self._head.feed(data):
            self._head = None
            self.answers += 1
        return data

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- as above
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS within what connecting has left of its time."""
        if timeout is not None:
            timeout = max(0.0, timeout - (asyncio.get_running_loop().time() - self._opened))
        try:
            inner = await network(partial(self._inner.start_tls, ssl_context, server_hostname, timeout))
        except BaseException:
            await self._inner.aclose()  # httpcore does so for exceptions, but not when cancelled
            raise
        return WatchedStream(inner, opened=self._opened)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection says of itself."""
        return self._inner.get_extra_info(info)

    def __repr__(self) -> str:
        return f"<WatchedStream [answers: {self.answers}, received since the last write: {self.received}]>"


class WatchedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's backend for asyncio, its connections watched."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- as above
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises httpcore's ConnectError also for names that DNS cannot have."""
        opened = asyncio.get_running_loop().time()
        connect = partial(self._inner.connect_tcp, host, port, timeout, local_address, socket_options)
        try:
            return WatchedStream(await network(connect), opened=opened)
        except UnicodeError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        """Let time pass between connection attempts. Never asked for: there are no retries here."""
        await self._inner.sleep(seconds)


class WatchedTransport(httpx.AsyncHTTPTransport):
    """HTTP/1.1 without retries, proxies or environment, over watched connections.

    There is no limit of connections: where callers wait for one, those who leave in the moment they get it would use
    it up (encode/httpcore#1093). What bounds them is ``maxInFlight``. ``idle`` is the keep-alive in seconds; 0 keeps
    no connection.
    """

    def __init__(self, *, tls: ssl.SSLContext, idle: float | None) -> None:
        super().__init__(verify=tls, trust_env=False, http2=False, retries=0)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,
            max_keepalive_connections=0 if idle == 0 else None,
            keepalive_expiry=idle,
            http2=False,
            retries=0,
            network_backend=WatchedBackend(),
        )

    def __repr__(self) -> str:
        return f"<WatchedTransport {self._pool!r}>"
