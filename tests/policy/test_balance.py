from collections import Counter
from itertools import pairwise
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.model.policy import BreakerRules
from llmgw_middleware.model.usage import Price, Usage
from llmgw_middleware.policy.balance import (
    EXPLORED,
    STRATEGIES,
    Cheapest,
    Latency,
    LeastConnections,
    PowerOfTwo,
    RoundRobin,
    Sticky,
    Strategy,
    Weighted,
)
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.health import HealthVerdict

PICKS = 10_000
KEYS = [f"user-{number}" for number in range(PICKS)]


def endpoints(**weights: float) -> list[Endpoint]:
    return [Endpoint(name, weight=weight) for name, weight in weights.items()]


def picks(strategy: Strategy, candidates: list[Endpoint], count: int, **more) -> list[str]:
    luck = Random(7)
    return [strategy.pick(candidates, chance=luck.random(), **more).name for _ in range(count)]


def near(count: int, share: float, total: int = PICKS) -> bool:
    """Within four standard deviations."""
    return abs(count - share * total) <= 4 * sqrt(total * share * (1 - share))


def timed(name: str, *seconds: float, now: float = 0.0, in_flight: int = 0, weight: float = 1.0) -> Endpoint:
    endpoint = Endpoint(name, weight=weight)
    for time in seconds:
        endpoint.condition.latency.record(time, now)
        endpoint.condition.pace.record(time, now)
    endpoint.condition.in_flight = in_flight
    return endpoint


def busy(**loads: int) -> list[Endpoint]:
    return [timed(name, in_flight=load) for name, load in loads.items()]


# weighted, round-robin


def test_weights_give_exact_shares_over_a_cycle():
    shares = Counter(picks(Weighted(), endpoints(a=60, b=30, c=10), PICKS))
    assert shares == {"a": 6000, "b": 3000, "c": 1000}


def test_a_heavy_endpoint_is_not_picked_in_a_burst():
    assert picks(Weighted(), endpoints(a=5, b=1, c=1), 7) == ["a", "a", "b", "a", "c", "a", "a"]


def test_round_robin_goes_in_order_and_ignores_weights():
    assert picks(RoundRobin(), endpoints(a=9, b=1, c=1), 6) == ["a", "b", "c", "a", "b", "c"]


@given(weights=st.lists(st.integers(1, 20), min_size=1, max_size=6), rounds=st.integers(1, 5))
def test_any_weights_are_met_exactly_after_whole_cycles(weights, rounds):
    candidates = [Endpoint(str(i), weight=w) for i, w in enumerate(weights)]
    shares = Counter(picks(Weighted(), candidates, sum(weights) * rounds))
    assert [shares[c.name] for c in candidates] == [w * rounds for w in weights] or len(weights) == 1


@pytest.mark.parametrize("strategy", [Weighted, RoundRobin, Cheapest])
def test_a_strategy_tells_its_credit(strategy):
    machine = strategy()
    machine.pick(endpoints(a=1, b=1))
    assert strategy.__name__ in repr(machine)
    assert "'a'" in repr(machine)


def recovering(weight: float = 50) -> Endpoint:
    """An endpoint that health checks let in again at 100 s."""
    health = HealthVerdict(unhealthy_after=1, healthy_after=1)
    health.record(good=False, now=90.0)
    health.record(good=True, now=100.0)
    return Endpoint("back", weight=weight, health=health)


@pytest.mark.parametrize(
    ("now", "part"), [(100.0, 0.1), (102.9, 0.1), (115.0, 0.5), (127.0, 0.9), (130.0, 1.0), (999.0, 1.0)]
)
def test_an_endpoint_that_recovered_comes_back_slowly(now, part):
    strategy, both = Weighted(), [*endpoints(steady=50), recovering()]
    shares = Counter(picks(strategy, both, PICKS, now=now))
    assert shares["back"] == pytest.approx(PICKS * part / (1 + part), abs=2)


def test_a_circuit_that_closed_is_a_recovery_too():
    condition = Condition(breaker=BreakerRules(min_requests=1, probe_requests=1))
    for now, ok in ((0.0, False), (30.0, True)):
        permit = condition.breaker.admit(now)
        assert permit is not None
        condition.breaker.record(permit, ok=ok, now=now)
    endpoint = Endpoint("a", weight=10, condition=condition)
    assert [endpoint.share(now) for now in (30.0, 45.0, 60.0)] == [1.0, 5.0, 10.0]


def test_an_endpoint_that_never_failed_has_its_whole_share_at_once():
    assert Endpoint("a", weight=10, health=HealthVerdict()).share(now=0.0) == 10


# latency


def test_the_lowest_p90_is_picked():
    slow, fast = timed("slow", *[0.5] * 100), timed("fast", *[0.4] * 100)
    assert set(picks(Latency(), [slow, fast], PICKS)) == {"fast"}


def test_it_is_the_p90_and_not_the_mean():
    steady = timed("steady", *[1.0] * 100)
    moody = timed("moody", *[0.1] * 80, *[3.0] * 20)
    assert set(picks(Latency(), [moody, steady], 100)) == {"steady"}


def test_two_percent_explore_the_endpoints_that_nothing_is_known_of():
    candidates = [timed("known", 0.1), timed("new"), timed("other")]
    shares = Counter(picks(Latency(), candidates, PICKS))
    assert near(shares["new"], EXPLORED / 2)
    assert near(shares["other"], EXPLORED / 2)
    assert near(shares["known"], 1 - EXPLORED)


def test_what_is_older_than_a_minute_is_explored_again():
    candidates = [timed("fast", 0.1, now=100.0), timed("slow", 9.0, now=30.0)]
    assert set(picks(Latency(), candidates, 1000, now=80.0)) == {"fast"}
    assert near(Counter(picks(Latency(), candidates, PICKS, now=100.0))["slow"], EXPLORED)


def test_while_nothing_is_known_the_load_decides():
    assert set(picks(Latency(), busy(a=3, b=1, c=2), 100)) == {"b"}


def test_the_load_breaks_ties_of_time_and_chance_those_of_load():
    tied = [timed("a", 0.1, in_flight=4), timed("b", 0.1, in_flight=2), timed("c", 0.1, in_flight=2)]
    shares = Counter(picks(Latency(), tied, PICKS))
    assert set(shares) == {"b", "c"}
    assert near(shares["b"], 0.5)


def test_an_endpoint_that_became_fast_is_found_out_about():
    luck, candidates = Random(3), [timed("once-slow", 5.0), timed("usual", 0.5)]
    speed = {"once-slow": 0.1, "usual": 0.5}
    served = Counter[str]()
    for tick in range(6000):  # ten a second for ten minutes
        now = tick / 10
        picked = Latency().pick(candidates, now=now, chance=luck.random())
        picked.condition.latency.record(speed[picked.name], now)
        served[picked.name] += now > 300
    assert served["once-slow"] > 2900


# cost


def priced(**prices: tuple[float, float]) -> list[Endpoint]:
    return [Endpoint(n, price=Price(input=i, output=o)) for n, (i, o) in prices.items()]


def for_usage(usage: Usage):
    return lambda endpoint: endpoint.price.cost(usage)


def test_the_cheapest_for_this_request_is_picked():
    candidates = priced(reads_cheaply=(1e-6, 9e-6), writes_cheaply=(3e-6, 3e-6))
    long_prompt, long_answer = Usage(input=9000, output=100), Usage(input=100, output=9000)
    assert set(picks(Cheapest(), candidates, 50, cost=for_usage(long_prompt))) == {"reads_cheaply"}
    assert set(picks(Cheapest(), candidates, 50, cost=for_usage(long_answer))) == {"writes_cheaply"}


def test_without_an_estimate_the_prices_are_compared_and_none_is_the_dearest():
    seed = {"openai": 0.000015, "anthropic": 0.000012, "azure": 0.000010}
    candidates = priced(**{name: (price, price) for name, price in seed.items()})
    assert set(picks(Cheapest(), [*endpoints(free=1), *candidates], 50)) == {"azure"}


def test_ties_of_cost_go_by_weight():
    candidates = [*endpoints(a=3, b=1), Endpoint("dear", weight=96)]
    cost = {"a": 0.1 + 0.2, "b": 0.3, "dear": 0.4}
    shares = Counter(picks(Cheapest(), candidates, PICKS, cost=lambda e: cost[e.name]))
    assert shares == {"a": 7500, "b": 2500}


def test_where_nobody_has_a_price_weights_decide():
    assert Counter(picks(Cheapest(), endpoints(a=3, b=1), 400)) == {"a": 300, "b": 100}


# least-connections, p2c


def test_the_fewest_in_flight_are_picked():
    assert set(picks(LeastConnections(), busy(a=4, b=2, c=3), 100)) == {"b"}


def test_load_is_divided_by_weight():
    big, small = timed("big", in_flight=6, weight=4), timed("small", in_flight=2, weight=1)
    assert set(picks(LeastConnections(), [small, big], 100)) == {"big"}


def test_ties_of_load_are_broken_at_random():
    shares = Counter(picks(LeastConnections(), busy(a=1, b=1, c=1, d=5), PICKS))
    assert set(shares) == {"a", "b", "c"}
    assert all(near(count, 1 / 3) for count in shares.values())


def test_in_flight_is_even_when_requests_never_end():
    luck, candidates = Random(1), endpoints(a=2, b=1, c=1)
    for _ in range(400):
        LeastConnections().pick(candidates, chance=luck.random()).condition.in_flight += 1
    assert {e.name: e.in_flight for e in candidates} == {"a": 200, "b": 100, "c": 100}


def test_two_choices_draw_every_pair_alike_and_the_better_wins():
    candidates = busy(a=0, b=1, c=2)
    shares = Counter(picks(PowerOfTwo(), candidates, PICKS))
    assert near(shares["a"], 2 / 3)
    assert near(shares["b"], 1 / 3)
    assert shares["c"] == 0


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        (timed("slow", 2.0), timed("fast", 0.5), "fast"),
        (timed("slow-idle", 2.0), timed("fast-busy", 0.5, in_flight=4), "slow-idle"),
        (timed("busy-new", in_flight=1), timed("idle-known", 5.0), "idle-known"),
        (timed("busy-known", 5.0, in_flight=1), timed("idle-new"), "idle-new"),
    ],
    ids=lambda value: value.name if isinstance(value, Endpoint) else value,
)
def test_better_is_less_in_flight_times_mean_time(one, other, better):
    assert set(picks(PowerOfTwo(), [one, other], 200)) == {better}


# sticky


def placed(candidates: list[Endpoint]) -> dict[str, str]:
    strategy = Sticky()
    return {key: strategy.pick(candidates, key=key).name for key in KEYS}


def test_a_key_stays_where_it_is_whatever_chance_says():
    candidates = endpoints(a=1, b=1, c=1)
    assert len({Sticky().pick(candidates, key="42", chance=c / 10).name for c in range(10)}) == 1


def test_order_does_not_matter():
    candidates = endpoints(a=1, b=2, c=3)
    assert placed(candidates) == placed(candidates[::-1])


@pytest.mark.parametrize("gone", "abc")
def test_a_member_that_leaves_moves_only_its_own_keys(gone):
    candidates = endpoints(a=60, b=30, c=10)
    before, after = placed(candidates), placed([e for e in candidates if e.name != gone])
    assert {key for key in KEYS if before[key] != after[key]} == {k for k in KEYS if before[k] == gone}


def test_a_member_that_grows_only_gains():
    before, after = placed(endpoints(a=1, b=1, c=1)), placed(endpoints(a=1, b=2, c=1))
    assert {after[key] for key in KEYS if before[key] != after[key]} == {"b"}


def test_keys_are_spread_by_weight():
    shares = Counter(placed(endpoints(a=60, b=30, c=10)).values())
    assert near(shares["a"], 0.6)
    assert near(shares["b"], 0.3)
    assert near(shares["c"], 0.1)


def test_without_a_key_chance_decides_by_weight():
    shares = Counter(picks(Sticky(), endpoints(a=3, b=1), PICKS))
    assert near(shares["a"], 0.75)


@given(key=st.text(st.characters(), max_size=8))
def test_every_key_has_a_place(key):
    candidates = endpoints(a=1, b=2)
    assert Sticky().pick(candidates, key=key) in candidates
    assert Sticky().pick(candidates, key=key + "\ud800") in candidates


# all of them


def test_every_strategy_of_the_configuration_is_there():
    assert set(STRATEGIES) == {
        "round-robin", "weighted", "latency", "cost", "least-connections", "p2c", "sticky",
    }  # fmt: skip


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_endpoint_alone_is_picked(name):
    [alone] = endpoints(a=0)
    assert STRATEGIES[name]().pick([alone], chance=0.99) is alone


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"round-robin"}))
def test_an_endpoint_without_weight_is_picked_only_when_there_is_no_other(name):
    strategy, both = STRATEGIES[name](), endpoints(a=1, b=0)
    assert set(picks(strategy, both, 200)) == {"a"}
    assert set(picks(strategy, endpoints(b=0, c=0), 200)) <= {"b", "c"}


@pytest.mark.parametrize("name", STRATEGIES)
def test_nobody_is_left_out_by_chance(name):
    luck, strategy = Random(5), STRATEGIES[name]()
    edges = [0.0, 1 - 2**-53, *sorted(luck.random() for _ in range(500))]
    seen = {strategy.pick(endpoints(a=1, b=1, c=1), chance=chance).name for chance in edges}
    assert seen == {"a", "b", "c"}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_has_a_repr_of_its_own(name):
    assert repr(STRATEGIES[name]()).startswith(f"<{STRATEGIES[name].__name__}")


def test_a_weighted_share_is_even_over_time():
    order = picks(Weighted(), endpoints(a=1, b=1), 100)
    assert all(one != other for one, other in pairwise(order))
