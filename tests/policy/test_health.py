import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.policy.health import HealthVerdict

CASES = {
    "two bad are not enough": ("bb", True),
    "three bad in a row take it out": ("bbb", False),
    "a good one between starts the count again": ("bbgbb", True),
    "one good is not enough to come back": ("bbbg", False),
    "two good in a row let it in": ("bbbgg", True),
    "a bad one between starts the way back again": ("bbbgbg", False),
}


@pytest.mark.parametrize(("results", "healthy"), CASES.values(), ids=CASES.keys())
def test_results_in_a_row_decide(results, healthy):
    verdict = HealthVerdict(unhealthy_after=3, healthy_after=2)
    for result in results:
        verdict.record(good=result == "g", now=0.0)
    assert verdict.healthy is healthy


def test_a_change_is_told_once():
    verdict = HealthVerdict(unhealthy_after=2, healthy_after=1)
    assert [verdict.record(good=good, now=0.0) for good in (False, False, False, True, True)] == [
        False,
        True,
        False,
        True,
        False,
    ]


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_it_agrees_with_counting_runs(results, out, back):
    verdict, healthy, run = HealthVerdict(unhealthy_after=out, healthy_after=back), True, 0
    for good in results:
        run = run + 1 if good != healthy else 0
        if run == (out if healthy else back):
            healthy, run = good, 0
        verdict.record(good=good, now=0.0)
    assert verdict.healthy is healthy
