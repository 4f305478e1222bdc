import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llmgw_middleware.model.policy import RetryRules
from llmgw_middleware.policy.budget import RetryBudget

# (requests in the last ten seconds, minimum per second, ratio) and how many repeats they allow
TABLE = {
    "the minimum holds where there are few requests": (0, 10.0, 0.2, 100),
    "the ratio holds where there are many": (1000, 10.0, 0.2, 200),
    "the larger of the two counts": (500, 10.0, 0.2, 100),
    "no minimum and no request: none": (0, 0.0, 0.2, 0),
    "part of a repeat is none": (9, 0.0, 0.1, 0),
    "exactly one": (10, 0.0, 0.1, 1),
    "a ratio above one": (3, 0.0, 2.0, 6),
}


@pytest.mark.parametrize(("requests", "minimum", "ratio", "allowed"), TABLE.values(), ids=TABLE.keys())
def test_repeats_are_bounded_by_minimum_and_ratio(requests, minimum, ratio, allowed):
    budget = RetryBudget(RetryRules(budget_ratio=ratio, budget_minimum=minimum))
    for _ in range(requests):
        budget.request(now=5.0)
    assert [budget.admit(now=5.0) for _ in range(allowed + 1)] == [True] * allowed + [False]


def test_the_budget_comes_back_as_time_goes_on():
    budget = RetryBudget(RetryRules(budget_minimum=0.1))
    assert [budget.admit(0.0), budget.admit(0.0), budget.admit(9.9), budget.admit(10.0)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_backend_that_is_down_gets_no_more_than_a_fifth_more_and_ten_a_second():
    budget, repeats = RetryBudget(), 0
    for tick in range(
        6000
    ):  # a hundred requests a second for a minute, each of which would be repeated twice
        budget.request(tick / 100)
        repeats += sum(budget.admit(tick / 100) for _ in range(2))
    assert repeats <= 0.2 * 6000 + 10 * 60


def test_a_budget_tells_what_is_left():
    budget = RetryBudget()
    budget.request(1.0)
    budget.admit(1.0)
    assert repr(budget) == "<RetryBudget [1 of 100 repeats, 1 requests]>"


class Budgets(RuleBasedStateMachine):
    """Against two lists of everything that ever happened."""

    def __init__(self):
        super().__init__()
        self.budget = RetryBudget(RetryRules(budget_ratio=0.5, budget_minimum=0.2))
        self.now = 0.0
        self.requests: list[int] = []
        self.repeats: list[int] = []

    def recent(self, times):
        return sum(second > int(self.now) - 10 for second in times)

    @rule(seconds=st.floats(0, 6))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(count=st.integers(1, 8))
    def requests_come(self, count):
        for _ in range(count):
            self.budget.request(self.now)
            self.requests.append(int(self.now))

    @rule()
    def a_repeat_is_wanted(self):
        allowed = self.recent(self.repeats) + 1 <= max(2.0, 0.5 * self.recent(self.requests))
        assert self.budget.admit(self.now) is allowed
        if allowed:
            self.repeats.append(int(self.now))

    @invariant()
    def no_ten_seconds_hold_more_than_their_share(self):
        most = max(self.recent(self.requests), 4, len(self.requests))
        assert self.recent(self.repeats) <= max(2.0, 0.5 * most)


Budgets.TestCase.settings = settings(max_examples=60, deadline=None)
TestBudgets = Budgets.TestCase
