import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llmgw_middleware.policy.cooldown import LONG, LONGEST, Cooldown
from llmgw_middleware.policy.keys import KeyRing


def test_without_a_hint_it_rests_a_second_doubled_up_to_thirty():
    rest, now, lengths = Cooldown(), 0.0, []
    for _ in range(7):
        end = rest.cool(now, None)
        lengths.append(end - now)
        now = end
    assert lengths == [1, 2, 4, 8, 16, 30, 30]


def test_success_begins_again_at_a_second():
    rest = Cooldown()
    rest.cool(0.0, None)
    rest.cool(1.0, None)
    rest.succeeded()
    assert rest.cool(10.0, None) == 11.0


def test_answers_to_requests_that_were_under_way_together_are_one_refusal():
    rest = Cooldown()
    for _ in range(50):
        rest.cool(0.5, None)
    assert rest.until == 1.5


# first and second wish as (now, hint), and when the rest ends
TABLE = {
    "a hint is followed": ((0.0, 7.0), (0.0, 7.0), 7.0),
    "a longer wish extends": ((0.0, 7.0), (1.0, 9.0), 10.0),
    "a shorter one never shortens": ((0.0, 7.0), (1.0, 2.0), 7.0),
    "none at all never shortens": ((0.0, 7.0), (1.0, None), 7.0),
    "nothing is nothing": ((0.0, 0.0), (0.0, 0.0), 0.0),
    "a wrong date shuts nobody out for good": ((0.0, 7.0), (0.0, 1e9), LONGEST),
}


@pytest.mark.parametrize(("first", "second", "until"), TABLE.values(), ids=TABLE.keys())
def test_the_later_end_holds(first, second, until):
    rest = Cooldown()
    rest.cool(*first)
    assert rest.cool(*second) == rest.until == until


def test_its_end_is_its_end():
    rest = Cooldown()
    rest.cool(10.0, 5.0)
    assert [rest.active(now) for now in (10.0, 14.999, 15.0)] == [True, True, False]


def test_a_used_up_quota_rests_for_ten_minutes():
    rest = Cooldown()
    assert rest.cool_long(100.0) == 100.0 + LONG == 700.0


def test_success_does_not_end_a_rest_but_clearing_does():
    rest = Cooldown()
    rest.cool(0.0, 60.0)
    rest.succeeded()
    assert rest.active(30.0)
    rest.clear()
    assert not rest.active(30.0)


def test_a_rest_tells_its_end():
    rest = Cooldown()
    assert repr(rest) == "<Cooldown none, 0 without a hint>"
    rest.cool(2.0, None)
    assert repr(rest) == "<Cooldown until 3, 1 without a hint>"


KEYS = 3


class Keys(RuleBasedStateMachine):
    """A ring of keys against a list of ends."""

    def __init__(self):
        super().__init__()
        self.ring = KeyRing(KEYS)
        self.now = 0.0
        self.ends = [-1.0] * KEYS
        self.untold = [0] * KEYS
        self.order = list(range(KEYS))

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0, 20.0, 700.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(index=st.integers(0, KEYS - 1), hint=st.sampled_from([0.0, 0.5, 2.0, 60.0, 1e6]))
    def a_hint_comes(self, index, hint):
        self.ring.cool(index, self.now, hint)
        self.ends[index] = max(self.ends[index], self.now + min(hint, LONGEST))

    @rule(index=st.integers(0, KEYS - 1))
    def no_hint_comes(self, index):
        if self.untold[index] == 0 or self.now >= self.ends[index]:
            self.untold[index] += 1
        rest = [0, 1, 2, 4, 8, 16][self.untold[index]] if self.untold[index] < 6 else 30
        self.ring.cool(index, self.now, None)
        self.ends[index] = max(self.ends[index], self.now + rest)

    @rule(index=st.integers(0, KEYS - 1))
    def a_quota_is_used_up(self, index):
        self.ring.cool_long(index, self.now)
        self.ends[index] = max(self.ends[index], self.now + LONG)

    @rule(index=st.integers(0, KEYS - 1))
    def a_key_is_accepted(self, index):
        self.ring.succeeded(index)
        self.untold[index] = 0

    @rule()
    def a_key_is_picked(self):
        ready = [i for i in self.order if self.now >= self.ends[i]]
        assert self.ring.pick(self.now) == (ready[0] if ready else None)
        if ready:
            place = self.order.index(ready[0]) + 1
            self.order = self.order[place:] + self.order[:place]

    @invariant()
    def they_agree(self):
        ready = [i for i in range(KEYS) if self.now >= self.ends[i]]
        assert self.ring.usable(self.now) is bool(ready)
        for besides in range(KEYS):
            assert self.ring.usable(self.now, besides=besides) is any(i != besides for i in ready)
        assert self.ring.until(self.now) == max(self.now, min(self.ends))


Keys.TestCase.settings = settings(max_examples=80, deadline=None)
TestKeys = Keys.TestCase
