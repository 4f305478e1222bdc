"""Experiments simulated by the hundred: variants that do not differ are seldom said to, however often one looks."""

import random

import pytest

from llmgw_middleware.model.trial import Experiment, Variant
from llmgw_middleware.policy.experiment import Comparison
from llmgw_middleware.policy.tally import Outcome

RULES = Experiment(
    name="x", route="chat", variants=(Variant(name="a", target="a"), Variant(name="b", target="b"))
)


def watched(rng: random.Random, requests: int, *, b_fails: float = 0.1, b_takes: float = 1.0) -> Comparison:
    """Run an experiment with a look after every 50 requests."""
    found = Comparison(RULES)
    for number in range(1, requests + 1):
        name = "b" if rng.random() < 0.5 else "a"
        fails, takes = (b_fails, b_takes) if name == "b" else (0.1, 1.0)
        latency = takes * rng.lognormvariate(0, 0.5)
        found.record(
            name, Outcome(failed=rng.random() < fails, latency=latency, tokens=int(rng.gauss(500, 90)))
        )
        found.tallies[name].units += 1
        if number % 50 == 0:
            found.look()
    return found


def below(experiments: list[Comparison], measure: str, p: float) -> int:
    """Count the experiments that at some look found a difference."""
    found = 0
    for each in experiments:
        [_, b] = each.report().arms
        [figure] = [figure for figure in b.figures if figure.measure == measure]
        found += figure.p is not None and figure.p < p
    return found


@pytest.fixture(scope="module")
def alike() -> list[Comparison]:
    rng = random.Random(5)
    return [watched(rng, 1500) for _ in range(100)]


@pytest.mark.parametrize("measure", ["errors", "p90 latency", "tokens"])
def test_equal_variants_seldom_seem_to_differ(alike, measure):
    assert below(alike, measure, 0.05) <= 9  # one in twenty, and what chance adds


def test_a_fair_assignment_is_seldom_suspected(alike):
    assert all(each.report().trustworthy for each in alike)


def test_a_difference_in_errors_is_found():
    rng = random.Random(6)
    assert below([watched(rng, 1500, b_fails=0.2) for _ in range(20)], "errors", 0.05) >= 18


def test_a_difference_in_latency_is_found():
    rng = random.Random(6)
    assert below([watched(rng, 1500, b_takes=1.5) for _ in range(20)], "p90 latency", 0.05) >= 18
