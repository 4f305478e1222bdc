import pytest

from llmgw_middleware.model.decision import Attempt, Decision
from llmgw_middleware.model.usage import Usage
from llmgw_middleware.policy.tally import Outcome
from llmgw_middleware.rollouts.outcomes import outcome_of


def decided(*attempts: tuple[str, str], **more) -> Decision:
    found = Decision(request_id="r", started=0.0, outcome="served", duration=2.0, **more)
    found.attempts = tuple(
        Attempt(backend=target, target=target, started=0.0, outcome=o) for target, o in attempts
    )
    return found


CASES = {
    "served": (decided(("new", "served")), Outcome(failed=False, latency=2.0)),
    "served after a repeat": (decided(("new", "upstream_error"), ("new", "served")), Outcome(latency=2.0)),
    "another had to answer": (decided(("new", "upstream_error"), ("old", "served")), Outcome(failed=True)),
    "nobody could answer": (decided(("new", "upstream_timeout")), Outcome(failed=True)),
    "no such model": (decided(("new", "model_not_found")), Outcome(failed=True)),
    "could not be asked": (decided(("old", "served")), Outcome(failed=True)),
    "the caller's own fault": (decided(("new", "content_filter")), Outcome(failed=None)),
    "moved on for the context's length": (
        decided(("new", "context_length_exceeded"), ("old", "served")),
        Outcome(failed=None),
    ),
}


@pytest.mark.parametrize(("decision", "outcome"), CASES.values(), ids=CASES.keys())
def test_a_side_is_judged_by_its_own_attempts(decision, outcome):
    assert outcome_of(decision, "new") == outcome


def test_an_estimate_for_which_nobody_was_asked_tells_nothing():
    decision = decided(("new", "served"))
    decision.attempts[-1].asked = False
    assert outcome_of(decision, "new") is None


def test_a_side_that_failed_before_an_estimate_of_another_has_failed():
    decision = decided(("new", "upstream_error"), ("old", "served"))
    decision.attempts[-1].asked = False
    assert outcome_of(decision, "new") == Outcome(failed=True)


def test_a_stream_is_timed_to_its_first_content():
    decision = decided(("new", "served"), first_token=0.3, stream=True)
    assert outcome_of(decision, "new") == Outcome(failed=False, latency=0.3)


def test_a_truncated_stream_is_a_failure():
    decision = decided(("new", "upstream_stream_truncated"), first_token=0.3)
    decision.outcome = "truncated"
    assert outcome_of(decision, "new") == Outcome(failed=True, latency=0.3)


def test_a_caller_who_left_before_any_content_tells_only_how_long_they_waited():
    decision = decided(("new", "cancelled"))
    decision.outcome = "cancelled"
    assert outcome_of(decision, "new") == Outcome(failed=None, latency=2.0)


def test_a_caller_who_left_before_anybody_was_asked_tells_nothing():
    decision = decided()
    decision.outcome = "cancelled"
    assert outcome_of(decision, "new") is None


def test_tokens_and_cost_count_where_the_side_answered():
    decision = decided(("new", "served"), usage=Usage(input=10, output=5), cost=0.25)
    assert outcome_of(decision, "new") == Outcome(latency=2.0, tokens=15, cost=0.25)
    moved = decided(("new", "upstream_error"), ("old", "served"), usage=Usage(input=10, output=5), cost=0.25)
    assert outcome_of(moved, "new") == Outcome(failed=True)
