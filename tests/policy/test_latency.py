from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.policy.latency import GAMMA, DecayedMean, Histogram

TIMES = st.floats(0.001, 600)


def exact_p90(times: list[float]) -> float:
    return sorted(times)[ceil(len(times) * 9 / 10) - 1]


def test_the_buckets_keep_the_error_below_one_percent():
    assert (GAMMA - 1) / (GAMMA + 1) < 0.01


@given(st.lists(TIMES, min_size=1, max_size=200))
def test_p90_is_within_one_percent_of_the_exact_one(times):
    histogram = Histogram()
    for time in times:
        histogram.record(time, now=1.0)
    assert histogram.p90(1.0) == pytest.approx(exact_p90(times), rel=0.01)


@given(st.lists(st.tuples(TIMES, st.integers(0, 90)), min_size=1, max_size=60))
def test_only_the_last_minute_counts(steps):
    histogram, seen, now = Histogram(), [], 0
    for time, passed in steps:
        now += passed
        histogram.record(time, now)
        seen.append((now // 6, time))
    recent = [time for slot, time in seen if slot > now // 6 - 10]
    assert histogram.p90(now) == pytest.approx(exact_p90(recent), rel=0.01)


@given(st.lists(TIMES, max_size=60), st.lists(TIMES, max_size=60))
def test_merged_histograms_are_the_histogram_of_everything(ours, theirs):
    one, other, whole = Histogram(), Histogram(), Histogram()
    for histogram, times, now in ((one, ours, 10.0), (other, theirs, 40.0)):
        for time in times:
            histogram.record(time, now)
            whole.record(time, now)
    one.merge(other)
    assert [one.p90(now) for now in (40.0, 66.0, 95.0, 100.0)] == [
        whole.p90(now) for now in (40.0, 66.0, 95.0, 100.0)
    ]


def test_what_is_not_known_is_none():
    histogram = Histogram()
    assert (histogram.p90(0.0), histogram.stale(0.0)) == (None, True)
    histogram.record(1.0, 0.0)
    assert not histogram.stale(59.9)
    assert (histogram.p90(60.0), histogram.stale(60.0)) == (None, True)


@pytest.mark.parametrize("time", [0.0, -1.0, 1e-9, 1e9])
def test_times_out_of_range_are_counted_at_its_ends(time):
    histogram = Histogram()
    histogram.record(time, 0.0)
    p90 = histogram.p90(0.0)
    assert p90 is not None
    assert 0 < p90 < 3700


def test_memory_does_not_grow_with_what_is_counted():
    histogram = Histogram()
    for tick in range(100_000):
        histogram.record(0.001 + tick % 977 / 100, now=tick / 10)
    assert len(histogram._slices) <= 10
    assert len(histogram._counts) < 900


def test_a_histogram_tells_how_much_it_knows():
    histogram = Histogram()
    histogram.record(0.2, 0.0)
    assert repr(histogram) == "<Histogram of 1 times>"


def test_a_mean_forgets_half_in_ten_seconds():
    mean = DecayedMean()
    assert mean.value is None
    mean.record(1.0, 0.0)
    mean.record(4.0, 10.0)
    assert mean.value == pytest.approx((0.5 * 1.0 + 4.0) / 1.5)


def test_times_of_one_moment_count_alike():
    mean = DecayedMean()
    for time in (1.0, 2.0, 6.0):
        mean.record(time, 5.0)
    assert mean.value == pytest.approx(3.0)
    assert repr(mean) == "<DecayedMean 3 s>"
