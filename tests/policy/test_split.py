from collections import Counter
from math import sqrt

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.model.route import Side
from llmgw_middleware.policy.split import BUCKETS, Splitter, bucket_of

USERS = [f"user-{number}" for number in range(100_000)]
Z = 3.0
"""Standard deviations that a share may be off."""


def sides(**weights: float) -> list[Side]:
    return [Side(target=name, weight=weight) for name, weight in weights.items()]


def assigned(splitter: Splitter, keys: list[str]) -> dict[str, str]:
    return {key: splitter.choose(key, chance=0.0).chosen for key in keys}


def within(count: int, total: int, share: float) -> bool:
    return abs(count - total * share) <= Z * sqrt(total * share * (1 - share))


def test_eighty_to_twenty_over_a_hundred_thousand_users_is_within_three_sigma():
    shares = Counter(assigned(Splitter("chat", sides(stable=80, canary=20)), USERS).values())
    assert within(shares["stable"], len(USERS), 0.8)


def test_seed_000_sends_eighty_of_a_hundred_sessions_to_stable():
    # murmurHash(sessionId) % 100, below 80: stable-backend:8001, else canary-backend:8002
    seed = Counter(mmh3.hash(session, seed=0, signed=False) % 100 < 80 for session in USERS)
    ours = Splitter("route-1", sides(**{"stable-backend:8001": 80, "canary-backend:8002": 20}))
    counted = Counter(assigned(ours, USERS).values())
    assert within(seed[True], len(USERS), 0.8)
    assert within(counted["stable-backend:8001"], len(USERS), 0.8)


def test_a_user_stays_on_one_side():
    splitter = Splitter("chat", sides(a=50, b=50))
    choices = {splitter.choose("42", chance=chance / 10).chosen for chance in range(10)}
    assert len(choices) == 1


def test_another_gateway_with_the_same_split_agrees():
    first, second = (Splitter("chat", sides(a=1, b=2, c=3)) for _ in range(2))
    assert assigned(first, USERS[:1000]) == assigned(second, USERS[:1000])


def test_raising_a_canary_moves_nobody_back():
    small = assigned(Splitter("chat", sides(stable=95, canary=5)), USERS[:20_000])
    large = assigned(Splitter("chat", sides(stable=80, canary=20)), USERS[:20_000])
    assert {key for key, side in small.items() if side == "canary"} < {
        k for k, side in large.items() if side == "canary"
    }


@given(lower=st.floats(0.1, 99), raised=st.floats(0.1, 99), key=st.text(max_size=20))
def test_no_key_leaves_a_growing_canary(lower, raised, key):
    lower, raised = sorted((lower, raised))
    before = Splitter("s", sides(stable=100 - lower, canary=lower)).choose(key, chance=0)
    after = Splitter("s", sides(stable=100 - raised, canary=raised)).choose(key, chance=0)
    assert before.chosen == "stable" or after.chosen == "canary"


def test_two_splits_deal_the_same_users_independently():
    first = assigned(Splitter("search", sides(a=50, b=50)), USERS[:20_000])
    second = assigned(Splitter("chat", sides(a=50, b=50)), USERS[:20_000])
    cells = Counter((first[key], second[key]) for key in first)
    expected = len(first) / 4
    chi_square = sum(
        (cells[pair] - expected) ** 2 / expected for pair in (("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"))
    )
    assert chi_square < 16.27  # three degrees of freedom, p = 0.001


def test_the_last_side_has_the_lowest_buckets():
    splitter = Splitter("s", sides(a=70, b=20, c=10))
    edges = {0: "c", 999: "c", 1000: "b", 2999: "b", 3000: "a", 9999: "a"}
    assert {bucket: splitter.choose(None, chance=bucket / BUCKETS).chosen for bucket in edges} == edges


def test_weights_are_relative():
    halves = (
        Splitter("s", sides(a=1, b=1)),
        Splitter("s", sides(a=0.05, b=0.05)),
        Splitter("s", sides(a=300, b=300)),
    )
    assert len({tuple(assigned(splitter, USERS[:500]).values()) for splitter in halves}) == 1


def test_chance_decides_for_who_has_no_key_and_the_choice_says_so():
    splitter = Splitter("chat", sides(stable=80, canary=20))
    low, high = splitter.choose(None, chance=0.1999), splitter.choose(None, chance=0.2)
    assert (low.chosen, low.bucket, low.key) == ("canary", 1999, None)
    assert (high.chosen, high.bucket, high.key) == ("stable", 2000, None)


def test_a_choice_names_split_key_and_bucket():
    choice = Splitter("chat", sides(a=1)).choose("42", chance=0.5)
    assert (choice.name, choice.key, choice.chosen) == ("chat", "42", "a")
    assert choice.bucket == bucket_of("chat", "42") == mmh3.hash("chat42", seed=0, signed=False) % 10_000


def test_a_side_of_weight_zero_gets_nobody_not_even_as_fallback():
    splitter = Splitter("chat", sides(a=1, gone=0, b=1))
    assert set(assigned(splitter, USERS[:1000]).values()) == {"a", "b"}
    assert splitter.others("a") == ("b",)


def test_a_side_of_weight_zero_at_the_ends_gets_nobody():
    splitter = Splitter("chat", sides(first=0, a=1, last=0))
    assert [splitter.choose(None, chance=chance).chosen for chance in (0.0, 0.99999)] == ["a", "a"]


def test_the_others_come_in_order_and_once():
    splitter = Splitter("chat", [*sides(a=1, b=1, c=1), Side(target="a", weight=2)])
    assert splitter.others("b") == ("a", "c")


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 0, "b": 0}, {"a": 5, "b": -1}, {"a": float("nan")}])
def test_weights_that_name_nobody_are_refused(weights):
    with pytest.raises(ValueError, match=r"split 'chat' needs weights from 0 on"):
        Splitter("chat", sides(**weights))


@pytest.mark.parametrize("chance", [1.0, 1.5])
def test_a_chance_of_one_is_none(chance):
    with pytest.raises(ValueError, match="below 1"):
        Splitter("chat", sides(a=1)).choose(None, chance=chance)


@given(key=st.text(st.characters(), max_size=10))
def test_every_key_has_a_bucket(key):
    assert 0 <= bucket_of("salt", key) < BUCKETS
    assert 0 <= bucket_of("salt", key + "\ud800") < BUCKETS


def test_a_splitter_shows_its_shares():
    assert repr(Splitter("chat", sides(stable=90, canary=10))) == "<Splitter chat [stable 0.9, canary 0.1]>"
