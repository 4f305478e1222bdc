from __future__ import annotations

import pytest

from llmgw_middleware.testing.clock import FakeClock, seeded_rng


def test_a_clock_stands_still_until_it_is_told():
    clock = FakeClock(5)
    assert (clock.now(), clock(), clock.now()) == (5.0, 5.0, 5.0)


def test_a_clock_advances_by_what_it_is_told():
    clock = FakeClock()
    assert clock.advance(1.5) == 1.5
    assert clock.advance(0) == 1.5
    assert repr(clock) == "<FakeClock 1.5 s>"


@pytest.mark.parametrize("step", [-1, float("nan")])
def test_a_clock_does_not_go_back(step: float):
    clock = FakeClock(10)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(step)
    assert clock.now() == 10


def test_the_same_seed_gives_the_same_chance():
    first, second, other = seeded_rng(7), seeded_rng(7), seeded_rng(8)
    numbers = [first.random() for _ in range(5)]
    assert numbers == [second.random() for _ in range(5)]
    assert numbers != [other.random() for _ in range(5)]
