"""Whole courses of a request: the machines together, driven as the attempt loop drives them, without any waiting."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.policy import BreakerRules, RetryRules
from llmgw_middleware.policy.balance import RoundRobin
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.retry import Again, GiveUp, NextRound, NextTarget, RetryMachine
from llmgw_middleware.policy.trail import Trail

K = FaultKind
Script = Callable[[str], Fault | None]
"""What a backend answers when it is asked; None is a good answer."""


@dataclass
class World:
    """A clock, and who was asked when."""

    script: Script
    rules: RetryRules = RetryRules(max_attempts=3)
    now: float = 0.0
    takes: float = 0.01
    asked: list[tuple[str, float]] = field(default_factory=list)
    luck: Random = field(default_factory=lambda: Random(11))

    def ask(self, *targets: Target, within: float = 120.0) -> str | GatewayError:
        """Send one request; return who answered, or what the caller is told."""
        trail, end = Trail(), self.now + within
        for place, target in enumerate(targets):
            machine = RetryMachine(
                self.rules, fallback=target.fallback, has_next_target=place < len(targets) - 1, trail=trail
            )
            answer = self._through(target, machine, trail, end)
            if answer is not None:
                return answer
        raise AssertionError("the last target neither answered nor gave up")

    def _through(
        self, target: Target, machine: RetryMachine, trail: Trail, end: float
    ) -> str | GatewayError | None:
        lease = target.lease(tried=trail, now=self.now, chance=self.luck.random())
        while True:
            if isinstance(lease, Lease):
                endpoint = lease.endpoint
                fault = self._attempt(lease)
                if fault is None:
                    return endpoint.name
                move = machine.record(
                    fault,
                    backend=endpoint.name,
                    now=self.now,
                    chance=self.luck.random(),
                    deadline=end,
                    replay_safe=True,
                    other_usable=target.other_usable(tried=trail, now=self.now),
                    key_usable=lease.key_usable(self.now),
                    budget_ok=lambda: endpoint.condition.budget.admit(self.now),  # noqa: B023 - called at once
                )
            else:
                move = machine.blocked(lease)
            if isinstance(move, GiveUp):
                return move.error
            if isinstance(move, NextTarget):
                return None
            if isinstance(move, Again | NextRound):
                assert self.now + move.after < end
                self.now += move.after
            if isinstance(move, Again):
                lease = target.repeat(endpoint, tried=trail, now=self.now)
            else:
                lease = target.lease(tried=trail, now=self.now, chance=self.luck.random())

    def _attempt(self, lease: Lease) -> Fault | None:
        self.asked.append((lease.endpoint.name, self.now))
        fault = self.script(lease.endpoint.name)
        self.now += self.takes
        if fault is None:
            lease.succeeded(self.now, self.takes)
        else:
            lease.failed(fault, self.now)
        lease.release()
        return fault


def backend(name: str, **more) -> Target:
    return Target(name, [Endpoint(name, condition=Condition(**more))], RoundRobin(), is_pool=False)


def pool(*names: str, fallback: bool = True, **more) -> Target:
    endpoints = [Endpoint(name, condition=Condition(**more)) for name in names]
    return Target("pool", endpoints, RoundRobin(), fallback=fallback)


def only(kind: FaultKind, *names: str, **more) -> Script:
    return lambda name: Fault(kind=kind, **more) if name in names else None


def whom(world: World) -> list[str]:
    return [name for name, _ in world.asked]


def test_a_429_at_the_first_ends_at_the_fallback_with_four_attempts_in_three_seconds():
    world = World(only(K.RATE_LIMITED, "primary"))
    assert world.ask(backend("primary"), backend("fallback")) == "fallback"
    assert whom(world) == ["primary"] * 3 + ["fallback"]
    assert world.now < 3


def test_a_429_in_a_pool_goes_to_the_next_member_at_once_and_cools_the_first():
    world, target = World(only(K.RATE_LIMITED, "a")), pool("a", "b")
    assert [world.ask(target) for _ in range(20)] == ["b"] * 20
    assert whom(world).count("a") == 1


def test_a_429_with_a_short_hint_is_waited_out_where_there_is_nobody_else():
    answers = iter([Fault(kind=K.RATE_LIMITED, retry_after=2.0), None])
    world = World(lambda _: next(answers))
    assert world.ask(backend("a")) == "a"
    assert 2.0 < world.now < 2.1


def test_a_429_with_a_long_hint_moves_on_at_once():
    world = World(only(K.RATE_LIMITED, "a", retry_after=30.0))
    assert world.ask(backend("a"), backend("b")) == "b"
    assert (whom(world), world.now < 0.1) == (["a", "b"], True)


def test_while_everything_cools_the_caller_gets_429_with_the_time_left():
    world, target = World(only(K.RATE_LIMITED, "a", "b", retry_after=200.0)), pool("a", "b")
    world.ask(target)
    asked = len(world.asked)
    error = world.ask(target)
    assert isinstance(error, GatewayError)
    assert (error.status_code, len(world.asked)) == (429, asked)
    assert 199 < (error.retry_after or 0) <= 200


def test_another_key_serves_at_once_where_the_first_is_limited():
    world, refused = (
        World(lambda _: refused.pop() if refused else None),
        [Fault(kind=K.RATE_LIMITED, retry_after=60.0)],
    )
    assert world.ask(backend("a", keys=2)) == "a"
    assert world.now < 0.1


def test_silence_is_never_repeated_on_the_same_backend():
    world = World(only(K.SILENT, "a", "b"), RetryRules(max_attempts=9))
    error = world.ask(pool("a", "b"), backend("a"), backend("b"))
    assert isinstance(error, GatewayError)
    assert (whom(world), error.error_code) == (["a", "b"], "upstream_timeout")


def test_a_stream_that_broke_off_goes_to_the_next_backend_first():
    world = World(only(K.TRUNCATED, "a"))
    assert world.ask(backend("a"), backend("b")) == "b"
    assert whom(world) == ["a", "b"]


def test_too_long_for_one_is_asked_of_a_larger_one_only_across_targets():
    world = World(only(K.CONTEXT_LENGTH, "small"))
    targets = (backend("small", context_window=8000), backend("same", context_window=8000), backend("untold"))
    error = world.ask(*targets)
    assert isinstance(error, GatewayError)
    assert (error.status_code, whom(world)) == (400, ["small"])
    assert world.ask(*targets, backend("large", context_window=9000)) == "large"


def test_an_open_circuit_answers_without_asking():
    rules = BreakerRules(min_requests=3)
    world, target = World(only(K.PROTOCOL, "a")), backend("a", breaker=rules)
    for _ in range(3):
        world.ask(target)
    error = world.ask(target)
    assert isinstance(error, GatewayError)
    assert (error.status_code, error.error_code, len(world.asked)) == (503, "circuit_open", 3)
    assert 29 < (error.retry_after or 0) <= 30


def test_upstreams_that_are_all_down_are_not_flooded_and_serve_again_once_they_are_back():
    down = True
    world = World(lambda _: Fault(kind=K.UNREACHABLE) if down else None, takes=0.0)
    targets = pool("a", "b")
    for tick in range(6000):  # a hundred requests a second for a minute
        world.now = tick / 100
        world.ask(targets)
    assert len(world.asked) <= 1.2 * 6000 + 10 * 60
    down, world.now = False, 180.0
    answers = [world.ask(targets) for _ in range(100)]
    assert set(answers) == {"a", "b"}


def test_a_single_backend_that_is_down_is_not_sent_more_than_its_budget():
    world = World(only(K.FAILED, "a"), takes=0.0)
    target = backend("a", breaker=BreakerRules(enabled=False), retry=RetryRules(budget_minimum=1.0))
    for tick in range(2000):  # a hundred requests a second for twenty seconds
        world.now = max(world.now, tick / 100)
        world.ask(target)
    repeats = len(world.asked) - 2000
    assert 0 < repeats <= 0.2 * 2000 * 1.1


KINDS = st.sampled_from(FaultKind)
FAULTS = st.one_of(
    st.none(), st.builds(Fault, kind=KINDS, retry_after=st.one_of(st.none(), st.floats(0, 300)))
)


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    members=st.integers(1, 4),
    fallback=st.booleans(),
    extra=st.integers(0, 2),
    attempts=st.integers(1, 5),
    within=st.floats(0.05, 200),
    keys=st.integers(1, 2),
)
def test_every_course_keeps_its_promises(*, data, members, fallback, extra, attempts, within, keys):
    said: list[tuple[str, Fault | None]] = []

    def script(name: str) -> Fault | None:
        said.append((name, data.draw(FAULTS)))
        return said[-1][1]

    world = World(script, RetryRules(max_attempts=attempts))
    one = pool(*(f"m{i}" for i in range(members)), fallback=fallback, keys=keys)
    targets = [one, *(backend(f"x{i}") for i in range(extra))]
    answer = world.ask(*targets, within=within)
    asked = Counter(name for name, _ in said)
    if said and said[-1][1] is None:
        assert answer == said[-1][0]
    else:
        assert isinstance(answer, GatewayError)
    assert sum(n for name, n in asked.items() if name[0] == "m") <= max(attempts, members if fallback else 1)
    assert all(n <= attempts for name, n in asked.items())
    for name, fault in said:
        if fault is not None and fault.kind in {K.SILENT, K.QUOTA, K.PROTOCOL, K.CONTEXT_LENGTH, K.REFUSED}:
            assert [s for s in said if s[0] == name][-1][1] is fault
    assert all(e.in_flight == 0 for target in targets for e in target.endpoints)
