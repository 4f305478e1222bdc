"""The statistics, and how a figure is judged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import (
    HEAD,
    Line,
    Target,
    median,
    number,
    percentile,
    signed,
    spread,
    table,
    versus,
)

NUMBERS = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([7.0], 0.5, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
        (range(1, 101), 0.99, 99),
        (range(1, 101), 1.0, 100),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_the_nearest_rank(values, share, wanted):
    assert percentile(values, share) == wanted


@pytest.mark.parametrize(("values", "wanted"), [([5.0], 5.0), ([9.0, 1.0, 5.0], 5.0), ([1.0, 2.0], 1.5)])
def test_the_median_is_in_the_middle(values, wanted):
    assert median(values) == wanted


@pytest.mark.parametrize("of", [median, lambda values: percentile(values, 0.5)])
def test_nothing_has_no_middle(of):
    with pytest.raises(ValueError, match="no values"):
        of([])


@given(NUMBERS, st.floats(min_value=0, max_value=1))
def test_a_percentile_is_one_of_the_values_and_enough_lie_below(values, share):
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


@given(NUMBERS)
def test_as_many_values_lie_above_the_median_as_below(values):
    middle = median(values)
    assert sum(v < middle for v in values) <= len(values) / 2
    assert sum(v > middle for v in values) <= len(values) / 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.01234, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_have_three_digits(value, shown):
    assert number(value) == shown


def test_a_difference_has_one_sign():
    assert (signed(1.5), signed(-1.5), signed(0)) == ("+1.50", "-1.50", "+0.000")


def test_a_spread_names_the_least_and_the_most():
    assert spread([0.003, 0.001, 0.002], 1000) == "2.00 (1.00-3.00)"
    assert spread([0.001], 1000) == "1.00"


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target(bound=2.0, text=""), 2.0, True),
        (Target(bound=2.0, text=""), 2.01, False),
        (Target(bound=0.95, text="", at_least=True), 0.95, True),
        (Target(bound=0.95, text="", at_least=True), 0.94, False),
    ],
)
def test_a_bound_itself_is_kept(target, value, met):
    assert target.met(value) is met


def test_a_ratio_is_one_of_medians_and_is_what_is_judged():
    line = versus("x", [2.0, 9.0, 3.0], [1.0, 1.0, 2.0], unit=1, target=Target(bound=2.0, text="≤ 2 ×"))
    assert (line.ratio, line.judged, line.verdict) == ("3.00 ×", 3.0, "**no**")


def test_a_figure_without_a_target_has_no_verdict():
    assert versus("x", [1.0], [1.0], unit=1).verdict == ""


def test_every_row_of_the_table_has_the_same_width():
    text = table([Line(figure="short", value="1"), Line(figure="a longer figure", value="12", ratio="2 ×")])
    rows = text.splitlines()
    assert len({len(row) for row in rows}) == 1
    assert all(row.count("|") == len(HEAD) + 1 for row in rows)
