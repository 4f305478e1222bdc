from llmgw_middleware.policy.balance import RoundRobin, Weighted
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.health import HealthVerdict
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.trail import Trail


def pool(*names: str) -> Target:
    endpoints = [Endpoint(name, health=HealthVerdict(unhealthy_after=1, healthy_after=1)) for name in names]
    return Target("pool", endpoints, RoundRobin(), fallback=True)


def ill(endpoint: Endpoint) -> None:
    assert endpoint.health is not None
    endpoint.health.record(good=False, now=0.0)


def trail(*names: str) -> Trail:
    made = Trail()
    for name in names:
        made.add(name)
    return made


def names(target: Target, tried: Trail) -> list[str]:
    found = []
    while isinstance(lease := target.lease(tried=tried), Lease):
        found.append(lease.endpoint.name)
        lease.release()
    return found


def test_every_member_is_asked_once_and_then_nobody():
    assert names(pool("a", "b", "c"), trail()) == ["a", "b", "c"]


def test_members_that_were_tried_in_an_earlier_target_are_not_asked_again():
    assert names(pool("a", "b", "c"), trail("b")) == ["a", "c"]


def test_an_unhealthy_member_is_asked_last():
    target = pool("a", "b")
    ill(target.endpoints[0])
    assert target.passed_over() == [("a", "unhealthy")]
    assert names(target, trail()) == ["b", "a"]


def test_a_pool_of_unhealthy_members_is_used_all_the_same():
    target = pool("a")
    ill(target.endpoints[0])
    assert names(target, trail()) == ["a"]


def test_a_lease_counts_until_it_is_given_back_once():
    target = Target("one", [Endpoint("a")], Weighted(), is_pool=False)
    lease = target.lease(tried=trail())
    assert isinstance(lease, Lease)
    assert (target.endpoints[0].in_flight, "held" in repr(lease)) == (1, True)
    lease.release()
    lease.release()
    assert (target.endpoints[0].in_flight, "returned" in repr(lease)) == (0, True)


def test_a_target_tells_its_state():
    target = pool("a", "b")
    target.lease(tried=trail())
    assert repr(target) == "<Target pool [2 of 2 healthy, 1 in flight]>"
    assert repr(target.endpoints[0]) == "<Endpoint a [weight 1, 1 in flight, healthy]>"
