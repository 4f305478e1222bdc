import pytest

from llmgw_middleware.model.policy import BreakerRules
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.health import HealthVerdict


def condition(**more) -> Condition:
    return Condition(breaker=BreakerRules(min_requests=1), **more)


def break_circuit(of: Condition, now: float = 0.0) -> None:
    permit = of.breaker.admit(now)
    assert permit is not None
    of.breaker.record(permit, ok=False, now=now)


def fill(of: Condition) -> None:
    of.in_flight = of.max_in_flight or 0


def cool(of: Condition) -> None:
    of.keys.cool(0, 0.0, 12.0)


# what befalls a backend of one place, why it cannot be asked then, and for how long
TABLE = {
    "nothing": ([], None, None),
    "it is full": ([fill], "full", None),
    "its only key rests": ([cool], "cooling", 12.0),
    "its circuit is open": ([break_circuit], "open", 30.0),
    "open comes before resting, and the longer wait counts": ([cool, break_circuit], "open", 30.0),
    "resting comes before full": ([fill, cool], "cooling", 12.0),
}


@pytest.mark.parametrize(("events", "why", "wait"), TABLE.values(), ids=TABLE.keys())
def test_a_condition_says_why_not_and_for_how_long(events, why, wait):
    backend = condition(max_in_flight=1)
    for event in events:
        event(backend)
    assert (backend.why_not(0.0), backend.retry_after(0.0)) == (why, wait)


def test_one_of_several_keys_that_rests_holds_nobody_back():
    backend = condition(keys=2)
    cool(backend)
    assert (backend.why_not(0.0), backend.retry_after(0.0)) == (None, None)


def test_a_backend_without_a_key_has_a_nameless_one():
    assert len(Condition(keys=0).keys) == 1


def test_places_of_one_backend_share_its_condition():
    shared = condition(max_in_flight=2)
    alone, member = Endpoint("a", condition=shared), Endpoint("a", weight=5, condition=shared)
    fill(shared)
    assert (alone.in_flight, member.usable(0.0)) == (2, "full")


def test_an_endpoint_is_unhealthy_only_where_that_is_all():
    health = HealthVerdict(unhealthy_after=1)
    health.record(good=False, now=0.0)
    endpoint = Endpoint("a", health=health, condition=condition())
    assert endpoint.usable(0.0) == "unhealthy"
    break_circuit(endpoint.condition)
    assert (endpoint.usable(0.0), endpoint.retry_after(0.0)) == ("open", 30.0)


def test_a_condition_tells_everything():
    assert repr(condition(max_in_flight=3)) == (
        "<Condition [0 of 3 in flight] <CircuitBreaker closed [0 of 0 failed]>"
        " <KeyRing [<Cooldown none, 0 without a hint>]>>"
    )
