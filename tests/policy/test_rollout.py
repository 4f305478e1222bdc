import random

import pytest

from llmgw_middleware.model.trial import Canary, RollbackRules
from llmgw_middleware.policy.rollout import Change, Refused, Rollout, Standing
from llmgw_middleware.policy.tally import Outcome

GOOD, BAD = Outcome(latency=1.0), Outcome(failed=True)


def rollout(*stages: float, standing: Standing | None = None, **rollback) -> Rollout:
    rules = Canary(
        name="new",
        route="chat",
        stable="old",
        canary="new",
        stages=stages or (0.01, 0.05, 0.5, 1.0),
        stage_duration=60,
        rollback=RollbackRules(**rollback),
    )
    return Rollout(rules, now=0.0, standing=standing)


def served(machine: Rollout, count: int, outcome: Outcome = GOOD) -> None:
    for _ in range(count):
        machine.record("canary", outcome)
        machine.record("stable", GOOD)


def change_of(found: Change | None) -> Change:
    assert found is not None
    return found


def test_it_begins_with_the_first_stage():
    machine = rollout()
    assert (machine.weight, machine.status) == (0.01, "running")
    assert repr(machine) == "<Rollout new [running, stage 1 of 4, 0.01]>"


def test_a_stage_that_passes_without_objection_leads_to_the_next():
    machine = rollout()
    served(machine, 50)
    assert machine.evaluate(59.0) is None
    change = change_of(machine.evaluate(60.0))
    assert (change.kind, change.stage, change.weight, change.by) == ("promoted", 1, 0.05, "policy")
    assert machine.canary.requests == 0


def test_a_stage_waits_for_its_requests():
    machine = rollout(min_requests=50)
    served(machine, 49)
    assert machine.evaluate(600.0) is None
    assert machine.waiting_for(600.0) == "1 more requests on the canary"
    served(machine, 1)
    assert change_of(machine.evaluate(605.0)).kind == "promoted"


def test_the_last_stage_ends_in_completion_and_nothing_follows():
    machine = rollout(0.5, 1.0)
    for now, kind in ((60.0, "promoted"), (120.0, "completed")):
        served(machine, 50)
        assert change_of(machine.evaluate(now)).kind == kind
    assert (machine.weight, machine.status) == (1.0, "completed")
    served(machine, 500, BAD)
    assert machine.evaluate(1e6) is None


def test_a_canary_that_fails_is_taken_back_at_once():
    machine = rollout()
    served(machine, 12, BAD)
    change = change_of(machine.evaluate(5.0))
    assert (change.kind, change.weight, change.by) == ("rolled_back", 0.0, "policy")
    assert "error rate increase 100 % (stable 0 %, limit 1 %)" in change.reason
    assert machine.evaluate(1e6) is None


def test_a_canary_may_be_as_bad_as_stable_but_not_above_its_own_limit():
    machine = rollout(max_error_rate=0.05)
    for number in range(400):
        outcome = BAD if number % 5 == 0 else GOOD
        machine.record("canary", outcome)
        machine.record("stable", outcome)
    assert change_of(machine.evaluate(5.0)).reason == "error rate 20 % (stable 20 %, limit 5 %)"


def test_a_slow_canary_is_taken_back_by_its_p90():
    machine = rollout(max_latency_increase=0.5)
    rng = random.Random(1)
    for _ in range(300):
        machine.record("stable", Outcome(latency=rng.lognormvariate(0, 0.5)))
        machine.record("canary", Outcome(latency=3 * rng.lognormvariate(0, 0.5)))
    assert "p90 latency increase" in change_of(machine.evaluate(5.0)).reason


def test_a_signal_of_the_application_takes_a_canary_back():
    machine = rollout(signals={"thumbs_down": 0.0})
    served(machine, 200)
    for _ in range(40):
        machine.signal("canary", "thumbs_down", 1.0)
    for _ in range(5):
        machine.signal("stable", "thumbs_down", 1.0)
    reason = change_of(machine.evaluate(5.0)).reason
    assert reason == "signal thumbs_down 20 % (stable 2.5 %, limit 2.5 %)"


def test_other_signals_change_nothing():
    machine = rollout(signals={"thumbs_down": 0.0})
    served(machine, 200)
    for _ in range(100):
        machine.signal("canary", "refund", 1.0)
    assert machine.evaluate(5.0) is None


def test_doubts_keep_a_canary_where_it_is():
    machine = rollout(0.5, max_error_rate_increase=0.0)
    served(machine, 90)
    served(machine, 6, BAD)
    assert machine.evaluate(60.0) is None
    assert "doubts to clear: error rate increase" in machine.waiting_for(60.0)


def test_a_paused_canary_is_not_promoted_but_still_taken_back():
    machine = rollout()
    served(machine, 50)
    assert machine.pause(1.0).weight == 0.01
    assert machine.evaluate(1e6) is None
    served(machine, 50, BAD)
    assert change_of(machine.evaluate(1e6)).kind == "rolled_back"


def test_a_pause_does_not_count_as_time_in_the_stage():
    machine = rollout()
    served(machine, 50)
    machine.pause(30.0)
    machine.resume(1000.0)
    assert machine.canary.requests == 50
    assert machine.evaluate(1029.0) is None
    assert change_of(machine.evaluate(1030.0)).kind == "promoted"


def test_after_a_rollback_a_person_starts_again_from_the_first_stage():
    machine = rollout()
    machine.promote(1.0)
    machine.roll_back(2.0)
    assert machine.weight == 0.0
    change = machine.resume(3.0)
    assert (change.stage, change.weight, machine.canary.requests) == (0, 0.01, 0)
    assert machine.standing(3.0).elapsed == 0.0


def test_a_person_may_promote_a_paused_canary_and_it_stays_paused():
    machine = rollout()
    machine.pause(1.0)
    assert machine.promote(2.0).weight == 0.05
    assert machine.status == "paused"


REFUSED = {
    "pausing twice": ("pause", "pause"),
    "resuming what runs": ("resume",),
    "promoting what was rolled back": ("roll_back", "promote"),
    "rolling back twice": ("roll_back", "roll_back"),
    "pausing what was rolled back": ("roll_back", "pause"),
}


@pytest.mark.parametrize("steps", REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused_and_says_why(steps):
    machine = rollout()
    *before, last = steps
    for step in before:
        getattr(machine, step)(1.0)
    with pytest.raises(Refused, match="canary 'new' is"):
        getattr(machine, last)(2.0)


def test_a_standing_is_taken_up_where_it_was_left():
    machine = rollout()
    machine.promote(1.0)
    left = machine.standing(31.0)
    again = rollout(standing=left)
    assert (again.weight, again.standing(0.0).elapsed, left.epoch) == (0.05, 30.0, 1)
