"""The connections to one origin: the last one that rested goes first, and who waits is served in order.

A **place** is the right to one connection; there are ``limit`` of them. A place that becomes free goes to the first
who waits, so nobody who comes later can take it. A connection gives its place back when it is closed, at once; one
that was never made gives it back where its making failed. That is all the bookkeeping there is; waiting and making are
``h1_lease.py``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable

from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_request import Origin
from llmgw_middleware.transport.port import Unreachable

Dial = Callable[[Origin, ssl.SSLSession | None], Awaitable[Connection]]
"""Makes a connection. Raises Unreachable."""

Turn = asyncio.Future[Connection | None]
"""What one who waits gets: a connection, or a place to make one."""


class Pool:
    """Keeps connections to ``origin``, which ``dial`` makes. Bound to ``loop``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, dial: Dial, *, limit: int) -> None:
        self.loop = loop
        self.origin = origin
        self.dial = dial
        self._limit = limit
        self._taken = 0
        self._resting: list[Connection] = []
        self._waiting: deque[Turn] = deque()
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweeps_at = 0.0
        self.making: set[asyncio.Timeout] = set()
        """Time limits of connections that are being made."""
        self.session: ssl.SSLSession | None = None
        """The TLS session that the next connection may take up."""
        self.closed = False
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

    def make_room(self) -> None:
        """Close a connection that rests where every place is taken."""
        if self._taken >= self._limit and self._resting:
            self._resting[0].close()

    def take_place(self) -> bool:
        """Take a place to make a connection, if one is free."""
        if self._taken >= self._limit:
            return False
        self._taken += 1
        return True

    def queue(self, *, first: bool) -> Turn:
        """Stand in the queue, or before it."""
        turn: Turn = self.loop.create_future()
        if first:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        return turn

    def leave(self, turn: Turn) -> None:
        """Stand in the queue no longer."""
        if turn in self._waiting:
            self._waiting.remove(turn)

    def adopt(self, connection: Connection) -> None:
        """Take in a connection that was made on a place of its own."""
        self._open.add(connection)
        connection.on_close = self._left

    def give_back(self, connection: Connection, idle: float) -> None:
        """Take a connection whose answer is done, for the next who waits or to rest ``idle`` seconds."""
        if not connection.served:  # tickets come with the first answer, and asking for them costs a copy
            self.session = connection.session or self.session
        if not connection.rest():
            return
        if idle <= 0 or self.closed:
            connection.close()
            return
        connection.expires = self.loop.time() + idle
        self.pass_on(connection)

    def close(self) -> None:
        """Close every connection and refuse who waits. Idempotent."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(Unreachable("this transport was closed"))
        for limit in [each for each in self.making if not each.expired()]:
            limit.reschedule(self.loop.time())
        for connection in [*self._open]:
            connection.close()

    def pass_on(self, connection: Connection | None) -> None:
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
        elif self.closed:
            connection.close()
        else:
            self._resting.append(connection)
            self._sweep_at(connection.expires)

    def _left(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._resting:
            self._resting.remove(connection)
        self.pass_on(None)

    # Rest.

    def _sweep_at(self, when: float) -> None:
        """See that connections which rested too long are closed. One timer for all, seldom set."""
        if self._sweeper is not None:
            if self._sweeps_at <= when:
                return
            self._sweeper.cancel()
        self._sweeps_at = when
        self._sweeper = self.loop.call_at(when, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        now = self.loop.time()
        for connection in [each for each in self._resting if each.expires <= now]:
            connection.close()
        if self._resting:
            self._sweep_at(min(each.expires for each in self._resting))

    def __repr__(self) -> str:
        counts = f"{self.active} active, {self.idle} idle, {self.waiting} waiting"
        return f"<Pool {self.origin} [connections: {counts}]>"
