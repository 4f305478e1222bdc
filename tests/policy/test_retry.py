from math import inf
from typing import Any

import pytest

from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.policy import RetryRules
from llmgw_middleware.policy.blocked import Blocked, Reason
from llmgw_middleware.policy.retry import (
    Again,
    GiveUp,
    Move,
    NextBackend,
    NextRound,
    NextTarget,
    RetryMachine,
)
from llmgw_middleware.policy.trail import Trail

K = FaultKind
RULES = RetryRules(max_attempts=3, initial_interval=0.2, max_interval=5.0, jitter=False)
"""Seed 004's figures, without luck."""


def record(machine: RetryMachine, fault: Fault | FaultKind, backend: str = "a", **more) -> Move:
    """The machine's answer where repeats are allowed and nobody else is left."""
    asked: dict[str, Any] = {
        "now": 0.0,
        "chance": 0.5,
        "replay_safe": True,
        "other_usable": False,
        "budget_ok": lambda: True,
    }
    fault = Fault(kind=fault) if isinstance(fault, FaultKind) else fault
    return machine.record(fault, backend=backend, **(asked | more))


def said(move: Move) -> str:
    return type(move).__name__


# The rows of the classification by what follows in each place:
# alone · alone, the list goes on · pool, another is usable · pool, nobody else · pool, nobody else, the list goes on.
REPEAT = "Again Again NextBackend NextRound NextRound"
ELSEWHERE = "GiveUp NextTarget NextBackend GiveUp NextTarget"
STOP = "GiveUp GiveUp GiveUp GiveUp GiveUp"
ROWS = {
    K.UNREACHABLE: REPEAT,
    K.RATE_LIMITED: REPEAT,
    K.QUOTA: ELSEWHERE,
    K.OVERLOADED: REPEAT,
    K.FAILED: REPEAT,
    K.RESET: REPEAT,
    K.SILENT: ELSEWHERE,
    K.UNAUTHORIZED: ELSEWHERE,
    K.NO_MODEL: ELSEWHERE,
    K.CONTEXT_LENGTH: ELSEWHERE,
    K.CONTENT_FILTER: STOP,
    K.REFUSED: STOP,
    K.REDIRECT: ELSEWHERE,
    K.PROTOCOL: ELSEWHERE,
    K.TRUNCATED: "Again NextTarget NextBackend NextRound NextTarget",
}
UNSAFE = ROWS | {K.FAILED: ELSEWHERE, K.RESET: ELSEWHERE, K.TRUNCATED: ELSEWHERE}
PLACES = {
    "alone": (False, False, False),
    "alone-then-others": (False, False, True),
    "pool-with-another": (True, True, True),
    "pool-asked": (True, False, False),
    "pool-asked-then-others": (True, False, True),
}
TABLE = [
    pytest.param(kind, safe, place, move, id=f"{kind.name}-{'replayable' if safe else 'once-only'}-{name}")
    for safe, rows in ((True, ROWS), (False, UNSAFE))
    for kind, row in rows.items()
    for (name, place), move in zip(PLACES.items(), row.split(), strict=True)
]


def test_every_kind_has_a_row():
    assert set(ROWS) == set(FaultKind)


@pytest.mark.parametrize(("kind", "safe", "place", "move"), TABLE)
def test_what_comes_after_each_fault_in_each_place(kind, safe, place, move):
    fallback, other, goes_on = place
    machine = RetryMachine(RULES, fallback=fallback, has_next_target=goes_on)
    assert said(record(machine, kind, other_usable=other, replay_safe=safe)) == move


# A hint in seconds for a backend alone: what follows where it is the last, and where the list goes on.
HINTS = {
    0.0: (Again(0.0), Again(0.0)),
    2.0: (Again(2.0), Again(2.0)),
    5.0: (Again(5.0), Again(5.0)),
    5.1: (Again(5.1), NextTarget()),
    120.0: (Again(120.0), NextTarget()),
    120.1: (GiveUp, NextTarget()),
    inf: (Again(0.2), Again(0.2)),
    -1.0: (Again(0.2), Again(0.2)),
}


@pytest.mark.parametrize("kind", [K.RATE_LIMITED, K.OVERLOADED, K.FAILED], ids=lambda k: k.name)
@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("goes_on", [False, True], ids=["last", "others-follow"])
def test_a_hint_replaces_the_delay(kind, hint, goes_on):
    machine = RetryMachine(RULES, fallback=False, has_next_target=goes_on)
    move, expected = record(machine, Fault(kind=kind, retry_after=hint)), HINTS[hint][goes_on]
    assert isinstance(move, GiveUp) if expected is GiveUp else move == expected


def test_a_hint_that_is_not_waited_for_is_forwarded():
    move = record(
        RetryMachine(RULES, fallback=False, has_next_target=False),
        Fault(kind=K.RATE_LIMITED, status=429, retry_after=300.0),
    )
    assert isinstance(move, GiveUp)
    assert (move.error.status_code, move.error.retry_after) == (429, 300.0)
    assert (b"x-should-retry", b"false") in move.error.headers


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize(
    ("hint", "deadline", "waits"),
    [(3.0, 13.1, True), (3.0, 13.0, False), (None, 10.21, True), (None, 10.2, False)],
)
def test_nothing_is_waited_for_beyond_the_deadline(hint, deadline, waits, goes_on):
    machine = RetryMachine(RULES, fallback=False, has_next_target=goes_on)
    move = record(machine, Fault(kind=K.OVERLOADED, retry_after=hint), now=10.0, deadline=deadline)
    assert said(move) == ("Again" if waits else "NextTarget" if goes_on else "GiveUp")


@pytest.mark.parametrize("fallback", [False, True])
def test_once_the_deadline_is_over_nobody_is_asked(fallback):
    machine = RetryMachine(RULES, fallback=fallback, has_next_target=True)
    assert said(record(machine, K.SILENT, now=10.0, deadline=10.0, other_usable=True)) == "GiveUp"


def test_another_key_goes_at_once_whatever_the_hint():
    machine = RetryMachine(RULES, fallback=False, has_next_target=True)
    fault = Fault(kind=K.RATE_LIMITED, retry_after=60.0)
    assert record(machine, fault, now=5.0, key_usable=True) == Again(0.0)


def test_another_key_does_not_help_an_overloaded_backend():
    machine = RetryMachine(RULES, fallback=False, has_next_target=False)
    fault = Fault(kind=K.OVERLOADED, retry_after=3.0)
    assert record(machine, fault, key_usable=True) == Again(3.0)


@pytest.mark.parametrize("most", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", [K.UNREACHABLE, K.RATE_LIMITED, K.FAILED], ids=lambda k: k.name)
def test_a_backend_alone_is_asked_as_often_as_the_rules_say_and_no_more(kind, most):
    machine = RetryMachine(RetryRules(max_attempts=most).over(RULES), fallback=False, has_next_target=False)
    attempts = 1
    while isinstance(record(machine, kind), Again):
        attempts += 1
    assert attempts == most


def test_delays_grow_from_repeat_to_repeat():
    machine = RetryMachine(RetryRules(max_attempts=7).over(RULES), fallback=False)
    delays = [move.after for _ in range(6) if isinstance(move := record(machine, K.FAILED), Again)]
    assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0])


def test_chance_draws_the_jitter():
    machine = RetryMachine(RetryRules(jitter=True).over(RULES), fallback=False)
    assert record(machine, K.FAILED, chance=0.25) == Again(0.05)


# retryOn: status or None where the connection broke, the kind, whether the same backend is asked again.
CODES = {
    "listed": (503, K.OVERLOADED, {503}, True),
    "not listed": (500, K.FAILED, {429, 503}, False),
    "nothing was sent": (None, K.UNREACHABLE, set(), True),
    "a reset is a 502": (None, K.RESET, {502}, True),
    "a reset where 502 is not listed": (None, K.RESET, {500}, False),
    "an error frame is a 503": (None, K.OVERLOADED, {503}, True),
    "an error frame is a 429": (None, K.RATE_LIMITED, {429}, True),
    "an error frame in an answer of 200": (200, K.FAILED, {500}, True),
    "overloaded as 529": (529, K.OVERLOADED, {503}, False),
    "a status nobody thought of": (599, K.FAILED, {599}, True),
    "silence whatever is listed": (504, K.SILENT, {504}, False),
}


@pytest.mark.parametrize(("status", "kind", "codes", "again"), CODES.values(), ids=CODES.keys())
def test_retry_on_governs_repeats_on_the_same_backend(status, kind, codes, again):
    machine = RetryMachine(
        RetryRules(retry_on=frozenset(codes)).over(RULES), fallback=False, has_next_target=False
    )
    assert said(record(machine, Fault(kind=kind, status=status))) == ("Again" if again else "GiveUp")


def test_retry_on_does_not_govern_moving_on():
    machine = RetryMachine(RetryRules(retry_on=frozenset()).over(RULES), fallback=True)
    assert record(machine, K.FAILED, other_usable=True) == NextBackend()


def test_each_member_is_asked_once_even_beyond_the_attempts_and_then_nobody():
    machine = RetryMachine(RULES, fallback=True, has_next_target=False)
    moves = [said(record(machine, K.FAILED, name, other_usable=name != "e")) for name in "abcde"]
    assert moves == ["NextBackend"] * 4 + ["GiveUp"]


def test_a_further_round_starts_while_attempts_remain():
    trail = Trail()
    machine = RetryMachine(
        RetryRules(max_attempts=5).over(RULES), fallback=True, has_next_target=False, trail=trail
    )
    moves = []
    for name, other in (("a", True), ("b", False), ("a", True), ("b", False), ("a", True)):
        trail.add(name)
        moves.append(record(machine, K.FAILED, name, other_usable=other))
        if isinstance(moves[-1], NextRound):
            assert len(trail) == 0
    assert moves[:4] == [NextBackend(), NextRound(0.2), NextBackend(), NextRound(0.4)]
    assert said(moves[4]) == "GiveUp"


def test_a_silent_backend_takes_no_part_in_a_further_round():
    trail = Trail()
    machine = RetryMachine(RULES, fallback=True, has_next_target=False, trail=trail)
    for name in "ab":
        trail.add(name)
    record(machine, K.SILENT, "a", other_usable=True)
    assert record(machine, K.FAILED, "b") == NextRound(0.2)
    assert list(trail) == ["a"]


def test_when_all_were_silent_there_is_no_further_round():
    machine = RetryMachine(RULES, fallback=True, has_next_target=False)
    record(machine, K.SILENT, "a", other_usable=True)
    assert said(record(machine, K.SILENT, "b")) == "GiveUp"


def test_a_backend_that_fell_silent_after_all_leaves_the_round():
    machine = RetryMachine(RetryRules(max_attempts=9).over(RULES), fallback=True, has_next_target=False)
    record(machine, K.FAILED, "a")
    assert said(record(machine, K.SILENT, "a")) == "GiveUp"


def test_a_round_waits_for_whoever_is_ready_first():
    machine = RetryMachine(RULES, fallback=True, has_next_target=False)
    record(machine, Fault(kind=K.RATE_LIMITED, retry_after=4.0), "a", now=0.0, other_usable=True)
    move = record(machine, Fault(kind=K.RATE_LIMITED, retry_after=9.0), "b", now=1.0)
    assert move == NextRound(3.0)


def test_a_round_waits_the_delay_where_somebody_gave_no_hint():
    machine = RetryMachine(RULES, fallback=True, has_next_target=False)
    record(machine, Fault(kind=K.RATE_LIMITED, retry_after=4.0), "a", other_usable=True)
    assert record(machine, K.FAILED, "b", now=1.0) == NextRound(0.2)


def test_a_round_waits_no_time_that_has_passed():
    machine = RetryMachine(RULES, fallback=True, has_next_target=False)
    record(machine, Fault(kind=K.RATE_LIMITED, retry_after=1.0), "a", now=0.0, other_usable=True)
    assert record(machine, K.SILENT, "b", now=50.0) == NextRound(0.0)


def test_without_budget_nothing_is_repeated():
    alone = RetryMachine(RULES, fallback=False, has_next_target=True)
    assert record(alone, K.FAILED, budget_ok=lambda: False) == NextTarget()
    pool = RetryMachine(RULES, fallback=True, has_next_target=False)
    assert record(pool, K.FAILED, other_usable=True, budget_ok=lambda: False) == NextBackend()
    assert said(record(pool, K.FAILED, "b", budget_ok=lambda: False)) == "GiveUp"


def test_in_a_further_round_the_next_member_is_a_repeat_that_the_budget_must_allow():
    machine = RetryMachine(RetryRules(max_attempts=5).over(RULES), fallback=True, has_next_target=True)
    assert said(record(machine, K.FAILED, "a")) == "NextRound"
    assert record(machine, K.FAILED, "a", other_usable=True, budget_ok=lambda: False) == NextTarget()


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (K.SILENT, {}),
        (K.FAILED, {"other_usable": True}),
        (K.FAILED, {"now": 1.0, "deadline": 1.1}),
        (K.REFUSED, {}),
    ],
    ids=["not repeatable", "another is next", "no time", "the request's fault"],
)
def test_the_budget_is_not_charged_for_what_is_not_repeated(kind, more):
    def charged() -> bool:
        raise AssertionError("a repeat was taken from the budget")

    machine = RetryMachine(RULES, fallback=True, has_next_target=False)
    record(machine, kind, budget_ok=charged, **more)


@pytest.mark.parametrize(
    ("word", "other", "move"),
    [("stop", True, "GiveUp"), ("next", True, "NextBackend"), ("next", False, "GiveUp")],
)
def test_a_content_filter_moves_on_only_where_the_route_says_so_and_never_repeats(word, other, move):
    machine = RetryMachine(RULES, fallback=True, has_next_target=False, on_content_filter=word)
    assert said(record(machine, K.CONTENT_FILTER, other_usable=other)) == move


def test_a_target_that_is_left_is_not_asked_again_by_a_later_one():
    trail = Trail()
    machine = RetryMachine(RULES, fallback=True, has_next_target=True, trail=trail)
    trail.add("a")
    assert record(machine, K.QUOTA) == NextTarget()
    trail.further_round()
    assert "a" in trail


def blocked(reason: Reason, retry_after: float | None) -> Blocked:
    return Blocked(target="t", reason=reason, retry_after=retry_after, passed_over=(("x", reason),))


def test_nobody_to_lease_is_the_next_target_or_the_last_word():
    trail = Trail()
    first = RetryMachine(RULES, fallback=True, has_next_target=True, trail=trail)
    last = RetryMachine(RULES, fallback=True, has_next_target=False, trail=trail)
    assert first.blocked(blocked("cooling", 30.0)) == NextTarget()
    move = last.blocked(blocked("open", 5.0))
    assert isinstance(move, GiveUp)
    assert (move.error.status_code, move.error.retry_after) == (503, 5.0)


def test_of_several_targets_that_cannot_be_asked_the_soonest_is_told():
    trail = Trail()
    first = RetryMachine(RULES, fallback=True, has_next_target=True, trail=trail)
    last = RetryMachine(RULES, fallback=True, has_next_target=False, trail=trail)
    first.blocked(blocked("cooling", 3.0))
    for later in (blocked("open", 5.0), blocked("full", None)):
        move = last.blocked(later)
        assert isinstance(move, GiveUp)
        assert (move.error.status_code, move.error.retry_after) == (429, 3.0)


def test_what_a_backend_answered_comes_before_what_kept_others_from_being_asked():
    trail = Trail()
    trail.sent("a")
    first = RetryMachine(RULES, fallback=True, has_next_target=True, trail=trail)
    record(first, K.QUOTA)
    last = RetryMachine(RULES, fallback=True, has_next_target=False, trail=trail)
    move = last.blocked(blocked("open", 0.5))
    assert isinstance(move, GiveUp)
    assert move.error.error_code == "insufficient_quota"


def test_a_machine_tells_how_far_it_is():
    machine = RetryMachine(RULES, fallback=False)
    record(machine, K.FAILED)
    assert repr(machine) == "<RetryMachine [1 of 3 attempts, 1 repeats, again possible: a]>"
