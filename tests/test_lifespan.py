"""What is bound to an event loop: one part for each loop that runs, and none for loops that are no more."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from llmgw_middleware.build import build_gateway
from llmgw_middleware.extensions import Extensions
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.lifespan import Loops
from llmgw_middleware.testing.clock import seeded_rng

CONFIG: dict[str, Any] = {
    "routes": [{"path": "/v1/chat/completions", "backend": "only"}],
    "backends": [{"name": "only", "url": "http://127.0.0.1:9/v1"}],
}


class Transport:
    """Opens nothing; it says whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def made() -> list[Transport]:
    return []


@pytest.fixture
def loops(made: list[Transport]) -> Loops:
    def make() -> Any:
        made.append(Transport())
        return made[-1]

    return Loops(make, chance=seeded_rng().random)


async def part(loops: Loops) -> Any:
    return loops.current()


def test_a_loop_keeps_its_part(loops: Loops):
    async def twice() -> bool:
        return loops.current() is loops.current()

    assert asyncio.run(twice())


def test_each_loop_has_a_part_of_its_own(loops: Loops, made: list[Transport]):
    assert asyncio.run(part(loops)) is not asyncio.run(part(loops))
    assert len(made) == 2


def test_loops_that_have_closed_are_forgotten(loops: Loops):
    parts = [weakref.ref(asyncio.run(part(loops))) for _ in range(3)]
    gc.collect()
    assert [each() is None for each in parts] == [True, True, False]


def test_a_loop_that_still_runs_elsewhere_keeps_its_part(loops: Loops):
    running = asyncio.new_event_loop()
    kept = running.run_until_complete(part(loops))
    asyncio.run(part(loops))
    assert running.run_until_complete(part(loops)) is kept
    running.close()


def test_closing_closes_the_running_loops_part_only(loops: Loops, made: list[Transport]):
    other = asyncio.new_event_loop()
    other.run_until_complete(part(loops))

    async def come_and_go() -> None:
        loops.current()
        await loops.aclose()
        await loops.aclose()

    asyncio.run(come_and_go())
    assert [each.closed for each in made] == [False, True]
    other.close()


def test_a_gateway_serves_one_loop_after_the_other():
    made: list[Transport] = []

    def make() -> Any:
        made.append(Transport())
        return made[-1]

    gateway: Gateway = build_gateway(CONFIG, env={}, extensions=Extensions(transport=make))
    for _ in range(3):
        asyncio.run(gateway.aopen())
    assert len(made) == 3
    assert repr(gateway._loops).count("Bound") == 1
