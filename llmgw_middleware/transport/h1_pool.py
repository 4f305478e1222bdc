"""The connections to one origin: the last one that rested goes first, and who waits is served in order.

A **place** is the right to one connection; there are ``limit`` of them. A place that becomes free goes to the first
who waits, so nobody who comes later can take it. A connection gives its place back when it is closed, at once; one
that was never made gives it back where its making failed. That is all the bookkeeping there is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable

from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_request import Origin
from llmgw_middleware.transport.port import Unreachable

Dial = Callable[[Origin, ssl.SSLSession | None], Awaitable[Connection]]
"""Makes a connection. Raises Unreachable."""


class Pool:
    """Leases connections to ``origin``. Bound to ``loop``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, dial: Dial, *, limit: int) -> None:
        self._loop = loop
        self._dial = dial
        self._limit = limit
        self._taken = 0
        self._resting: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._making: set[asyncio.Timeout] = set()
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweeps_at = 0.0
        self._session: ssl.SSLSession | None = None
        self._closed = False
        self.origin = origin
        self.authority = origin.authority
        """What the ``host`` header says."""

    @property
    def active(self) -> int:
        """Connections in use, those being made included."""
        return self._taken - len(self._resting)

    @property
    def idle(self) -> int:
        """Connections that rest."""
        return len(self._resting)

    @property
    def waiting(self) -> int:
        """Callers who wait for a place."""
        return len(self._waiting)

    def rested(self, now: float) -> Connection | None:
        """Return a connection that rested and may be used, or None. Those that may not are closed."""
        while self._resting:
            connection = self._resting.pop()
            if connection.expires <= now:
                connection.close()
            elif connection.fresh():
                return connection
        return None

    async def lease(self, timeouts: Timeouts, deadline: float, *, new: bool = False) -> Connection:
        """Return a connection; ``new``: one that never served, if there is a place to make it.

        Raises Unreachable, or TimeoutError at the deadline.
        """
        now = self._loop.time()
        patience = now + (timeouts.pool or 0.0)
        if new and self._taken >= self._limit and self._resting:
            self._resting[0].close()
        connection = None if new else self.rested(now)
        first = False
        while connection is None:
            if self._closed:
                raise Unreachable("this transport is closed")
            if self._taken < self._limit:
                self._taken += 1
                return await self._make(timeouts, deadline)
            connection = await self._turn(patience, deadline, first=first)
            if connection is None:
                return await self._make(timeouts, deadline)
            if not connection.fresh():
                connection, first = None, True  # it broke on its way here, and its place is the next one's
        return connection

    def give_back(self, connection: Connection, idle: float) -> None:
        """Take a connection whose answer is done, for the next who waits or to rest ``idle`` seconds."""
        if not connection.served:  # tickets come with the first answer, and asking for them costs a copy
            self._session = connection.session or self._session
        if not connection.rest():
            return
        if idle <= 0 or self._closed:
            connection.close()
            return
        connection.expires = self._loop.time() + idle
        self._pass_on(connection)

    def close(self) -> None:
        """Close every connection and refuse who waits. Idempotent."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(Unreachable("this transport was closed"))
        for limit in [each for each in self._making if not each.expired()]:
            limit.reschedule(self._loop.time())
        for connection in [*self._open]:
            connection.close()

    # Places.

    async def _turn(self, patience: float, deadline: float, *, first: bool) -> Connection | None:
        """Wait in the queue. Returns a connection, or None for a place to make one."""
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        (self._waiting.appendleft if first else self._waiting.append)(turn)
        timer = self._loop.call_at(min(patience, deadline), self._too_late, turn, patience <= deadline)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())  # what came in the moment of leaving is the next one's
            raise
        finally:
            timer.cancel()
            if turn in self._waiting:
                self._waiting.remove(turn)

    def _too_late(self, turn: asyncio.Future[Connection | None], impatient: bool) -> None:  # noqa: FBT001 -- a callback
        if turn.done():
            return
        if impatient:
            turn.set_exception(Unreachable(f"no connection to {self.origin} became free: {self!r}"))
        else:
            turn.set_exception(TimeoutError("no connection became free before the deadline"))

    def _pass_on(self, connection: Connection | None) -> None:
        """Give a connection, or a place without one, to the first who waits; else let it rest, or free it."""
        if connection is not None and connection.closed:
            return  # it gave its place back itself
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._taken -= 1
        elif self._closed:
            connection.close()
        else:
            self._resting.append(connection)
            self._sweep_at(connection.expires)

    async def _make(self, timeouts: Timeouts, deadline: float) -> Connection:
        """Make a connection on a place that is ours."""
        until = self._loop.time() + (timeouts.connect or 0.0)
        try:
            connection = await self._made(min(until, deadline))
        except TimeoutError as error:
            self._pass_on(None)
            raise self._late(until, deadline) from error
        except BaseException:
            self._pass_on(None)
            raise
        self._open.add(connection)
        connection.on_close = self._left
        return connection

    async def _made(self, until: float) -> Connection:
        async with asyncio.timeout_at(until) as limit:
            self._making.add(limit)
            try:
                connection = await self._dial(self.origin, self._session)
            finally:
                self._making.discard(limit)
        if connection.closed or self._closed:
            connection.close()
            raise Unreachable(f"the connection to {self.origin} was closed before anything was sent")
        return connection

    def _late(self, until: float, deadline: float) -> Exception:
        if self._closed:
            return Unreachable("this transport was closed")
        if deadline < until:
            return TimeoutError("no connection was made before the deadline")
        return Unreachable(f"no connection to {self.origin} was made in the time for connecting")

    def _left(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._resting:
            self._resting.remove(connection)
        self._pass_on(None)

    # Rest.

    def _sweep_at(self, when: float) -> None:
        """See that connections which rested too long are closed. One timer for all, seldom set."""
        if self._sweeper is not None:
            if self._sweeps_at <= when:
                return
            self._sweeper.cancel()
        self._sweeps_at = when
        self._sweeper = self._loop.call_at(when, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._loop.time()
        for connection in [each for each in self._resting if each.expires <= now]:
            connection.close()
        if self._resting:
            self._sweep_at(min(each.expires for each in self._resting))

    def __repr__(self) -> str:
        counts = f"{self.active} active, {self.idle} idle, {self.waiting} waiting"
        return f"<Pool {self.origin} [connections: {counts}]>"
