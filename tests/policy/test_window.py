import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.policy.window import BUCKETS, RollingWindow


def test_what_is_older_than_the_span_is_forgotten_a_tenth_at_a_time():
    window = RollingWindow(60, counters=1)
    for second in range(60):
        window.advance(second)
        window.add(0)
    assert window.totals == [60]
    window.advance(60)
    assert window.totals == [54]
    window.advance(113.9)
    assert window.totals == [6]
    window.advance(114)
    assert window.totals == [0]


def test_a_long_silence_forgets_everything():
    window = RollingWindow(10, counters=2)
    window.advance(3)
    window.add(1)
    window.advance(10_000_000)
    assert window.totals == [0, 0]


def test_what_was_counted_can_be_taken_back_until_it_is_forgotten():
    window = RollingWindow(10, counters=1)
    slot = window.advance(0)
    window.add(0)
    window.take_back(0, slot)
    window.take_back(0, slot)
    assert window.totals == [0]
    window.advance(10)
    window.add(0)
    window.take_back(0, slot)
    assert window.totals == [1]


def test_time_that_goes_backwards_stands_still():
    window = RollingWindow(10, counters=1)
    assert (window.advance(5), window.advance(2)) == (5, 5)
    window.add(0)
    assert window.totals == [1]


@pytest.mark.parametrize("span", [0, -1, float("nan")])
def test_a_window_without_span_is_refused(span):
    with pytest.raises(ValueError, match="must span some time"):
        RollingWindow(span, counters=1)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=80))
def test_it_agrees_with_a_list_of_everything(steps):
    window, seen, now = RollingWindow(20, counters=3), [], 0
    for passed, counter in steps:
        now += passed
        slot = window.advance(now)
        window.add(counter)
        seen.append((slot, counter))
        recent = [c for s, c in seen if s > slot - BUCKETS]
        assert window.totals == [recent.count(0), recent.count(1), recent.count(2)]


def test_a_window_shows_its_sums():
    window = RollingWindow(60, counters=2)
    window.advance(1)
    window.add(1)
    assert repr(window) == "<RollingWindow of 60 s [0, 1]>"
