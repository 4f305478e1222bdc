"""The breaker against a model that keeps a list of everything and counts anew each time."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from llmgw_middleware.model.policy import BreakerRules
from llmgw_middleware.policy.breaker import BreakerState, CircuitBreaker

RULES = BreakerRules(threshold=0.5, min_requests=4, window=60.0, sleep=12.0, probe_requests=3, max_sleep=40.0)
LUCK = 0.25
LEASE = 120.0


@dataclass(eq=False)
class Request:
    """A permit as the model sees it."""

    opening: int
    until: float
    probe: bool
    slot: int = 0
    fate: str = "out"
    """out, ok, failed, void"""


@dataclass
class Model:
    state: str = "closed"
    openings: int = 0
    doublings: int = -1
    wakes: float = 0.0
    half_open_since: float = 0.0
    closed_since: float = -1e9
    counted: list[Request] = field(default_factory=list)
    """Requests whose fate counts in the present window or among the present probes."""
    out: list[Request] = field(default_factory=list)
    """Probes that have not reported."""

    def settle(self, now: float) -> None:
        if self.state != "half-open" or not self.counted:
            return
        waited_for = [p for p in self.out if p.until > now]
        late = now >= self.half_open_since + RULES.sleep
        if len(self.counted) == RULES.probe_requests or (late and not waited_for):
            self.judge(now, self.counted)

    def judge(self, now: float, requests: list[Request]) -> None:
        failed = [r for r in requests if r.fate == "failed"]
        if len(failed) * 2 > len(requests):
            self.open(now)
        elif self.state == "half-open":
            self.state, self.closed_since, self.counted, self.out = "closed", now, [], []

    def open(self, now: float) -> None:
        healthy = self.state == "closed" and now - self.closed_since >= 60
        self.doublings = 0 if healthy else self.doublings + 1
        sleep = min(RULES.max_sleep, RULES.sleep * 2**self.doublings)
        self.wakes = now + (sleep if self.doublings == 0 else sleep * (1 - 0.2 * LUCK))
        self.state, self.openings, self.counted, self.out = "open", self.openings + 1, [], []

    def admits(self, now: float) -> bool:
        if self.state == "closed":
            return True
        if self.state == "open":
            return now >= self.wakes
        expired = [p for p in self.out if p.until <= now]
        return len(self.out) - len(expired) + len(self.counted) < RULES.probe_requests

    def admit(self, now: float) -> Request:
        if self.state == "open":
            self.state, self.half_open_since = "half-open", now
        request = Request(self.openings, now + LEASE, probe=self.state == "half-open")
        if request.probe:
            if len(self.out) + len(self.counted) == RULES.probe_requests:
                lost = next(p for p in self.out if p.until <= now)
                self.out.remove(lost)
            self.out.append(request)
        return request

    def window(self, now: float) -> list[Request]:
        return [r for r in self.counted if r.slot > now // 6 - 10]

    def record(self, request: Request, fate: str, now: float) -> None:
        request.fate, known = fate, request in self.out
        if request.opening != self.openings or (self.state == "half-open" and not known):
            request.fate = "void"
            return
        request.slot = int(now // 6)
        self.counted.append(request)
        if self.state == "half-open":
            self.out.remove(request)
            self.settle(now)
        elif len(self.window(now)) >= RULES.min_requests:
            self.judge(now, self.window(now))

    def break_off(self, request: Request, now: float) -> None:
        if request.fate != "ok" or request.opening != self.openings:
            return
        request.fate = "failed"
        if self.state == "half-open":
            return
        request.slot = int(now // 6)
        if request not in self.counted:
            self.counted.append(request)
        if len(self.window(now)) >= RULES.min_requests:
            self.judge(now, self.window(now))


class Breaker(RuleBasedStateMachine):
    permits = Bundle("permits")
    reported = Bundle("reported")

    def __init__(self):
        super().__init__()
        self.real = CircuitBreaker(RULES, chance=lambda: LUCK)
        self.model = Model()
        self.now = 0.0

    @rule(seconds=st.sampled_from([0.0, 1.0, 6.0, 11.0, 12.0, 12.0, 24.0, 40.0, 61.0, 130.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(target=permits, wanted=st.integers(1, 6))
    def requests_come(self, wanted):
        given = []
        for _ in range(wanted):
            admits = self.model.admits(self.now)
            permit = self.real.admit(self.now)
            assert (permit is not None) is admits
            if permit is not None:
                given.append((permit, self.model.admit(self.now)))
        return multiple(*given)

    @rule(target=reported, results=st.lists(st.booleans(), min_size=1, max_size=5))
    def requests_come_and_report_at_once(self, results):
        given = []
        for ok in results:
            permit, admits = self.real.admit(self.now), self.model.admits(self.now)
            assert (permit is not None) is admits
            if permit is not None:
                request = self.model.admit(self.now)
                self.real.record(permit, ok=ok, now=self.now)
                self.model.record(request, "ok" if ok else "failed", self.now)
                given.append((permit, request))
        return multiple(*given)

    @rule(target=reported, pair=consumes(permits), ok=st.booleans())
    def one_reports(self, pair, ok):
        permit, request = pair
        self.real.record(permit, ok=ok, now=self.now)
        self.model.record(request, "ok" if ok else "failed", self.now)
        return pair

    @rule(pair=consumes(permits))
    def a_caller_leaves(self, pair):
        permit, request = pair
        self.real.release(permit)
        request.fate = "void"
        if request in self.model.out:
            self.model.out.remove(request)

    @rule(pair=reported)
    def a_stream_breaks_off(self, pair):
        permit, request = pair
        self.real.late_failure(permit, self.now)
        self.model.break_off(request, self.now)

    @rule(target=reported)
    def one_succeeds_and_breaks_off_at_once(self):
        permit = self.real.admit(self.now)
        if permit is None:
            return multiple()
        request = self.model.admit(self.now)
        self.real.record(permit, ok=True, now=self.now)
        self.model.record(request, "ok", self.now)
        self.real.late_failure(permit, self.now)
        self.model.break_off(request, self.now)
        return permit, request

    @rule(pair=reported, ok=st.booleans())
    def one_reports_twice(self, pair, ok):
        self.real.record(pair[0], ok=ok, now=self.now)
        self.real.release(pair[0])

    @invariant()
    def they_agree(self):
        self.model.settle(self.now)
        assert self.real.state(self.now) is BreakerState(self.model.state)
        assert self.real.would_admit(self.now) is self.model.admits(self.now)
        if self.model.state == "open":
            assert self.real.retry_after(self.now) == max(0.0, self.model.wakes - self.now)

    @invariant()
    def probes_are_no_more_than_allowed(self):
        if self.model.state == "half-open":
            fresh = [p for p in self.model.out if p.until > self.now]
            assert len(fresh) + len(self.model.counted) <= RULES.probe_requests


Breaker.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
TestBreaker = Breaker.TestCase
