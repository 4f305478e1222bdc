from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.policy.balance import RoundRobin, Weighted
from llmgw_middleware.policy.endpoint import Endpoint


def endpoints(**weights: float) -> list[Endpoint]:
    return [Endpoint(name, weight=weight) for name, weight in weights.items()]


def picks(strategy: Weighted, candidates: list[Endpoint], count: int) -> list[str]:
    return [strategy.pick(candidates).name for _ in range(count)]


def test_weights_give_exact_shares_over_a_cycle():
    shares = Counter(picks(Weighted(), endpoints(a=60, b=30, c=10), 10_000))
    assert shares == {"a": 6000, "b": 3000, "c": 1000}


def test_a_heavy_endpoint_is_not_picked_in_a_burst():
    assert picks(Weighted(), endpoints(a=5, b=1, c=1), 7) == ["a", "a", "b", "a", "c", "a", "a"]


def test_round_robin_goes_in_order_and_ignores_weights():
    assert picks(RoundRobin(), endpoints(a=9, b=1, c=1), 6) == ["a", "b", "c", "a", "b", "c"]


def test_an_endpoint_without_weight_is_picked_only_when_alone():
    strategy, both = Weighted(), endpoints(a=1, b=0)
    assert set(picks(strategy, both, 20)) == {"a"}
    assert strategy.pick(both[1:]).name == "b"


@given(
    weights=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    rounds=st.integers(1, 5),
)
def test_any_weights_are_met_exactly_after_whole_cycles(weights, rounds):
    candidates = [Endpoint(str(i), weight=w) for i, w in enumerate(weights)]
    shares = Counter(picks(Weighted(), candidates, sum(weights) * rounds))
    assert [shares[c.name] for c in candidates] == [w * rounds for w in weights] or len(weights) == 1


@pytest.mark.parametrize("strategy", [Weighted, RoundRobin])
def test_a_strategy_tells_its_credit(strategy):
    machine = strategy()
    machine.pick(endpoints(a=1, b=1))
    assert strategy.__name__ in repr(machine)
    assert "'a'" in repr(machine)
