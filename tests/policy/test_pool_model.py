"""A pool and the same backends on their own, against a model that counts who holds what."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.policy import BreakerRules
from llmgw_middleware.policy.balance import STRATEGIES, RoundRobin
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.health import HealthVerdict
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.trail import Trail

LIMITS = {"a": 3, "b": 2, "c": 5}
PRIORITY = {"a": 0, "b": 0, "c": 1}
FAULTS = st.builds(
    Fault,
    kind=st.sampled_from(FaultKind),
    retry_after=st.one_of(st.none(), st.floats(0, 40)),
)


class Pool(RuleBasedStateMachine):
    leases = Bundle("leases")
    streams = Bundle("streams")

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.held = dict.fromkeys(LIMITS, 0)
        self.conditions = {
            name: Condition(
                breaker=BreakerRules(min_requests=3, probe_requests=2, sleep=10.0),
                keys=2,
                max_in_flight=most,
            )
            for name, most in LIMITS.items()
        }
        endpoints = [
            Endpoint(
                name,
                priority=PRIORITY[name],
                health=HealthVerdict(unhealthy_after=1, healthy_after=1),
                condition=condition,
            )
            for name, condition in self.conditions.items()
        ]
        self.targets = [
            Target("pool", endpoints, STRATEGIES["least-connections"](), fallback=True),
            Target("a", [Endpoint("a", condition=self.conditions["a"])], RoundRobin(), is_pool=False),
        ]

    def usable(self, target: Target) -> set[str]:
        """What the model expects: the first group of those that nothing holds back, else the unhealthy."""
        free = [
            e
            for e in target.endpoints
            if self.held[e.name] < LIMITS[e.name]
            and e.condition.breaker.would_admit(self.now)
            and e.condition.keys.usable(self.now)
        ]
        well = [e for e in free if e.healthy] or free
        return {e.name for e in well if e.priority == min(w.priority for w in well)}

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 11.0, 70.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(
        target=leases,
        which=st.integers(0, 1),
        count=st.integers(1, 4),
        chance=st.floats(0, 1, exclude_max=True),
    )
    def requests_come(self, which, count, chance):
        given, asked = [], self.targets[which]
        for _ in range(count):
            expected = self.usable(asked)
            assert asked.other_usable(tried=Trail(), now=self.now) is bool(expected)
            lease = asked.lease(tried=Trail(), now=self.now, chance=chance)
            assert isinstance(lease, Lease) is bool(expected)
            if isinstance(lease, Lease):
                assert lease.endpoint.name in expected
                self.held[lease.endpoint.name] += 1
                given.append(lease)
        return multiple(*given)

    @rule(target=streams, lease=consumes(leases), seconds=st.floats(0.01, 30))
    def one_commits(self, lease, seconds):
        lease.succeeded(self.now, seconds)
        return lease

    @rule(lease=consumes(leases), fault=FAULTS)
    def one_fails(self, lease, fault):
        lease.failed(fault, self.now)
        self.give_back(lease)

    @rule(lease=consumes(leases))
    def a_caller_leaves(self, lease):
        self.give_back(lease)

    @rule(lease=consumes(streams), whole=st.booleans())
    def a_stream_ends(self, lease, whole):
        if not whole:
            lease.truncated(self.now)
        self.give_back(lease)

    @rule(which=st.integers(0, 2), good=st.booleans())
    def a_check_reports(self, which, good):
        health = self.targets[0].endpoints[which].health
        assert health is not None
        health.record(good=good, now=self.now)

    def give_back(self, lease: Lease) -> None:
        lease.release()
        lease.release()
        self.held[lease.endpoint.name] -= 1

    @invariant()
    def in_flight_is_what_is_held(self):
        assert {name: c.in_flight for name, c in self.conditions.items()} == self.held
        assert all(0 <= self.held[name] <= most for name, most in LIMITS.items())

    def teardown(self):
        assert all(c.in_flight == self.held[name] for name, c in self.conditions.items())


Pool.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestPool = Pool.TestCase
