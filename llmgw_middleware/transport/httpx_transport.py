"""The transport over httpx."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any

import httpx

from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.transport.hop import sendable
from llmgw_middleware.transport.httpx_faults import fault_of
from llmgw_middleware.transport.httpx_reply import Farewells, HttpxReply, discard
from llmgw_middleware.transport.httpx_watch import WATCH, Watch
from llmgw_middleware.transport.httpx_wire import WatchedTransport
from llmgw_middleware.transport.port import Call, Malformed, Unreachable


class HttpxTransport:
    """Fulfils ``Transport`` over httpx, without its client: transports are called directly, which costs half.

    Left alone it speaks HTTP/1.1 by connections of its own, trusts what the system trusts (or ``tls``), and reads
    nothing from the environment. ``transport`` is any ``httpx.AsyncBaseTransport`` instead, for HTTP/2, proxies,
    authentication or ``httpx.MockTransport``; it then belongs to this object and is closed with it. Three promises
    hold only without it, since they need a look at the bytes: the retry on a stale connection, the limit of interim
    answers, and write timeouts that measure progress. Its keep-alive is its own as well.

    A kept-alive connection is stale if the upstream closed it before one byte of the answer came. Then the call is
    sent once more, on a new connection. One that never served before, or that gave as much as a byte, is not.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._given = transport
        self._tls = tls
        self._pools: dict[float | None, httpx.AsyncBaseTransport] = {}
        self._farewells = Farewells()
        self._sending = 0
        self._closed = False

    async def send(self, call: Call, *, timeouts: Timeouts, deadline: float) -> HttpxReply:
        """Send ``call`` and return when the answer's headers are there. See ``Transport``.

        Raises ValueError for a call that HTTP cannot carry: a line break in a header, a URL that is none.
        """
        if self._closed:
            raise Unreachable("this transport is closed")
        if asyncio.get_running_loop().time() >= deadline:
            raise TimeoutError("the deadline had passed before the call was sent")
        watch = Watch(seam=self._given is None)
        self._sending += 1
        try:
            response = await self._by(deadline, watch, self._exchange(call, timeouts, watch))
        finally:
            self._sending -= 1
        try:
            return HttpxReply(response, self._farewells)
        except Malformed:
            await self._farewells.see_off(discard(response))
            raise

    async def _by(
        self, deadline: float, watch: Watch, work: Coroutine[Any, Any, httpx.Response]
    ) -> httpx.Response:
        """Await ``work`` until the deadline. It is a task, so that a cancelled caller cannot disturb its tidying."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        try:
            await asyncio.wait((task,), timeout=deadline - loop.time())
        except asyncio.CancelledError:
            await self._farewells.see_off(_abandon(watch, task))
            raise
        if not task.done():
            await self._farewells.see_off(_abandon(watch, task))
            raise TimeoutError("the answer's headers did not come before the deadline")
        return task.result()

    async def _exchange(self, call: Call, timeouts: Timeouts, watch: Watch) -> httpx.Response:
        WATCH.set(watch)
        try:
            return await self._pool(timeouts.idle).handle_async_request(request_for(call, timeouts))
        except (httpx.ReadError, httpx.RemoteProtocolError) as error:
            if not watch.stale:
                raise fault_of(error) from error
        except httpx.HTTPError as error:
            raise fault_of(error) from error
        try:
            return await self._pool(0.0).handle_async_request(request_for(call, timeouts))
        except httpx.HTTPError as error:
            raise fault_of(error) from error

    def _pool(self, idle: float | None) -> httpx.AsyncBaseTransport:
        """Return the connections of that keep-alive. Those of zero are new for every call."""
        if self._given is not None:
            return self._given
        if idle not in self._pools:
            self._tls = self._tls or ssl.create_default_context()
            self._pools[idle] = WatchedTransport(tls=self._tls, idle=idle)
        return self._pools[idle]

    async def aclose(self) -> None:
        """Close every connection; calls under way end with Reset. Idempotent."""
        self._closed = True
        pools, self._pools = [*self._pools.values()], {}
        for pool in [*pools, self._given] if self._given is not None else pools:
            await pool.aclose()
        await self._farewells.all_done()

    def __repr__(self) -> str:
        kind = "httpx" if self._given is None else type(self._given).__name__
        state = "closed" if self._closed else f"sending: {self._sending}, closing: {len(self._farewells)}"
        return f"<HttpxTransport over {kind} [{state}]>"


def request_for(call: Call, timeouts: Timeouts) -> httpx.Request:
    """Return httpx's request for ``call``. Raises ValueError for a URL that is none.

    Answers are asked for uncompressed unless the call says otherwise: a stream of events gains nothing by it. There
    is no read timeout: deadlines do that.
    """
    headers = list(sendable(call.headers))
    if not any(name == b"accept-encoding" for name, _ in headers):
        headers.append((b"accept-encoding", b"identity"))
    limits = {"connect": timeouts.connect, "write": timeouts.write, "pool": timeouts.pool, "read": None}
    try:
        return httpx.Request(
            call.method, call.url, headers=headers, content=call.body, extensions={"timeout": limits}
        )
    except httpx.InvalidURL as error:
        raise ValueError(f"a call that HTTP cannot carry: {error}") from error


async def _abandon(watch: Watch, task: asyncio.Task[httpx.Response]) -> None:
    watch.abandon(task)
    await asyncio.wait((task,))
    # The answer may have come in the same moment.
    if not task.cancelled() and task.exception() is None:
        await discard(task.result())
