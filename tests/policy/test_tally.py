import json

import pytest

from llmgw_middleware.policy.evidence import Count
from llmgw_middleware.policy.tally import Moments, Outcome, Spread, Tally, buckets_above


def spread(*seconds: float) -> Spread:
    found = Spread()
    for each in seconds:
        found.add(each)
    return found


def test_a_quantile_is_right_within_a_hundredth():
    times = spread(*(each / 100 for each in range(1, 1001)))
    assert times.quantile(0.5) == pytest.approx(5.0, rel=0.011)
    assert times.quantile(0.9) == pytest.approx(9.0, rel=0.011)


def test_a_quantile_of_nothing_is_unknown():
    assert Spread().quantile(0.9) is None


def test_times_above_a_bucket_are_counted_exactly():
    times = spread(0.1, 0.1, 1.0, 1.0, 1.0)
    [(short, below), (long, all_)] = times.cumulated()
    assert (below, all_) == (2, 5)
    assert times.over(short) == Count(3, 5)
    assert times.over(long) == Count(0, 5)


@pytest.mark.parametrize("increase", [0.0, 0.02, 0.5, 1.0])
def test_an_increase_is_rounded_up_to_whole_buckets(increase):
    assert 1.02 ** buckets_above(increase) >= (1 + increase) * (1 - 1e-9)
    assert 1.02 ** (buckets_above(increase) - 1) < 1 + increase


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e9])
def test_times_that_cannot_be_are_counted_at_the_edge(seconds):
    assert spread(seconds).total == 1


def test_a_mean_has_its_variance():
    found = Moments()
    for each in (1.0, 2.0, 3.0, 4.0):
        found.add(each)
    assert found.mean == 2.5
    assert found.variance == pytest.approx(5 / 3)
    assert (Moments().mean, Moments().variance) == (None, 0.0)


def test_a_request_that_cannot_be_judged_is_no_success_and_no_failure():
    tally = Tally()
    for failed in (True, False, None):
        tally.add(Outcome(failed=failed, latency=0.1, tokens=10, cost=0.5))
    assert (tally.requests, tally.failures) == (3, Count(1, 2))
    assert (tally.times.total, tally.tokens.mean, tally.cost.total) == (3, 10, 1.5)


def test_two_tallies_merged_are_as_one_that_saw_everything():
    parts, whole = (Tally(), Tally()), Tally()
    for number, part in enumerate(parts * 10):
        outcome = Outcome(failed=number % 3 == 0, latency=1.0 + number, tokens=number, cost=0.5)
        for each in (part, whole):
            each.add(outcome)
            each.units += 1
            each.signal("liked", number % 2)
    merged = Tally()
    for part in parts:
        merged.merge(json.loads(json.dumps(part.counts())))
    assert merged.counts() == whole.counts()
    assert merged.times.quantile(0.9) == whole.times.quantile(0.9)


def test_signals_are_counted_against_all_requests():
    tally = Tally()
    for _ in range(4):
        tally.add(Outcome())
    tally.signal("thumbs_down", 1.0)
    assert tally.signalled("thumbs_down") == Count(1, 4)
    assert tally.signalled("refund") == Count(0, 4)
