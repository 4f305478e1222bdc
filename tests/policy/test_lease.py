from math import inf

import pytest

from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.policy import BreakerRules, RetryRules, SlowCalls
from llmgw_middleware.policy.balance import RoundRobin
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.cooldown import LONG
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.trail import Trail

K = FaultKind
FAILURES = {
    K.UNREACHABLE, K.OVERLOADED, K.FAILED, K.RESET, K.SILENT, K.REDIRECT, K.PROTOCOL, K.TRUNCATED,
}  # fmt: skip


def target(*names: str, fallback: bool = True, **more) -> Target:
    return Target(
        "pool",
        [Endpoint(name, condition=Condition(**more)) for name in names],
        RoundRobin(),
        fallback=fallback,
    )


def held(of: Target, trail: Trail | None = None, now: float = 0.0) -> Lease:
    lease = of.lease(tried=Trail() if trail is None else trail, now=now)
    assert isinstance(lease, Lease)
    return lease


def breaker_of(lease: Lease) -> str:
    return repr(lease.endpoint.condition.breaker)


@pytest.mark.parametrize("kind", FaultKind, ids=lambda k: k.name)
def test_only_failures_count_against_the_backend(kind):
    lease = held(target("a"))
    lease.failed(Fault(kind=kind), now=0.0)
    counted = "1 of 1" if kind in FAILURES else "0 of 0"
    assert breaker_of(lease) == f"<CircuitBreaker closed [{counted} failed]>"


def test_a_request_contributes_one_failure_to_a_backend_however_often_it_fails():
    pool, trail = target("a"), Trail()
    lease = held(pool, trail)
    for _ in range(5):
        lease.failed(Fault(kind=K.FAILED), now=0.0)
        lease.release()
        again = pool.repeat(lease.endpoint, tried=trail, now=0.0)
        assert isinstance(again, Lease)
        lease = again
    lease.succeeded(0.0, 1.0)
    lease.truncated(1.0)
    assert breaker_of(lease) == "<CircuitBreaker closed [1 of 2 failed]>"


def test_a_refusal_before_does_not_hide_a_failure_after():
    pool, trail = target("a"), Trail()
    lease = held(pool, trail)
    lease.failed(Fault(kind=K.RATE_LIMITED), now=0.0)
    again = pool.repeat(lease.endpoint, tried=trail, now=0.0)
    assert isinstance(again, Lease)
    again.failed(Fault(kind=K.FAILED), now=0.0)
    assert breaker_of(again) == "<CircuitBreaker closed [1 of 1 failed]>"


def test_a_stream_that_breaks_off_adds_its_failure_once():
    lease = held(target("a"))
    lease.succeeded(0.0, 0.3)
    lease.truncated(5.0)
    lease.truncated(5.0)
    assert breaker_of(lease) == "<CircuitBreaker closed [1 of 1 failed]>"


def test_a_caller_that_leaves_counts_for_nothing():
    lease = held(target("a"))
    lease.release()
    assert breaker_of(lease) == "<CircuitBreaker closed [0 of 0 failed]>"
    assert "0 requests" in repr(lease.endpoint.condition.budget)


def test_success_is_timed_and_counted():
    lease = held(target("a"))
    lease.succeeded(2.0, 0.5)
    condition = lease.endpoint.condition
    assert condition.latency.p90(2.0) == pytest.approx(0.5, rel=0.01)
    assert condition.pace.value == 0.5
    assert "1 requests" in repr(condition.budget)


def test_success_without_a_time_is_counted_and_not_timed():
    lease = held(target("a"))
    lease.succeeded(2.0, None)
    assert lease.endpoint.condition.latency.p90(2.0) is None
    assert breaker_of(lease) == "<CircuitBreaker closed [0 of 1 failed]>"


def test_slow_answers_are_told_to_the_breaker():
    rules = BreakerRules(min_requests=2, slow_calls=SlowCalls(threshold=0.5, duration=5.0))
    pool = target("a", breaker=rules)
    for _ in range(2):
        held(pool).succeeded(0.0, 6.0)
    assert pool.endpoints[0].usable(0.0) == "open"


def test_only_the_first_attempt_at_a_backend_is_a_request_of_its_budget():
    pool, trail = target("a", retry=RetryRules(budget_minimum=0.0)), Trail()
    lease = held(pool, trail)
    lease.failed(Fault(kind=K.FAILED), now=0.0)
    again = pool.repeat(lease.endpoint, tried=trail, now=0.0)
    assert isinstance(again, Lease)
    again.failed(Fault(kind=K.FAILED), now=0.0)
    assert "1 requests" in repr(lease.endpoint.condition.budget)


# fault, hint, keys of the backend, another member; how long the key rests then
COOLED = {
    "a hint is followed": (K.RATE_LIMITED, 7.0, 1, False, 7.0),
    "without a hint and without anybody else: not at all": (K.RATE_LIMITED, None, 1, False, 0.0),
    "without a hint, another member": (K.RATE_LIMITED, None, 1, True, 1.0),
    "without a hint, another key": (K.RATE_LIMITED, None, 2, False, 1.0),
    "a senseless hint is none": (K.RATE_LIMITED, inf, 1, False, 0.0),
    "a negative hint is none": (K.RATE_LIMITED, -3.0, 1, False, 0.0),
    "a used up quota rests long": (K.QUOTA, None, 1, False, LONG),
    "a used up quota rests long whatever the hint": (K.QUOTA, 2.0, 1, False, LONG),
    "a refused key rests long beside others": (K.UNAUTHORIZED, None, 2, False, LONG),
    "a refused key alone does not": (K.UNAUTHORIZED, None, 1, True, 0.0),
    "an overloaded backend's hint is its own": (K.OVERLOADED, 7.0, 1, True, 0.0),
    "a failure is no matter of keys": (K.FAILED, 7.0, 2, True, 0.0),
}


@pytest.mark.parametrize(("kind", "hint", "keys", "another", "rest"), COOLED.values(), ids=COOLED.keys())
def test_a_key_rests_as_the_fault_says(kind, hint, keys, another, rest):
    pool = target("a", "b", keys=keys) if another else target("a", keys=keys)
    lease = held(pool, now=100.0)
    lease.failed(Fault(kind=kind, retry_after=hint), now=100.0)
    ring = lease.endpoint.condition.keys
    assert max(0.0, ring._rests[lease.key_index].until - 100.0) == rest


def test_where_nobody_stands_in_no_rest_is_guessed():
    lease = held(target("a", "b", fallback=False))
    lease.failed(Fault(kind=K.RATE_LIMITED), now=0.0)
    assert lease.endpoint.usable(0.0) is None


def test_where_the_others_cannot_stand_in_no_rest_is_guessed():
    pool = target("a", "b")
    pool.endpoints[1].condition.keys.cool(0, 0.0, 50.0)
    lease = held(pool)
    lease.failed(Fault(kind=K.RATE_LIMITED), now=0.0)
    assert lease.endpoint.usable(0.0) is None


def test_keys_take_turns_and_the_lease_says_which():
    pool = target("a", keys=3)
    assert [held(pool).key_index for _ in range(4)] == [0, 1, 2, 0]


def test_another_key_is_known_of():
    pool = target("a", keys=2)
    lease = held(pool)
    assert lease.key_usable(0.0)
    pool.endpoints[0].condition.keys.cool(1, 0.0, 5.0)
    assert not lease.key_usable(0.0)


@pytest.mark.parametrize(("window", "larger_than"), [(8000, 8000), (None, 0)])
def test_a_request_that_was_too_long_asks_larger_ones_only(window, larger_than):
    trail = Trail()
    held(target("a", context_window=window), trail).failed(Fault(kind=K.CONTEXT_LENGTH), now=0.0)
    assert trail.larger_than == larger_than


def test_a_second_window_that_was_too_small_raises_the_bar_and_never_lowers_it():
    trail = Trail()
    for window in (8000, 32_000, 16_000):
        pool = target(f"w{window}", context_window=window)
        lease = Lease(
            pool.endpoints[0],
            trail=trail,
            permit=held(pool)._permit,
            key_index=0,
        )
        lease.failed(Fault(kind=K.CONTEXT_LENGTH), now=0.0)
    assert trail.larger_than == 32_000


def test_a_lease_is_given_back_once():
    lease = held(target("a"))
    assert (lease.endpoint.in_flight, repr(lease)) == (1, "<Lease of a, key 0, held>")
    lease.release()
    lease.release()
    assert (lease.endpoint.in_flight, repr(lease)) == (0, "<Lease of a, key 0, returned>")


@pytest.mark.parametrize(
    "end",
    [
        lambda lease: lease.failed(Fault(kind=K.RATE_LIMITED), 31.0),
        lambda lease: lease.failed(Fault(kind=K.REFUSED), 31.0),
        lambda lease: lease.release(),
    ],
    ids=["it is refused for its rate", "its request is refused", "its caller leaves"],
)
def test_a_probe_that_proves_nothing_lets_another_one_probe(end):
    pool = target("a", breaker=BreakerRules(min_requests=1, probe_requests=1))
    held(pool).failed(Fault(kind=K.FAILED), now=0.0)
    probe = held(pool, now=30.0)
    assert pool.endpoints[0].usable(30.0) == "open"
    end(probe)
    assert pool.endpoints[0].usable(31.0) is None
