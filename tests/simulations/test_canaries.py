"""Canaries simulated by the thousand: how soon bad ones are found, and how seldom good ones are suspected."""

import random
from math import log

import pytest

from llmgw_middleware.policy.evidence import Count, higher
from llmgw_middleware.policy.rollout import Rollout, Side
from llmgw_middleware.policy.tally import Outcome
from tests.policy.test_rollout import rollout

NEEDED = log(100)
"""One false alarm in a hundred."""


def false_alarms(runs: int, requests: int, *, rate: float, share: float) -> int:
    """Count the runs of equal sides in which a look after every single request ever raises the alarm.

    Looks that cannot raise it, where the canary fails less often than stable, are spared.
    """
    rng = random.Random(4)
    chance, alarms = rng.random, 0
    for _ in range(runs):
        bad, all_, worse, total = 0, 0, 0, 0
        for _ in range(requests):
            failed = chance() < rate
            if chance() < share:
                all_ += 1
                bad += failed
            else:
                total += 1
                worse += failed
            if failed and bad * total > worse * all_ and certain(bad, all_, worse, total, share):
                alarms += 1
                break
    return alarms


def certain(bad: int, all_: int, worse: int, total: int, share: float) -> bool:
    """Whether the canary would be taken back; counts less than two deviations apart are not worth the sum."""
    if not all_ or not total:
        return False
    common = (bad + worse) / (all_ + total)
    if (bad / all_ - worse / total) ** 2 < 4 * common * (1 - common) * (1 / all_ + 1 / total):
        return False
    return higher(Count(bad, all_), Count(worse, total), share=share) >= NEEDED


@pytest.mark.parametrize(("rate", "share"), [(0.1, 0.05), (0.1, 0.5), (0.01, 0.2)])
def test_looking_continuously_raises_few_false_alarms(rate, share):
    assert false_alarms(200, 2_000, rate=rate, share=share) <= 7


@pytest.mark.slow
def test_a_thousand_runs_of_ten_thousand_requests_have_at_most_sixteen_false_alarms():
    assert false_alarms(1_000, 10_000, rate=0.1, share=0.2) <= 16


def first_alarm(rng: random.Random, machine: Rollout, share: float, limit: int, **sides) -> int | None:
    """Return after how many canary requests it was taken back, with a look after each one that speaks against it."""
    while machine.canary.requests < limit:
        if rng.random() < share:
            outcome = sides["canary"](rng)
            machine.record("canary", outcome)
            if (outcome.failed or outcome.latency) and machine.evaluate(0.0) is not None:
                return machine.canary.requests
        else:
            machine.record("stable", sides["stable"](rng))
    return None


def failing(rate: float):
    return lambda rng: Outcome(failed=rng.random() < rate)


def taking(median: float):
    return lambda rng: Outcome(latency=median * rng.lognormvariate(0, 0.6))


def test_thirty_percent_errors_beside_ten_are_found_within_two_hundred_requests():
    rng = random.Random(7)
    runs = [
        first_alarm(
            rng,
            rollout(0.2, max_error_rate_increase=0.02),
            0.2,
            200,
            canary=failing(0.3),
            stable=failing(0.1),
        )
        for _ in range(100)
    ]
    assert sum(run is not None for run in runs) >= 95


def test_a_canary_twice_as_slow_is_found_within_four_hundred_requests():
    rng = random.Random(7)
    runs = [
        first_alarm(
            rng, rollout(0.2, max_latency_increase=0.25), 0.2, 400, canary=taking(2), stable=taking(1)
        )
        for _ in range(20)
    ]
    assert sum(run is not None for run in runs) >= 19


def test_a_canary_as_fast_as_stable_is_left_alone():
    rng = random.Random(7)
    runs = [
        first_alarm(rng, rollout(0.5, max_latency_increase=0.0), 0.5, 200, canary=taking(1), stable=taking(1))
        for _ in range(20)
    ]
    assert runs == [None] * 20


def disliked(rate: float):
    """Return what a side's users say of an answer."""
    return lambda rng: rng.random() < rate


def first_dislike_alarm(rng: random.Random, machine: Rollout, limit: int, **sides) -> int | None:
    """Return after how many canary requests signals took it back, with a look after each signal on the canary."""
    while machine.canary.requests < limit:
        side: Side = "canary" if rng.random() < 0.5 else "stable"
        machine.record(side, Outcome())
        if sides[side](rng):
            machine.signal(side, "thumbs_down", 1.0)
            if side == "canary" and machine.evaluate(0.0) is not None:
                return machine.canary.requests
    return None


def test_a_canary_that_users_dislike_four_times_as_often_is_found_within_four_hundred_requests():
    rng = random.Random(7)
    runs = [
        first_dislike_alarm(
            rng, rollout(0.5, signals={"thumbs_down": 0.0}), 400, canary=disliked(0.2), stable=disliked(0.05)
        )
        for _ in range(100)
    ]
    assert sum(run is not None for run in runs) >= 95


def test_a_canary_that_users_dislike_as_often_is_left_alone():
    rng = random.Random(7)
    runs = [
        first_dislike_alarm(
            rng, rollout(0.5, signals={"thumbs_down": 0.0}), 500, canary=disliked(0.1), stable=disliked(0.1)
        )
        for _ in range(100)
    ]
    assert sum(run is not None for run in runs) <= 4


def whole_way(rng: random.Random) -> str:
    """Take a canary that is like stable through all stages under every rule, with a look after every 20 requests."""
    machine = rollout(
        0.05,
        0.25,
        0.5,
        max_error_rate=0.2,
        max_error_rate_increase=0.0,
        max_latency_increase=0.0,
        min_requests=50,
        signals={"thumbs_down": 0.0},
    )
    now = 0.0
    for number in range(1, 8_001):
        side: Side = "canary" if rng.random() < machine.weight else "stable"
        machine.record(side, Outcome(failed=rng.random() < 0.1, latency=rng.lognormvariate(0, 0.6)))
        if rng.random() < 0.05:
            machine.signal(side, "thumbs_down", 1.0)
        now += 0.05
        if number % 20 == 0:
            machine.evaluate(now)
            if machine.status != "running":
                break
    return machine.status


@pytest.mark.slow
def test_a_canary_like_stable_comes_through_all_stages_and_rules():
    rng = random.Random(11)
    ends = [whole_way(rng) for _ in range(100)]
    assert ends.count("rolled_back") <= 4
    assert ends.count("completed") >= 80
