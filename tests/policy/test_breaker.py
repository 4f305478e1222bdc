from itertools import permutations

import pytest

from llmgw_middleware.model.policy import BreakerRules, SlowCalls
from llmgw_middleware.policy.breaker import PROBE_LEASE, BreakerState, CircuitBreaker
from llmgw_middleware.policy.permit import Permit

CLOSED, OPEN, HALF_OPEN = BreakerState


def breaker(chance: float = 0.0, **rules) -> CircuitBreaker:
    """Seed 004's figures where nothing else is said."""
    return CircuitBreaker(BreakerRules(**rules), chance=lambda: chance)


def take(machine: CircuitBreaker, now: float) -> Permit:
    permit = machine.admit(now)
    assert permit is not None
    return permit


def report(machine: CircuitBreaker, results: str, now: float) -> None:
    """``+`` worked, ``-`` failed."""
    for result in results:
        machine.record(take(machine, now), ok=result == "+", now=now)


def opened(now: float = 0.0, **rules) -> CircuitBreaker:
    machine = breaker(**rules)
    report(machine, "-" * machine._rules.min_requests, now)
    assert machine.state(now) is OPEN
    return machine


def probes(machine: CircuitBreaker, now: float) -> list[Permit]:
    """Everything it admits now."""
    found = []
    while (permit := machine.admit(now)) is not None:
        found.append(permit)
    return found


# Results with seed 004's figures (over 50 % of at least 20), and the state after them.
WINDOWS = {
    "nineteen failures are too few to judge": ("-" * 19, CLOSED),
    "twenty failures open": ("-" * 20, OPEN),
    "eleven of twenty open": ("-" * 11 + "+" * 9, OPEN),
    "eleven of twenty open in whatever order": ("+" * 9 + "-" * 11, OPEN),
    "ten of twenty do not": ("-" * 10 + "+" * 10, CLOSED),
    "half of many does not": ("+-" * 500, CLOSED),
    "one more than half of many does": ("+-" * 500 + "-", OPEN),
    "success upon success stays closed": ("+" * 1000, CLOSED),
}


@pytest.mark.parametrize(("results", "state"), WINDOWS.values(), ids=WINDOWS.keys())
def test_the_share_of_failures_in_the_window_opens(results, state):
    machine = breaker()
    report(machine, results, now=1.0)
    assert machine.state(1.0) is state
    assert (machine.admit(1.0) is None) is (state is OPEN)


@pytest.mark.parametrize(
    ("threshold", "failures", "results"), [(0.57, 57, 100), (0.3, 30, 100), (0.1, 3, 30)]
)
def test_exactly_the_threshold_does_not_open_whatever_floats_say(threshold, failures, results):
    machine = breaker(threshold=threshold)
    report(machine, "+" * (results - failures) + "-" * failures, now=0.0)
    assert machine.state(0.0) is CLOSED
    report(machine, "-", now=0.0)
    assert machine.state(0.0) is OPEN


def test_failures_older_than_the_window_do_not_count():
    machine = breaker()
    report(machine, "-" * 19, now=0.0)
    report(machine, "-" * 19, now=60.0)
    assert machine.state(60.0) is CLOSED
    report(machine, "-", now=65.0)
    assert machine.state(65.0) is OPEN


def test_nothing_goes_through_for_thirty_seconds_and_the_rest_is_told():
    machine = opened(now=10.0)
    assert [machine.retry_after(now) for now in (10.0, 25.0, 39.0)] == [30.0, 15.0, 1.0]
    assert machine.admit(39.999) is None
    assert machine.state(40.0) is OPEN  # until a request comes
    assert (machine.would_admit(40.0), machine.retry_after(40.0)) == (True, 0.0)
    take(machine, 40.0)
    assert machine.state(40.0) is HALF_OPEN


def test_half_open_admits_five_and_not_one_more():
    machine = opened()
    assert len(probes(machine, 30.0)) == 5
    assert (machine.would_admit(31.0), machine.retry_after(31.0)) == (False, 1.0)


# What five probes report, and the state after it (over 50 % of 5: three).
VERDICTS = {"+++++": CLOSED, "-++++": CLOSED, "--+++": CLOSED, "---++": OPEN, "----+": OPEN, "-----": OPEN}


@pytest.mark.parametrize(("results", "state"), VERDICTS.items(), ids=VERDICTS.keys())
def test_five_probes_decide_in_whatever_order_they_report(results, state):
    for order in set(permutations(results)):
        machine = opened()
        for permit, result in zip(probes(machine, 30.0), order, strict=True):
            assert machine.state(30.5) is HALF_OPEN
            assert machine.admit(30.5) is None
            machine.record(permit, ok=result == "+", now=31.0)
        assert machine.state(31.0) is state


def test_once_closed_it_counts_afresh():
    machine = opened()
    for permit in probes(machine, 30.0):
        machine.record(permit, ok=True, now=31.0)
    report(machine, "-" * 19, now=31.0)
    assert machine.state(31.0) is CLOSED
    assert machine.closed_at == 31.0


def fail_probes(machine: CircuitBreaker, now: float) -> float:
    """Let all probes fail; return the sleep that follows."""
    for permit in probes(machine, now):
        machine.record(permit, ok=False, now=now)
    return machine.retry_after(now)


def test_the_sleep_doubles_at_each_reopening_up_to_five_minutes():
    machine, now, sleeps = opened(), 0.0, []
    for _ in range(6):
        now += machine.retry_after(now)
        sleeps.append(fail_probes(machine, now))
    assert sleeps == [60, 120, 240, 300, 300, 300]


def test_the_first_sleep_is_exact_and_later_ones_are_shortened_by_luck():
    machine = opened(chance=0.5)
    assert machine.retry_after(0.0) == 30
    assert fail_probes(machine, 30.0) == pytest.approx(54.0)


def test_a_sleep_longer_than_the_maximum_is_kept():
    machine = opened(sleep=600.0, max_sleep=300.0)
    assert (machine.retry_after(0.0), fail_probes(machine, 600.0)) == (600, 600)


@pytest.mark.parametrize(("closed_for", "sleep"), [(59.0, 60.0), (60.0, 30.0), (1000.0, 30.0)])
def test_a_minute_of_health_makes_it_begin_again(closed_for, sleep):
    machine = opened()
    for permit in probes(machine, 30.0):
        machine.record(permit, ok=True, now=30.0)
    report(machine, "-" * 20, now=30.0 + closed_for)
    assert machine.retry_after(30.0 + closed_for) == sleep


def test_results_from_before_the_opening_count_in_no_window():
    machine = breaker()
    early = [take(machine, 0.0) for _ in range(60)]
    report(machine, "-" * 20, now=0.0)
    for permit in early[:20]:
        machine.record(permit, ok=False, now=20.0)
    first = probes(machine, 30.0)
    for permit in early[20:40]:
        machine.record(permit, ok=False, now=31.0)
    assert machine.state(31.0) is HALF_OPEN
    for permit in first:
        machine.record(permit, ok=True, now=32.0)
    for permit in early[40:]:
        machine.record(permit, ok=False, now=33.0)
    assert repr(machine) == "<CircuitBreaker closed [0 of 0 failed]>"


def test_a_cancelled_probe_gives_its_permit_back():
    machine = opened()
    first = probes(machine, 30.0)
    machine.release(first[0])
    machine.release(first[0])
    assert len(probes(machine, 30.0)) == 1


def test_a_lost_probe_frees_itself_and_its_late_word_counts_no_more():
    machine = opened(sleep=1000.0, max_sleep=1000.0)
    lost = probes(machine, 1000.0)
    assert machine.admit(1000.0 + PROBE_LEASE - 1) is None
    again = probes(machine, 1000.0 + PROBE_LEASE)
    assert len(again) == 5
    for permit in lost:
        machine.record(permit, ok=False, now=1000.0 + PROBE_LEASE)
    for permit in again:
        machine.record(permit, ok=True, now=1000.0 + PROBE_LEASE)
    assert machine.state(1000.0 + PROBE_LEASE) is CLOSED


def test_a_late_probe_counts_as_long_as_nobody_took_its_place():
    machine = opened(sleep=1000.0, max_sleep=1000.0)
    for permit in probes(machine, 1000.0):
        machine.record(permit, ok=True, now=1000.0 + 2 * PROBE_LEASE)
    assert machine.state(1300.0) is CLOSED


@pytest.mark.parametrize(("results", "state"), [("+", CLOSED), ("+-", CLOSED), ("-", OPEN), ("--+", OPEN)])
def test_permits_that_nobody_asks_for_do_not_hold_it(results, state):
    machine = opened()
    report(machine, results, now=30.0)
    assert machine.state(59.9) is HALF_OPEN
    assert machine.state(60.0) is state


def test_when_nobody_reported_it_stays_and_the_next_one_decides():
    machine = opened()
    machine.release(take(machine, 30.0))
    assert machine.state(10_000.0) is HALF_OPEN
    report(machine, "+", now=10_000.0)
    assert machine.state(10_000.0) is CLOSED


def test_a_probe_that_is_out_is_waited_for():
    machine = opened()
    report(machine, "+", now=30.0)
    out = take(machine, 31.0)
    assert machine.state(90.0) is HALF_OPEN
    machine.record(out, ok=False, now=100.0)
    assert machine.state(100.0) is CLOSED  # one of two is not more than half


def test_a_lost_probe_is_not_waited_for_for_ever():
    machine = opened()
    report(machine, "+", now=30.0)
    take(machine, 31.0)
    assert [machine.state(now) for now in (31.0 + PROBE_LEASE - 1, 31.0 + PROBE_LEASE)] == [HALF_OPEN, CLOSED]


def test_a_stream_that_breaks_off_turns_its_success_into_a_failure():
    machine = breaker()
    permits = [take(machine, 0.0) for _ in range(20)]
    for permit in permits:
        machine.record(permit, ok=True, now=0.0)
    for permit in permits[:10]:
        machine.late_failure(permit, now=5.0)
    assert repr(machine) == "<CircuitBreaker closed [10 of 20 failed]>"
    machine.late_failure(permits[10], now=5.0)
    assert machine.state(5.0) is OPEN


def test_a_stream_that_breaks_off_after_its_success_is_forgotten_is_one_result_still():
    machine = breaker()
    permit = take(machine, 0.0)
    machine.record(permit, ok=True, now=0.0)
    machine.late_failure(permit, now=300.0)
    machine.late_failure(permit, now=300.0)
    assert repr(machine) == "<CircuitBreaker closed [1 of 1 failed]>"


def test_a_probe_that_breaks_off_later_is_a_failed_probe():
    machine = opened()
    held = probes(machine, 30.0)
    for permit in held[:4]:
        machine.record(permit, ok=True, now=31.0)
    for permit in held[:3]:
        machine.late_failure(permit, now=32.0)
    machine.record(held[4], ok=True, now=33.0)
    assert machine.state(33.0) is OPEN


def test_a_probe_that_breaks_off_once_closed_counts_in_the_new_window():
    machine = opened()
    held = probes(machine, 30.0)
    for permit in held:
        machine.record(permit, ok=True, now=31.0)
    machine.late_failure(held[0], now=32.0)
    assert repr(machine) == "<CircuitBreaker closed [1 of 1 failed]>"


@pytest.mark.parametrize("ok", [True, False])
def test_a_permit_is_reported_on_once(ok):
    machine = breaker()
    permit = take(machine, 0.0)
    machine.record(permit, ok=ok, now=0.0)
    machine.record(permit, ok=not ok, now=0.0)
    machine.release(permit)
    assert repr(machine) == f"<CircuitBreaker closed [{0 if ok else 1} of 1 failed]>"


def test_a_failure_or_a_released_permit_has_no_success_to_turn():
    machine = breaker()
    failed, released = take(machine, 0.0), take(machine, 0.0)
    machine.record(failed, ok=False, now=0.0)
    machine.release(released)
    for permit in (failed, released):
        machine.late_failure(permit, now=0.0)
    assert repr(machine) == "<CircuitBreaker closed [1 of 1 failed]>"


SLOW = SlowCalls(threshold=0.8, duration=5.0)


def test_slow_answers_open_beyond_their_own_threshold():
    machine = breaker(slow_calls=SLOW)
    assert [machine.slow(seconds) for seconds in (None, 5.0, 5.1)] == [False, False, True]
    for number in range(20):
        machine.record(take(machine, 0.0), ok=True, now=0.0, slow=number < 16)
    assert machine.state(0.0) is CLOSED
    machine.record(take(machine, 0.0), ok=True, now=0.0, slow=True)
    assert machine.state(0.0) is OPEN


def test_slow_probes_reopen():
    machine = opened(slow_calls=SLOW)
    for permit in probes(machine, 30.0):
        machine.record(permit, ok=True, now=31.0, slow=True)
    assert machine.state(31.0) is OPEN


def test_without_a_rule_nothing_is_slow():
    assert not breaker().slow(1e9)


def test_a_breaker_that_is_off_never_opens():
    machine = breaker(enabled=False)
    report(machine, "-" * 1000, now=0.0)
    permit = take(machine, 0.0)
    machine.record(permit, ok=True, now=0.0)
    machine.late_failure(permit, now=0.0)
    assert (machine.state(0.0), repr(machine)) == (CLOSED, "<CircuitBreaker off>")


def test_a_breaker_tells_its_state():
    machine = breaker()
    report(machine, "+--", now=0.0)
    assert repr(machine) == "<CircuitBreaker closed [2 of 3 failed]>"
    machine = opened()
    assert repr(machine) == "<CircuitBreaker open until 30 [opened 1 times]>"
    report(machine, "+-", now=30.0)
    permit = take(machine, 30.0)
    assert repr(permit) == "<Permit of opening 1, out>"
    assert repr(machine) == "<CircuitBreaker half-open [2 of 5 probes reported, 1 failed, 1 out]>"
