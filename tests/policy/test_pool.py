import pytest

from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.policy import BreakerRules
from llmgw_middleware.policy.balance import Cheapest, RoundRobin, Sticky, Weighted
from llmgw_middleware.policy.blocked import Blocked
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.health import HealthVerdict
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import EARLY, Target
from llmgw_middleware.policy.trail import Trail


def member(name: str, *, priority: int = 0, max_in_flight: int | None = None, window: int | None = None):
    condition = Condition(
        breaker=BreakerRules(min_requests=1, probe_requests=1),
        max_in_flight=max_in_flight,
        context_window=window,
    )
    health = HealthVerdict(unhealthy_after=1, healthy_after=1)
    return Endpoint(name, priority=priority, health=health, condition=condition)


def pool(*members: str | Endpoint, fallback: bool = True) -> Target:
    return Target(
        "pool", [member(m) if isinstance(m, str) else m for m in members], RoundRobin(), fallback=fallback
    )


def trail(*names: str) -> Trail:
    made = Trail()
    for name in names:
        made.add(name)
    return made


def names(target: Target, tried: Trail, now: float = 0.0) -> list[str]:
    """Whom a request would ask, one after the other."""
    found = []
    while isinstance(lease := target.lease(tried=tried, now=now), Lease):
        found.append(lease.endpoint.name)
        lease.release()
    return found


def held(target: Target, tried: Trail | None = None, now: float = 0.0) -> Lease:
    lease = target.lease(tried=Trail() if tried is None else tried, now=now)
    assert isinstance(lease, Lease)
    return lease


def ill(endpoint: Endpoint) -> None:
    assert endpoint.health is not None
    endpoint.health.record(good=False, now=0.0)


def broken(endpoint: Endpoint) -> None:
    permit = endpoint.condition.breaker.admit(0.0)
    assert permit is not None
    endpoint.condition.breaker.record(permit, ok=False, now=0.0)


def resting(endpoint: Endpoint, seconds: float = 12.0) -> None:
    endpoint.condition.keys.cool(0, 0.0, seconds)


def full(endpoint: Endpoint) -> None:
    endpoint.condition.max_in_flight = endpoint.in_flight


def test_every_member_is_asked_once_and_then_nobody():
    assert names(pool("a", "b", "c"), trail()) == ["a", "b", "c"]


def test_members_that_were_tried_in_an_earlier_target_are_not_asked_again():
    assert names(pool("a", "b", "c"), trail("b")) == ["a", "c"]


# what befalls the first of two members, and whom a request asks then
HELD_BACK = {
    "unhealthy: asked last": (ill, ["b", "a"]),
    "open: never forced": (broken, ["b"]),
    "resting: never forced": (resting, ["b"]),
    "full: never forced": (full, ["b"]),
}


@pytest.mark.parametrize(("befalls", "asked"), HELD_BACK.values(), ids=HELD_BACK.keys())
def test_a_member_that_is_not_usable_is_passed_over(befalls, asked):
    target = pool("a", "b")
    befalls(target.endpoints[0])
    [(name, why)] = target.passed_over()
    tried = trail()
    assert names(target, tried) == asked
    assert (name, why) in tried.passed_over
    assert name == "a"


def test_a_pool_of_unhealthy_members_is_used_all_the_same():
    target = pool("a", "b")
    for endpoint in target.endpoints:
        ill(endpoint)
    assert names(target, trail()) == ["a", "b"]


def test_panic_forces_nobody_who_is_more_than_unhealthy():
    target = pool("a", "b", "c")
    for endpoint in target.endpoints:
        ill(endpoint)
    broken(target.endpoints[0])
    resting(target.endpoints[2])
    assert names(target, trail()) == ["b"]


def test_a_lower_priority_number_serves_first_and_the_next_group_only_when_nobody_of_it_can():
    target = pool(member("spare", priority=2), "a", "b", member("last", priority=9))
    assert {held(target).endpoint.name for _ in range(20)} == {"a", "b"}
    for endpoint in target.endpoints[1:3]:
        resting(endpoint)
    assert {held(target).endpoint.name for _ in range(20)} == {"spare"}
    assert names(target, trail(), now=12.0) in (["a", "b", "spare", "last"], ["b", "a", "spare", "last"])


def test_a_healthy_spare_comes_before_an_unhealthy_first():
    target = pool("a", member("spare", priority=1))
    ill(target.endpoints[0])
    assert names(target, trail()) == ["spare", "a"]


def test_panic_keeps_to_the_priorities():
    target = pool(member("spare", priority=1), "a")
    for endpoint in target.endpoints:
        ill(endpoint)
    assert names(target, trail()) == ["a", "spare"]


# What befalls members a and b (b was asked before where the text says so), and what a request is told.
NOBODY = {
    "all were asked": ([], [], "a b", "tried", None),
    "both rest, the shorter rest counts": (
        [lambda e: resting(e, 20.0)],
        [lambda e: resting(e, 8.0)],
        "",
        "cooling",
        8.0,
    ),
    "one is open, one rests longer": ([broken], [lambda e: resting(e, 50.0)], "", "open", 30.0),
    "one was asked, one rests": ([resting], [], "b", "cooling", 12.0),
    "both are full": ([full], [full], "", "full", None),
    "one is full, one rests": ([full], [resting], "", "cooling", 12.0),
}


@pytest.mark.parametrize(("to_a", "to_b", "asked", "reason", "wait"), NOBODY.values(), ids=NOBODY.keys())
def test_nobody_to_lease_says_why_and_when(to_a, to_b, asked, reason, wait):
    target = pool("a", "b")
    for endpoint, events in zip(target.endpoints, (to_a, to_b), strict=True):
        for event in events:
            event(endpoint)
    blocked = target.lease(tried=trail(*asked.split()))
    assert isinstance(blocked, Blocked)
    assert (blocked.reason, blocked.retry_after, len(blocked.passed_over)) == (reason, wait, 2)
    assert not target.other_usable(tried=trail(*asked.split()), now=0.0)


def test_only_larger_windows_are_asked_after_one_was_too_small():
    target = pool(
        member("small", window=8000), member("same", window=8000), "untold", member("large", window=9000)
    )
    tried = trail()
    held(target, tried).failed(Fault(kind=FaultKind.CONTEXT_LENGTH), now=0.0)
    assert target.other_usable(tried=tried, now=0.0)
    assert names(target, tried) == ["large"]
    blocked = target.lease(tried=tried)
    assert isinstance(blocked, Blocked)
    assert dict(blocked.passed_over)["untold"] == "small"


def test_another_is_usable_while_somebody_is_left_who_can_be_asked():
    target = pool("a", "b")
    assert target.other_usable(tried=trail("a"), now=0.0)
    ill(target.endpoints[1])
    assert target.other_usable(tried=trail("a"), now=0.0)
    broken(target.endpoints[1])
    assert not target.other_usable(tried=trail("a"), now=29.0)
    assert target.other_usable(tried=trail("a"), now=30.0)


def test_asking_whether_somebody_is_usable_takes_nothing():
    target = pool("a")
    broken(target.endpoints[0])
    for _ in range(5):
        assert target.other_usable(tried=trail(), now=30.0)
    assert target.endpoints[0].in_flight == 0
    assert names(target, trail(), now=30.0) == ["a"]


def test_a_backend_that_is_asked_again_is_the_same_one():
    target = pool("a", "b")
    tried = trail()
    first = held(target, tried)
    again = target.repeat(first.endpoint, tried=tried, now=0.0)
    assert isinstance(again, Lease)
    assert again.endpoint is first.endpoint
    assert first.endpoint.name in tried


@pytest.mark.parametrize(("befalls", "reason"), [(broken, "open"), (resting, "cooling"), (full, "full")])
def test_a_backend_that_may_not_be_asked_again_now_says_why(befalls, reason):
    target = pool("a", "b")
    befalls(target.endpoints[0])
    blocked = target.repeat(target.endpoints[0], tried=trail("a"), now=0.0)
    assert isinstance(blocked, Blocked)
    assert (blocked.reason, blocked.passed_over) == (reason, (("a", reason),))


def test_a_rest_that_was_waited_for_is_over_even_if_the_timer_was_early():
    target = pool("a")
    resting(target.endpoints[0], 2.0)
    lease = target.repeat(target.endpoints[0], tried=trail(), now=2.0 - EARLY / 2)
    assert isinstance(lease, Lease)


def test_a_half_open_member_gets_its_probe_and_the_others_the_rest():
    target = pool("a", "b")
    broken(target.endpoints[0])
    leases = [held(target, now=30.0).endpoint.name for _ in range(10)]
    assert leases.count("a") == 1


def test_a_strategy_is_told_key_and_cost():
    by_key = Target("pool", [Endpoint(n) for n in "abc"], Sticky())
    chosen = by_key.lease(tried=trail(), key="42", chance=0.9)
    assert isinstance(chosen, Lease)
    assert chosen.endpoint is Sticky().pick(by_key.endpoints, key="42")
    by_cost = Target("pool", [Endpoint(n) for n in "abc"], Cheapest())
    cheap = by_cost.lease(tried=trail(), cost=lambda e: 0.0 if e.name == "c" else 1.0)
    assert isinstance(cheap, Lease)
    assert cheap.endpoint.name == "c"


def test_a_lease_counts_until_it_is_given_back_once():
    target = Target("one", [Endpoint("a")], Weighted(), is_pool=False)
    lease = held(target)
    assert target.endpoints[0].in_flight == 1
    lease.release()
    lease.release()
    assert target.endpoints[0].in_flight == 0


def test_a_target_tells_its_state():
    target = pool("a", "b")
    held(target)
    assert repr(target) == "<Target pool [2 of 2 healthy, 1 in flight]>"
    assert repr(target.endpoints[0]) == "<Endpoint a [weight 1, 1 in flight, healthy]>"
