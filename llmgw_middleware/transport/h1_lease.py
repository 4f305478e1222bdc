"""Getting a connection where none rests: waiting in the pool's queue, or making one on a free place."""

from __future__ import annotations

import asyncio

from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_pool import Pool, Turn
from llmgw_middleware.transport.port import Unreachable


async def lease(pool: Pool, timeouts: Timeouts, deadline: float, *, new: bool = False) -> Connection:
    """Return a connection; ``new``: one that never served, if there is a place to make it.

    Raises Unreachable, or TimeoutError at the deadline.
    """
    now = pool.loop.time()
    patience = now + (timeouts.pool or 0.0)
    if new:
        pool.make_room()
    connection = None if new else pool.rested(now)
    first = False
    while connection is None:
        if pool.closed:
            raise Unreachable("this transport is closed")
        if pool.take_place():
            return await _make(pool, timeouts, deadline)
        connection = await _turn(pool, patience, deadline, first=first)
        if connection is None:
            return await _make(pool, timeouts, deadline)
        if not connection.fresh():
            connection, first = None, True  # it broke on its way here, and its place is the next one's
    return connection


async def _turn(pool: Pool, patience: float, deadline: float, *, first: bool) -> Connection | None:
    """Wait in the queue. Returns a connection, or None for a place to make one."""
    turn = pool.queue(first=first)
    timer = pool.loop.call_at(min(patience, deadline), _too_late, pool, turn, patience <= deadline)
    try:
        return await turn
    except asyncio.CancelledError:
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            pool.pass_on(turn.result())  # what came in the moment of leaving is the next one's
        raise
    finally:
        timer.cancel()
        pool.leave(turn)


def _too_late(pool: Pool, turn: Turn, impatient: bool) -> None:  # noqa: FBT001 -- a callback
    if turn.done():
        return
    if impatient:
        turn.set_exception(Unreachable(f"no connection to {pool.origin} became free: {pool!r}"))
    else:
        turn.set_exception(TimeoutError("no connection became free before the deadline"))


async def _make(pool: Pool, timeouts: Timeouts, deadline: float) -> Connection:
    """Make a connection on a place that is ours."""
    until = pool.loop.time() + (timeouts.connect or 0.0)
    try:
        connection = await _made(pool, min(until, deadline))
    except TimeoutError as error:
        pool.pass_on(None)
        raise _late(pool, until, deadline) from error
    except BaseException:
        pool.pass_on(None)
        raise
    pool.adopt(connection)
    return connection


async def _made(pool: Pool, until: float) -> Connection:
    async with asyncio.timeout_at(until) as limit:
        pool.making.add(limit)
        try:
            connection = await pool.dial(pool.origin, pool.session)
        finally:
            pool.making.discard(limit)
    if connection.closed or pool.closed:
        connection.close()
        raise Unreachable(f"the connection to {pool.origin} was closed before anything was sent")
    return connection


def _late(pool: Pool, until: float, deadline: float) -> Exception:
    if pool.closed:
        return Unreachable("this transport was closed")
    if deadline < until:
        return TimeoutError("no connection was made before the deadline")
    return Unreachable(f"no connection to {pool.origin} was made in the time for connecting")
