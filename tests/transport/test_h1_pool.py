"""Who gets which connection, and when."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS
from llmgw_middleware.transport import h1_lease
from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_parser import Answer
from llmgw_middleware.transport.h1_pool import Pool
from llmgw_middleware.transport.h1_request import Origin
from llmgw_middleware.transport.port import Unreachable
from tests.transport.wire import Wire, wired

ORIGIN = Origin("http", "h", 80)
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Dialler:
    """Makes connections in memory, at once or when told."""

    def __init__(self) -> None:
        self.made: list[tuple[Connection, Wire]] = []
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, origin: Origin, session: ssl.SSLSession | None) -> Connection:
        assert (origin, session) == (ORIGIN, None)
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.made.append(wired())
        return self.made[-1][0]

    def wire_of(self, connection: Connection) -> Wire:
        return next(wire for made, wire in self.made if made is connection)


def pool_of(limit: int) -> tuple[Pool, Dialler]:
    dialler = Dialler()
    return Pool(asyncio.get_running_loop(), ORIGIN, dialler, limit=limit), dialler


async def lease(pool: Pool, /, *, deadline: float = 10.0, new: bool = False, **limits: Any) -> Connection:
    until = asyncio.get_running_loop().time() + deadline
    return await h1_lease.lease(pool, replace(DEFAULT_TIMEOUTS, **limits), until, new=new)


def use(dialler: Dialler, connection: Connection) -> Connection:
    """A request and its answer."""
    connection.ask(Answer(), b"HEAD", b"", write=1.0)
    dialler.wire_of(connection).arrives(NO_CONTENT)
    return connection


def give_back(pool: Pool, dialler: Dialler, *connections: Connection, idle: float = 60.0) -> None:
    for connection in connections:
        pool.give_back(use(dialler, connection), idle)


async def begun(*tasks: asyncio.Task[Any]) -> None:
    """Let tasks come to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def counts(pool: Pool) -> tuple[int, int, int]:
    return pool.active, pool.idle, pool.waiting


# Rest


async def test_the_last_that_rested_goes_first():
    pool, dialler = pool_of(3)
    one, two, three = [await lease(pool) for _ in range(3)]
    give_back(pool, dialler, two, one, three)
    assert [await lease(pool) for _ in range(3)] == [three, one, two]
    assert len(dialler.made) == 3


async def test_a_connection_that_rested_too_long_is_not_used():
    pool, dialler = pool_of(1)
    old = await lease(pool)
    give_back(pool, dialler, old, idle=0.01)
    now = asyncio.get_running_loop().time()
    assert pool.rested(now + 0.02) is None
    assert (old.closed, counts(pool)) == (True, (0, 0, 0))


async def test_connections_that_rest_too_long_are_closed_without_being_asked_for():
    pool, dialler = pool_of(3)
    connections = [await lease(pool) for _ in range(3)]
    ends = [asyncio.Event() for _ in connections]
    for connection, end in zip(connections, ends, strict=True):
        dialler.wire_of(connection).connection.on_lost = lambda _, end=end: end.set()
    give_back(pool, dialler, connections[0], idle=3600)
    give_back(pool, dialler, connections[1], idle=0.02)
    give_back(pool, dialler, connections[2], idle=0.01)
    await ends[2].wait()
    await ends[1].wait()
    assert (connections[0].closed, counts(pool)) == (False, (0, 1, 0))
    pool.close()


async def test_nothing_rests_without_keep_alive():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    give_back(pool, dialler, connection, idle=0.0)
    assert (connection.closed, counts(pool)) == (True, (0, 0, 0))


async def test_a_connection_that_breaks_while_it_rests_leaves_its_place():
    pool, dialler = pool_of(1)
    first = await lease(pool)
    give_back(pool, dialler, first)
    dialler.wire_of(first).breaks()
    assert counts(pool) == (0, 0, 0)
    assert await lease(pool) is not first


async def test_connections_with_unread_bytes_are_passed_over():
    pool, dialler = pool_of(2)
    good, bad = await lease(pool), await lease(pool)
    give_back(pool, dialler, good, bad)
    dialler.wire_of(bad).far.send(b"x")
    assert await lease(pool) is good
    assert bad.closed


# Places


async def test_who_needs_one_more_waits_for_one():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    task = asyncio.create_task(lease(pool))
    await begun(task)
    assert counts(pool) == (1, 0, 1)
    assert repr(pool) == "<Pool http://h [connections: 1 active, 0 idle, 1 waiting]>"
    give_back(pool, dialler, connection)
    assert await task is connection
    assert counts(pool) == (1, 0, 0)


async def test_those_who_wait_are_served_in_order():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    order: list[int] = []

    async def wait(number: int) -> None:
        leased = await lease(pool)
        order.append(number)
        give_back(pool, dialler, leased)

    tasks = [asyncio.create_task(wait(number)) for number in range(20)]
    await begun(*tasks)
    give_back(pool, dialler, connection)
    await asyncio.gather(*tasks)
    assert order == [*range(20)]
    assert len(dialler.made) == 1


async def test_nobody_who_comes_later_is_served_before():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    waiting = asyncio.create_task(lease(pool))
    await begun(waiting)
    give_back(pool, dialler, connection)
    late = asyncio.create_task(lease(pool))
    await begun(late)
    assert (waiting.done(), late.done()) == (True, False)
    give_back(pool, dialler, await waiting)
    assert await late is connection


@pytest.mark.parametrize("new", [False, True], ids=["any", "new"])
async def test_a_place_that_becomes_free_is_the_next_ones(new: bool):  # noqa: FBT001
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    task = asyncio.create_task(lease(pool, new=new))
    await begun(task)
    connection.close()
    assert await task is dialler.made[1][0]
    assert counts(pool) == (1, 0, 0)


async def test_a_connection_that_breaks_on_its_way_to_the_next_is_replaced():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    task = asyncio.create_task(lease(pool))
    await begun(task)
    give_back(pool, dialler, connection)
    dialler.wire_of(connection).breaks()
    assert await task is dialler.made[1][0]
    assert counts(pool) == (1, 0, 0)


async def test_a_connection_that_breaks_on_its_way_costs_nobody_his_turn():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    order: list[str] = []

    async def wait(name: str) -> None:
        leased = await lease(pool)
        order.append(name)
        give_back(pool, dialler, leased)

    tasks = [asyncio.create_task(wait(name)) for name in "abc"]
    await begun(*tasks)
    give_back(pool, dialler, connection)
    dialler.wire_of(connection).breaks()
    await asyncio.gather(*tasks)
    assert sorted(order) == ["a", "b", "c"]
    assert order.index("a") < order.index("c")
    assert counts(pool) == (0, 1, 0)


async def test_waiting_ends_in_its_time():
    pool, _ = pool_of(1)
    await lease(pool)
    with pytest.raises(Unreachable, match="no connection to http://h became free"):
        await lease(pool, pool=0.01)
    assert counts(pool) == (1, 0, 0)


async def test_waiting_ends_at_the_deadline():
    pool, _ = pool_of(1)
    await lease(pool)
    with pytest.raises(TimeoutError):
        await lease(pool, deadline=0.01)
    assert counts(pool) == (1, 0, 0)


async def test_connecting_ends_in_its_time():
    pool, dialler = pool_of(1)
    dialler.gate.clear()
    with pytest.raises(Unreachable, match="time for connecting"):
        await lease(pool, connect=0.01)
    assert counts(pool) == (0, 0, 0)


async def test_connecting_ends_at_the_deadline():
    pool, dialler = pool_of(1)
    dialler.gate.clear()
    with pytest.raises(TimeoutError):
        await lease(pool, deadline=0.01)
    assert counts(pool) == (0, 0, 0)


async def test_a_connection_that_could_not_be_made_leaves_its_place_to_the_next():
    pool, dialler = pool_of(1)
    dialler.gate.clear()
    dialler.fault = Unreachable("nobody there")
    first = asyncio.create_task(lease(pool))
    await begun(first)
    second = asyncio.create_task(lease(pool))
    await begun(first, second)
    dialler.gate.set()
    for task in (first, second):
        with pytest.raises(Unreachable, match="nobody there"):
            await task
    assert counts(pool) == (0, 0, 0)


async def test_a_new_one_takes_the_place_of_the_one_that_rested_longest():
    pool, dialler = pool_of(2)
    one, two = await lease(pool), await lease(pool)
    give_back(pool, dialler, one, two)
    new = await lease(pool, new=True)
    assert new not in (one, two)
    assert (one.closed, two.closed, counts(pool)) == (True, False, (1, 1, 0))


# Leaving


async def test_who_leaves_the_queue_is_forgotten():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    tasks = [asyncio.create_task(lease(pool)) for _ in range(3)]
    await begun(*tasks)
    tasks[0].cancel()
    await asyncio.wait((tasks[0],))
    assert counts(pool) == (1, 0, 2)
    give_back(pool, dialler, connection)
    assert await tasks[1] is connection
    tasks[2].cancel()


async def test_what_comes_in_the_moment_of_leaving_is_the_next_ones():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    leaving, staying = [asyncio.create_task(lease(pool)) for _ in range(2)]
    await begun(leaving, staying)
    give_back(pool, dialler, connection)
    leaving.cancel()
    assert await staying is connection
    assert (leaving.cancelled(), counts(pool)) == (True, (1, 0, 0))


async def test_a_place_that_comes_in_the_moment_of_leaving_is_the_next_ones():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    leaving, staying = [asyncio.create_task(lease(pool)) for _ in range(2)]
    await begun(leaving, staying)
    connection.close()
    leaving.cancel()
    assert await staying is dialler.made[1][0]
    assert counts(pool) == (1, 0, 0)


async def test_leaving_while_connecting_frees_the_place():
    pool, dialler = pool_of(1)
    dialler.gate.clear()
    task = asyncio.create_task(lease(pool))
    await begun(task)
    assert counts(pool) == (1, 0, 0)
    task.cancel()
    await asyncio.wait((task,))
    assert counts(pool) == (0, 0, 0)


STEPS = st.lists(st.sampled_from(["ask", "return", "break", "cancel", "turn", "unread"]), max_size=40)


@settings(max_examples=200, deadline=None)
@given(limit=st.integers(1, 3), steps=STEPS)
async def test_no_place_is_lost_and_none_is_given_twice(limit: int, steps: list[str]):
    pool, dialler = pool_of(limit)
    tasks: list[asyncio.Task[Connection]] = []
    for step in steps:
        held = [task.result() for task in tasks if task.done() and not task.cancelled()]
        match step:
            case "ask":
                tasks.append(asyncio.create_task(lease(pool)))
            case "return" if held:
                tasks = without(tasks, held[0])
                if not held[0].closed:
                    give_back(pool, dialler, held[0])
            case "break" if held:
                dialler.wire_of(held[0]).breaks()
                tasks = without(tasks, held[0])
            case "cancel" if tasks:
                tasks[len(tasks) // 2].cancel()
            case "unread" if pool.idle:
                dialler.wire_of(pool._resting[0]).far.send(b"x")
            case _:
                await asyncio.sleep(0)
        assert pool.active + pool.idle <= limit
        assert not (pool.waiting and pool.idle)
    await asyncio.sleep(0)
    for task in [each for each in tasks if not each.done()]:
        task.cancel()
    await settled(tasks)
    for connection in [task.result() for task in tasks if not task.cancelled()]:
        connection.close()
    assert (pool.active, pool.waiting) == (0, 0)
    assert len([await lease(pool) for _ in range(limit)]) == limit
    pool.close()


def without(tasks: list[asyncio.Task[Connection]], connection: Connection) -> list[asyncio.Task[Connection]]:
    return [task for task in tasks if not task.done() or task.cancelled() or task.result() is not connection]


async def settled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    if waiting := [task for task in tasks if not task.done()]:
        await asyncio.wait(waiting)


# The end


async def test_closing_closes_what_is_used_and_what_rests_and_refuses_who_waits():
    pool, dialler = pool_of(2)
    used, rested = await lease(pool), await lease(pool)
    used.ask(Answer(), b"HEAD", b"", write=1.0)
    give_back(pool, dialler, rested)
    pool.close()
    pool.close()
    assert (used.closed, rested.closed, counts(pool)) == (True, True, (0, 0, 0))
    with pytest.raises(Unreachable, match="closed"):
        await lease(pool)


async def test_closing_refuses_who_waits_and_who_connects():
    pool, dialler = pool_of(1)
    dialler.gate.clear()
    connecting, waiting = [asyncio.create_task(lease(pool)) for _ in range(2)]
    await begun(connecting, waiting)
    pool.close()
    for task in (connecting, waiting):
        with pytest.raises(Unreachable, match="closed"):
            await task
    assert counts(pool) == (0, 0, 0)


async def test_a_connection_given_back_after_closing_is_closed():
    pool, dialler = pool_of(1)
    connection = await lease(pool)
    use(dialler, connection)
    pool.closed = True
    pool.give_back(connection, 60.0)
    assert connection.closed
