"""httpx's own transport with a watch on every connection.

httpcore tells nobody what it read from a socket. Three things need it: a kept-alive connection is stale only if
*nothing* came back on it, interim answers must be counted, and an answer's head has a limit of bytes. So the
network backend, a public seam of httpcore, is wrapped; which connection serves which request is found through a
context variable, because each request is sent by a task of its own.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from llmgw_middleware.transport.port import MAX_HEAD

MAX_INTERIM = 10
"""Answers of 1xx before the real one; more are a flood."""

WRITE_PIECE = 64 * 1024
"""Bytes per write, so that the write timeout measures progress and not the whole body."""

_BLANK_LINE = re.compile(rb"\n\r?\n")  # as tolerant as h11, so that both see the same end of a head
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d")


class Watch:
    """What is known of the connection that carries one request."""

    __slots__ = ("stream",)

    def __init__(self) -> None:
        self.stream: WatchedStream | None = None
        """The connection, once the first byte of the request was handed to it."""

    @property
    def stale(self) -> bool:
        """Whether the request went out on a connection that had served before, and not one byte came back."""
        return self.stream is not None and self.stream.answers > 0 and self.stream.received == 0


WATCH: ContextVar[Watch] = ContextVar("llmgw_httpx_watch")
"""The watch of the task that sends."""


class WatchedStream(httpcore.AsyncNetworkStream):
    """A connection that counts what it received since the last request was written."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, *, opened: float) -> None:
        self._inner = inner
        self._opened = opened
        self._head = bytearray()
        self._in_head = False
        self._head_size = 0
        self._interim = 0
        self.answers = 0
        """Heads received whole, 1xx not counted."""
        self.received = 0
        """Bytes received since the last write."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- httpcore's signature
        """Write in pieces, each with the whole timeout."""
        if (watch := WATCH.get(None)) is not None:
            watch.stream = self
        self._in_head, self._head_size, self._interim, self.received = True, 0, 0, 0
        self._head.clear()
        for start in range(0, len(buffer), WRITE_PIECE):
            await self._inner.write(buffer[start : start + WRITE_PIECE], timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- as above
        """Read, and judge what belongs to the head. Raises RemoteProtocolError beyond its limits."""
        data = await self._inner.read(max_bytes, timeout)
        self.received += len(data)
        if self._in_head:
            self._judge(data)
        return data

    def _judge(self, data: bytes) -> None:
        self._head += data
        while self._in_head and (end := _BLANK_LINE.search(self._head)):
            self._end_of_head(end.end())
        if self._in_head and self._head_size + len(self._head) > MAX_HEAD:
            raise httpcore.RemoteProtocolError(f"the answer's head is longer than {MAX_HEAD} bytes")

    def _end_of_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            raise httpcore.RemoteProtocolError(f"the answer's head is longer than {MAX_HEAD} bytes")
        if not _INTERIM.match(self._head):
            self._in_head = False
            self.answers += 1
            self._head.clear()
            return
        self._interim += 1
        if self._interim > MAX_INTERIM:
            raise httpcore.RemoteProtocolError(f"more than {MAX_INTERIM} interim answers")
        del self._head[:size]

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
        inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
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
        """Connect."""
        opened = asyncio.get_running_loop().time()
        inner = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return WatchedStream(inner, opened=opened)

    async def sleep(self, seconds: float) -> None:
        """Let time pass between connection attempts. Never asked for: there are no retries here."""
        await self._inner.sleep(seconds)


class WatchedTransport(httpx.AsyncHTTPTransport):
    """HTTP/1.1 without retries, proxies or environment, over watched connections.

    There is no limit of connections: a request that is cancelled while it waits for one leaks its slot in httpcore
    (encode/httpcore#1093), and a limit would in time be used up by leaks. What bounds them is ``maxInFlight``.
    ``idle`` is the keep-alive in seconds; 0 keeps no connection.
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
