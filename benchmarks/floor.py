"""The floor: the least that a gateway in Python, as an ASGI application under uvicorn, can do.

It decodes the JSON body once, picks a backend by model, filters headers, and passes request and answer on with an
HTTP/1.1 client made for nothing else: no time limits, no retries, no checks, no log. Not for use.

``BENCH_UPSTREAM`` is the origin of the backend. With https TLS is done by ``ssl.MemoryBIO`` inside the protocol.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from httptools import HttpResponseParser

ORIGIN = urlsplit(os.environ.get("BENCH_UPSTREAM", "http://127.0.0.1:9"))
HOST, PORT = ORIGIN.hostname or "127.0.0.1", ORIGIN.port or 80
TLS = ssl.create_default_context() if ORIGIN.scheme == "https" else None
PATHS = {"bench": b"/v1/chat/completions", "other": b"/v1/other"}
NOT_SENT = frozenset((
    b"host", b"content-length", b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade",
    b"proxy-authorization", b"authorization", b"cookie", b"accept-encoding", b"expect",
))  # fmt: skip
NOT_RETURNED = frozenset((
    b"connection", b"keep-alive", b"transfer-encoding", b"trailer", b"upgrade", b"proxy-authenticate", b"set-cookie",
))  # fmt: skip
OWN = b"host: %s:%d\r\nauthorization: Bearer sk-bench\r\n" % (HOST.encode(), PORT)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Wire(asyncio.Protocol):
    """A connection to the backend. One reader waits at a time, on ``news``."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.news: asyncio.Future[None] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.send = transport.write  # type: ignore[attr-defined]  # it is a write transport

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        self.tell()

    def begin(self, request: bytes) -> None:
        self.parser: Any = HttpResponseParser(self)
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.ready = self.complete = False
        self.send(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        self.tell()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.ready = True

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep = self.parser.should_keep_alive()

    def tell(self) -> None:
        news = self.news
        if news is not None and not news.done():
            news.set_result(None)

    async def more(self) -> None:
        if self.lost:
            raise ConnectionError("the backend hung up")
        self.news = self.loop.create_future()
        await self.news

    async def take(self) -> bytes:
        """Return what has come of the body since the last time, ``b""`` at its end."""
        while not self.body:
            if self.complete:
                return b""
            await self.more()
        data = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        return data


class TlsWire(Wire):
    """The same behind TLS, records being coded here and not in the transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert TLS is not None
        self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = TLS.wrap_bio(self.came, self.goes, server_hostname=HOST)
        self.send = self.write_tls
        self.open = False
        self.shake()

    def shake(self) -> None:
        try:
            self.tls.do_handshake()
            self.open = True
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def flush(self) -> None:
        if self.goes.pending:
            self.transport.write(self.goes.read())

    def write_tls(self, data: bytes) -> None:
        self.tls.write(data)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.came.write(data)
        if not self.open:
            self.shake()
            self.tell()
            return
        try:
            while self.came.pending or self.tls.pending():
                self.parser.feed_data(self.tls.read(65536))
        except ssl.SSLWantReadError:
            pass
        self.tell()

    async def opened(self) -> None:
        while not self.open:
            await self.more()


IDLE: list[Wire] = []


async def wire() -> Wire:
    """Return a connection, the one used last if there is one."""
    while IDLE:
        kept = IDLE.pop()
        if not kept.lost:
            return kept
    loop = asyncio.get_running_loop()
    if TLS is None:
        return (await loop.create_connection(Wire, HOST, PORT))[1]
    secured = (await loop.create_connection(TlsWire, HOST, PORT))[1]
    await secured.opened()
    return secured


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Pass a request on."""
    if scope["type"] != "http":
        return
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    asked = msgspec.json.decode(body)
    lines = b"".join([b"%s: %s\r\n" % line for line in scope["headers"] if line[0] not in NOT_SENT])
    up = await wire()
    path = PATHS.get(asked.get("model"), PATHS["bench"])
    up.begin(b"POST %s HTTP/1.1\r\n%s%scontent-length: %d\r\n\r\n%s" % (path, OWN, lines, len(body), body))
    while not up.ready:
        await up.more()
    shown = [line for line in up.headers if line[0] not in NOT_RETURNED]
    await send({"type": "http.response.start", "status": up.parser.get_status_code(), "headers": shown})
    if asked.get("stream"):
        while data := await up.take():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        data = b""
    else:
        data = await up.take()
        while not up.complete:
            data += await up.take()
    if up.keep:
        IDLE.append(up)
    else:
        up.transport.close()
    await send({"type": "http.response.body", "body": data})
