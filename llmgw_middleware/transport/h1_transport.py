"""The gateway's own upstream client: HTTP/1.1 over asyncio's protocols."""

from __future__ import annotations

import asyncio
import ssl

from llmgw_middleware.model.http import Header
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.transport.h1_connection import READ, Connection
from llmgw_middleware.transport.h1_dial import Names, connect
from llmgw_middleware.transport.h1_lease import lease
from llmgw_middleware.transport.h1_parser import Answer
from llmgw_middleware.transport.h1_pool import Pool
from llmgw_middleware.transport.h1_reply import H1Reply
from llmgw_middleware.transport.h1_request import (
    Origin,
    RequestWriter,
    finished,
    origin_of,
    split_url,
    target_of,
)
from llmgw_middleware.transport.h1_tls import Tls, client_context
from llmgw_middleware.transport.port import Call, Reset, Unreachable

MAX_KNOWN = 256
"""Addresses and headers of calls that are remembered as they are written."""

LIMIT = 4096
"""Connections to one origin, unless told otherwise. What bounds requests is ``maxInFlight``; this bounds sockets."""


class H1Transport:
    """Fulfils ``Transport``. Trusts what the system trusts, or ``tls``, which is made to ask for HTTP/1.1.

    ``limit``: connections to one origin; who needs one more waits for at most ``Timeouts.pool``. It knows no
    proxies and reads nothing from the environment. A connection that rested and turns out to be closed before a byte
    of the answer came is stale: the call is sent once more, over a new one.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, limit: int = LIMIT) -> None:
        self._given_tls = tls
        self._limit = limit
        self._tls: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._names = Names()
        self._writer = RequestWriter()
        self._pools: dict[Origin, Pool] = {}
        self._texts: dict[str, Pool] = {}
        self._known: dict[tuple[str, str, tuple[Header, ...]], tuple[Pool, bytes]] = {}
        self._inbox = memoryview(bytearray(READ))
        self._wired: set[Connection] = set()
        self._emptied: asyncio.Future[None] | None = None
        self._closed = False

    async def send(self, call: Call, *, timeouts: Timeouts, deadline: float) -> H1Reply:
        """Send ``call`` and return when the answer's headers are there. See ``Transport``.

        Raises ValueError for a call that HTTP cannot carry: a line break in a header, a URL that is none.
        """
        loop = self._loop or self._bind()
        now = loop.time()
        if self._closed:
            raise Unreachable("this transport is closed")
        if now >= deadline:
            raise TimeoutError("the deadline had passed before the call was sent")
        address = self._known.get((call.method, call.url, call.headers))
        pool, start = address or self._address(loop, call)
        head = finished(start, call)
        connection = pool.rested(now) or await lease(pool, timeouts, deadline)
        while True:
            answer = Answer(bodiless=call.method == "HEAD")
            try:
                connection.ask(answer, head, call.body, write=timeouts.write or 0.0)
                while not answer.status:
                    await connection.change(deadline)
                return H1Reply(answer, connection, pool, idle=timeouts.idle or 0.0)
            except BaseException as error:
                connection.close()
                if not (isinstance(error, Reset) and connection.stale):
                    raise
            connection = await self._replaced(pool, timeouts, deadline)

    async def _replaced(self, pool: Pool, timeouts: Timeouts, deadline: float) -> Connection:
        """Return a new connection in place of a stale one. Never Unreachable: something was sent before."""
        try:
            return await lease(pool, timeouts, deadline, new=True)
        except Unreachable as fault:
            raise Reset(f"a resting connection was closed, and then: {fault}") from fault

    async def aclose(self) -> None:
        """Close every connection, and wait until their sockets are gone; calls under way end. Idempotent."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()
        while self._wired:
            self._emptied = self._emptied or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._emptied)
        await asyncio.sleep(0)  # asyncio closes a socket after it said that it is gone

    # Making.

    def _bind(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _address(self, loop: asyncio.AbstractEventLoop, call: Call) -> tuple[Pool, bytes]:
        """Return where ``call`` goes and how its head begins; remembered, as most calls differ in their bodies only."""
        origin, path = split_url(call.url)
        pool = self._texts.get(origin) or self._pool(loop, origin)
        address = pool, self._writer.start(call, pool.authority, target_of(path))
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[call.method, call.url, call.headers] = address
        return address

    def _pool(self, loop: asyncio.AbstractEventLoop, text: str) -> Pool:
        origin = origin_of(text)
        if origin not in self._pools:
            self._pools[origin] = Pool(loop, origin, self._dial, limit=self._limit)
        self._texts[text] = self._pools[origin]
        return self._pools[origin]

    async def _dial(self, origin: Origin, session: ssl.SSLSession | None) -> Connection:
        context = self._context() if origin.secure else None

        def make() -> Connection:
            tls = None if context is None else Tls(context, origin.host, session)
            loop = asyncio.get_running_loop()
            return Connection(loop, self._inbox, tls, on_made=self._wired.add, on_lost=self._lost)

        return await connect(self._names, origin, make)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = client_context(self._given_tls)
        return self._tls

    def _lost(self, connection: Connection) -> None:
        self._wired.discard(connection)
        if not self._wired and self._emptied is not None:
            self._emptied.set_result(None)
            self._emptied = None

    def __repr__(self) -> str:
        pools = self._pools.values()
        active, idle = sum(pool.active for pool in pools), sum(pool.idle for pool in pools)
        counts = f"{active} active, {idle} idle, {sum(pool.waiting for pool in pools)} waiting"
        closed = " closed" if self._closed else ""
        return f"<H1Transport{closed} [origins: {len(pools)} | connections: {counts}]>"
