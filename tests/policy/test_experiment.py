import random

import pytest

from llmgw_middleware.model.trial import Experiment, Variant
from llmgw_middleware.policy.evidence import Count
from llmgw_middleware.policy.experiment import Comparison, Figure, means_differ, wilson
from llmgw_middleware.policy.tally import Moments, Outcome


def comparison(**weights: float) -> Comparison:
    variants = tuple(Variant(name=n, target=n, weight=w) for n, w in (weights or {"a": 1, "b": 1}).items())
    return Comparison(Experiment(name="x", route="chat", variants=variants))


def figure(found: Comparison, variant: str, measure: str) -> Figure:
    [arm] = [arm for arm in found.report().arms if arm.variant == variant]
    [figure] = [figure for figure in arm.figures if figure.measure == measure]
    return figure


def ran(*, b: float, a: float = 0.1, requests: int = 1000) -> Comparison:
    rng = random.Random(3)
    found = comparison()
    for _ in range(requests):
        found.record("a", Outcome(failed=rng.random() < a, latency=rng.lognormvariate(0, 0.3), tokens=100))
        found.record("b", Outcome(failed=rng.random() < b, latency=rng.lognormvariate(0.5, 0.3), tokens=140))
    return found


def test_a_rate_has_its_interval_and_its_sequential_p():
    found = figure(ran(b=0.3), "b", "errors")
    assert found.value == pytest.approx(0.3, abs=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.3 < found.high
    assert found.p is not None
    assert found.p < 0.001


def test_equal_variants_have_no_small_p():
    found = figure(ran(b=0.1), "b", "errors")
    assert found.p is not None
    assert found.p > 0.05


def test_the_first_variant_is_compared_with_nothing():
    assert figure(ran(b=0.3), "a", "errors").p is None


def test_a_slower_variant_is_found():
    found = figure(ran(b=0.1), "b", "p90 latency")
    assert found.value == pytest.approx(2.42, rel=0.1)
    assert found.p is not None
    assert found.p < 0.001


def test_what_was_once_certain_is_not_forgotten():
    found = ran(b=0.3, requests=500)
    before = figure(found, "b", "errors").p
    for _ in range(2000):
        found.record("b", Outcome())
    assert figure(found, "b", "errors").p == before


def test_nothing_is_known_of_nothing():
    for measure in ("errors", "p90 latency", "tokens", "cost"):
        found = figure(comparison(), "b", measure)
        assert (found.value, found.low, found.high, found.count) == (None, None, None, 0)


def test_signals_become_rates_of_all_variants():
    found = ran(b=0.1, requests=200)
    for _ in range(80):
        found.signal("b", "liked", 1.0)
    assert figure(found, "b", "signal liked").value == 0.4
    assert figure(found, "a", "signal liked").value == 0.0


def test_callers_who_are_not_dealt_out_as_meant_make_it_untrustworthy():
    found = comparison(a=80, b=20)
    found.tallies["a"].units, found.tallies["b"].units = 8_010, 1_990
    assert found.report().trustworthy
    found.tallies["b"].units = 2_600
    assert not found.report().trustworthy


@pytest.mark.parametrize("variants", [{"a": 1, "b": 0}, {"a": 1, "b": 1, "c": 2}])
def test_any_weights_can_be_reported(variants):
    found = comparison(**variants)
    for name, weight in variants.items():
        for _ in range(40 if weight else 0):
            found.record(name, Outcome(latency=1.0, tokens=1, cost=0.1))
            found.tallies[name].units += 1
    assert [arm.variant for arm in found.report().arms] == list(variants)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(Count(0, 10), 0.0, 0.278), (Count(10, 10), 0.722, 1.0), (Count(50, 100), 0.404, 0.596)],
)
def test_wilsons_interval_is_the_textbooks(count, low, high):
    assert wilson(count) == pytest.approx((low, high), abs=1e-3)


def test_means_of_few_numbers_prove_nothing():
    few = Moments()
    for each in range(29):
        few.add(each)
    assert means_differ(few, few) == 0.0


def test_a_difference_of_means_is_found_only_where_there_is_one():
    rng = random.Random(5)
    one, same, other = Moments(), Moments(), Moments()
    for _ in range(2000):
        one.add(rng.gauss(10, 3))
        same.add(rng.gauss(10, 3))
        other.add(rng.gauss(11, 3))
    assert means_differ(one, same) < 3
    assert means_differ(one, other) > 4.6
