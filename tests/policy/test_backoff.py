from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.model.policy import DEFAULT_RETRY, RetryRules
from llmgw_middleware.policy.backoff import delay

SEED = RetryRules(backoff="exponential", initial_interval=0.2, max_interval=5.0, jitter=False)

# Seed 004's intervals, without jitter: what comes before the first, second … repeat.
TABLE = {
    "constant": [0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2],
    "linear": [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4],
    "exponential": [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0],
}


@pytest.mark.parametrize("backoff", TABLE)
def test_each_kind_grows_as_it_says(backoff):
    rules = RetryRules(backoff=backoff).over(SEED)
    assert [delay(rules, n, chance=0.9) for n in range(1, 8)] == pytest.approx(TABLE[backoff])


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0.0), (0.25, 0.4), (0.5, 0.8), (0.999, 1.5984)])
def test_jitter_is_uniform_between_nothing_and_the_whole(chance, expected):
    assert delay(RetryRules(jitter=True).over(SEED), 4, chance=chance) == pytest.approx(expected)


def test_what_is_not_said_is_as_by_default():
    assert delay(RetryRules(), 2, chance=0.5) == delay(DEFAULT_RETRY, 2, chance=0.5) == 0.2


@given(
    n=st.integers(1, 10**6),
    chance=st.floats(0, 1, exclude_max=True),
    backoff=st.sampled_from(["constant", "linear", "exponential"]),
    initial=st.floats(0, 1e6),
    longest=st.floats(0, 1e6),
)
def test_no_delay_is_beyond_the_maximum(n, chance, backoff, initial, longest):
    rules = RetryRules(backoff=backoff, initial_interval=initial, max_interval=longest, jitter=True)
    assert 0 <= delay(rules, n, chance=chance) <= longest < inf


@pytest.mark.parametrize("n", [0, -1])
def test_repeats_are_counted_from_one(n):
    with pytest.raises(ValueError, match="counted from 1"):
        delay(SEED, n, chance=0.0)
