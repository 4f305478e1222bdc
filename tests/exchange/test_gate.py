import asyncio

import pytest

from llmgw_middleware.errors import Unavailable
from llmgw_middleware.exchange.gate import Gate


async def enter(gate: Gate, *, limit: int | None = 1, pending: int = 0, patience: float = 5.0) -> str:
    try:
        await gate.enter(limit, pending=pending, patience=patience)
    except Unavailable as error:
        return error.error_code
    return "in"


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_without_a_limit_everybody_comes_in():
    gate = Gate()
    assert [await enter(gate, limit=None) for _ in range(5)] == ["in"] * 5
    assert repr(gate) == "<Gate [5 inside, 0 waiting]>"


async def test_beyond_the_limit_the_rest_is_refused_at_once():
    gate = Gate()
    assert [await enter(gate, limit=2) for _ in range(3)] == ["in", "in", "overloaded"]


async def test_who_waits_gets_the_next_place_in_turn():
    gate = Gate()
    await enter(gate)
    waiting = [asyncio.create_task(enter(gate, pending=2)) for _ in range(2)]
    await settle()
    gate.leave()
    await settle()
    assert [task.done() for task in waiting] == [True, False]
    gate.leave()
    assert [await task for task in waiting] == ["in", "in"]
    gate.leave()
    assert gate.inside == 0


async def test_nobody_waits_longer_than_the_limit():
    gate = Gate()
    await enter(gate)
    assert await enter(gate, pending=1, patience=0.01) == "overloaded"
    gate.leave()
    assert (gate.inside, await enter(gate)) == (0, "in")


async def test_who_stops_waiting_leaves_no_place_taken():
    gate = Gate()
    await enter(gate)
    waiting = asyncio.create_task(enter(gate, pending=1))
    await settle()
    gate.leave()  # handed over
    waiting.cancel()  # and not wanted any more
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.inside == 0


async def test_draining_refuses_newcomers_and_those_who_wait():
    gate = Gate()
    await enter(gate)
    waiting = asyncio.create_task(enter(gate, pending=1))
    await settle()
    drained = asyncio.create_task(gate.drain(5.0))
    await settle()
    assert (await waiting, await enter(gate)) == ("draining", "draining")
    gate.leave()
    assert await drained is True


async def test_draining_gives_up_after_its_time():
    gate = Gate()
    await enter(gate)
    assert await gate.drain(0.01) is False
