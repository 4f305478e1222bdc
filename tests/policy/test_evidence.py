import random
from math import log

import pytest

from llmgw_middleware.policy.evidence import Count, above, higher, uneven

NEEDED = log(100)
"""One false alarm in a hundred."""


def test_nothing_seen_proves_nothing():
    none, some = Count(0, 0), Count(3, 10)
    assert above(none, 0.1) == higher(none, some) == higher(some, none) == uneven([0, 0], [0.5, 0.5]) == 0


def test_equal_rates_are_evidence_for_nothing():
    assert higher(Count(100, 1000), Count(100, 1000)) < 0
    assert above(Count(100, 1000), 0.1) < 0


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_clear_difference_is_found_on_the_worse_side_only(share):
    worse, better = Count(60, 200), Count(400, 4000)
    assert higher(worse, better, share=share) > NEEDED
    assert higher(better, worse, share=share) < 0


def test_a_margin_forgives_a_difference_that_is_smaller():
    worse, better = Count(200, 1000), Count(100, 1000)
    assert higher(worse, better, margin=0.02) > NEEDED
    assert higher(worse, better, margin=0.1) < 0
    assert higher(worse, better, margin=0.2) < 0


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_the_hardest_common_rate_is_found(rate):
    """No pair of equal rates may be easier to believe than the one that was taken."""
    worse, better = Count(int(rate * 500) + 80, 500), Count(int(rate * 2000), 2000)
    found = higher(worse, better, share=0.2)
    from llmgw_middleware.policy.evidence import _logit, _Null

    null = _Null(worse, better, 0.0, 0.2)
    assert found <= min(null.evidence(_logit(each / 1000)) for each in range(1, 1000)) + 1e-3


@pytest.mark.parametrize(
    ("hits", "limit", "proven"), [(10, 0.05, False), (30, 0.05, True), (30, 0.3, False), (200, 0.5, True)]
)
def test_a_limit_is_broken_when_the_counts_cannot_be_luck(hits, limit, proven):
    assert (above(Count(hits, 200), limit) >= NEEDED) is proven


def test_units_that_are_dealt_out_as_meant_are_not_suspected():
    rng = random.Random(1)
    counts = [0, 0]
    for _ in range(20_000):
        counts[rng.random() < 0.2] += 1
        assert uneven(counts, [0.8, 0.2]) < NEEDED


def test_a_broken_assignment_is_found():
    assert uneven([5_300, 4_700], [0.5, 0.5]) > NEEDED
    assert uneven([5_050, 4_950], [0.5, 0.5]) < 0
