import logging
import threading
from typing import Any

import pytest

from llmgw_middleware.build import build_snapshot, load_plan
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.model.decision import Attempt, Decision, SplitChoice
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.policy.rollout import Change, Refused
from llmgw_middleware.rollouts.standings import MemoryStandings
from llmgw_middleware.rollouts.trials import Rollouts
from llmgw_middleware.testing.clock import FakeClock

BACKENDS = [{"name": name, "url": f"http://{name}/v1"} for name in ("old", "new", "a", "b")]
ROUTES = [
    {"name": name, "path": f"/v1/{name}", "backend": "old", "passthrough": True}
    for name in ("chat", "search")
]
CANARY = {
    "name": "rollout",
    "route": "chat",
    "canary": "new",
    "stages": ["10%", "50%"],
    "stageDuration": "60s",
    "rollback": {"minRequests": 20, "signals": ["thumbs_down"]},
}
EXPERIMENT = {
    "name": "compare",
    "route": "search",
    "variants": [{"name": "x", "backend": "a"}, {"name": "y", "backend": "b"}],
}
heard: list[Change] = []
told = threading.Event()


def listener(change: Change) -> None:
    heard.append(change)
    told.set()


async def failing_listener(change: Change) -> None:
    raise RuntimeError(change.kind)


def rollouts(*, before: Rollouts | None = None, **more: Any) -> Rollouts:
    canary = {**CANARY, **more.pop("canary", {})}
    plan = load_plan(
        {"routes": ROUTES, "backends": BACKENDS, "canaries": [canary], "experiments": [EXPERIMENT]}, {}
    )
    return Rollouts(plan, before=before, **more)


def finished(
    trials: Rollouts,
    side: str,
    *,
    count: int = 1,
    outcome: str = "served",
    user: str = "",
    trial: str = "rollout",
    request_id: str = "r",
) -> None:
    target = {"canary": "new", "stable": "old", "x": "a", "y": "b"}[side]
    for number in range(count):
        decision = Decision(request_id=f"{request_id}-{number}", started=0.0, duration=1.0, outcome="served")
        decision.identity = Identity(id=user)
        decision.split = SplitChoice(name=trial, key=user or None, bucket=0, chosen=target, variant=side)
        decision.attempts = (Attempt(backend=target, target=target, started=0.0, outcome=outcome),)
        trials.finished(decision)


def test_a_canary_that_fails_loses_its_share_at_the_next_look():
    trials = rollouts()
    finished(trials, "stable", count=100)
    finished(trials, "canary", count=20, outcome="upstream_error")
    [change] = trials.evaluate()
    assert (change.kind, trials.weight("rollout")) == ("rolled_back", 0.0)
    assert trials.dial("rollout").splitter.choose("anybody", chance=0.0).chosen == "old"


def test_a_stage_that_passes_gives_the_canary_more():
    clock = FakeClock()
    trials = rollouts(clock=clock)
    finished(trials, "stable", count=100)
    finished(trials, "canary", count=20)
    assert trials.evaluate() == []
    clock.advance(60)
    [change] = trials.evaluate()
    assert (change.kind, change.weight, trials.weight("rollout")) == ("promoted", 0.5, 0.5)


def test_nobody_leaves_a_canary_that_grows():
    trials = rollouts()
    users = [f"user-{number}" for number in range(2000)]
    splitter = trials.dial("rollout").splitter
    small = {user for user in users if splitter.choose(user, chance=0).variant == "canary"}
    trials.promote("rollout")
    splitter = trials.dial("rollout").splitter
    large = {user for user in users if splitter.choose(user, chance=0).variant == "canary"}
    assert small < large


def test_a_signal_about_a_request_counts_on_its_side():
    trials = rollouts()
    finished(trials, "canary", count=3, request_id="c")
    assert trials.signal("thumbs_down", request_id="c-1") == 1
    assert trials.signal("thumbs_down", request_id="c-1") == 0
    assert trials.signal("thumbs_down", request_id="unknown") == 0
    assert trials.canaries()["rollout"]["sides"]["canary"]["signals"] == {"thumbs_down": 1}


def test_a_signal_of_a_user_counts_in_every_trial_they_are_in():
    trials = rollouts()
    finished(trials, "canary", user="alice")
    finished(trials, "y", user="alice", trial="compare", request_id="e")
    assert trials.signal("liked", user="alice", value=0.5) == 2
    [_, y] = trials.experiments()["compare"]["variants"]
    assert y["figures"][-1]["measure"] == "signal liked"
    assert y["figures"][-1]["value"] == 1.0


def test_signals_take_a_canary_back():
    trials = rollouts()
    for number in range(100):
        finished(trials, "stable", request_id=f"s{number}")
        finished(trials, "canary", request_id=f"c{number}")
        if number % 2:
            trials.signal("thumbs_down", request_id=f"c{number}-0")
    [change] = trials.evaluate()
    assert change.reason.startswith("signal thumbs_down 50 % (stable 0 %")


def test_callers_are_counted_once_in_an_experiment():
    trials = rollouts()
    for user in ("alice", "bob", "alice"):
        finished(trials, "x", user=user, trial="compare", request_id=user)
    [x, y] = trials.experiments()["compare"]["variants"]
    assert (x["requests"], x["units"], y["units"]) == (3, 2, 0)


def test_requests_of_other_splits_are_nobodys():
    trials = rollouts()
    finished(trials, "canary", trial="another")
    assert trials.canaries()["rollout"]["sides"]["canary"]["requests"] == 0


def test_every_change_is_logged_and_told(caplog):
    heard.clear()
    told.clear()
    trials = rollouts(listeners=(listener,), canary={"notify": f"{__name__}:listener"})
    trials.open()
    with caplog.at_level(logging.INFO, logger="llmgw"):
        trials.roll_back("rollout", "it hurts")
    assert told.wait(5)
    for thread in threading.enumerate():
        if thread.name == "llmgw change":
            thread.join(5)
    assert [(change.kind, change.by) for change in heard] == [("rolled_back", "hand")] * 2
    [record] = [record for record in caplog.records if "canary" in record.message]
    assert (record.message, record.levelname) == ("canary rollout rolled back: it hurts", "WARNING")


def test_a_listener_that_fails_is_logged_and_hurts_nobody(caplog):
    trials = rollouts(listeners=(failing_listener,))
    trials.pause("rollout")
    for thread in threading.enumerate():
        if thread.name == "llmgw change":
            thread.join(5)
    assert "failing_listener" in caplog.text
    assert trials.weight("rollout") == 0.1


@pytest.mark.parametrize("name", ["nowhere:listener", f"{__name__}:nobody", f"{__name__}:BACKENDS"])
def test_a_function_that_is_not_there_is_found_at_load(name):
    with pytest.raises(ValueError, match="notify"):
        rollouts(canary={"notify": name}).open()


def test_a_reload_that_leaves_a_canary_as_it_is_changes_nothing():
    before = rollouts()
    before.promote("rollout")
    finished(before, "canary", count=5)
    after = rollouts(before=before)
    assert after.weight("rollout") == 0.5
    assert after.canaries()["rollout"]["sides"]["canary"]["requests"] == 5


def test_a_reload_with_other_stages_keeps_the_place():
    before = rollouts()
    before.promote("rollout")
    assert rollouts(before=before, canary={"stages": ["5%", "20%", "40%"]}).weight("rollout") == 0.2
    assert rollouts(before=before, canary={"stages": ["5%"]}).weight("rollout") == 0.05


def test_another_canary_of_the_name_begins_again():
    before = rollouts()
    before.roll_back("rollout")
    assert rollouts(before=before).weight("rollout") == 0.0
    assert rollouts(before=before, canary={"canary": "a"}).weight("rollout") == 0.1


def test_processes_that_share_standings_follow_each_other():
    shared = MemoryStandings()
    one, other = rollouts(standings=shared), rollouts(standings=shared)
    one.roll_back("rollout")
    assert other.weight("rollout") == 0.1
    assert other.evaluate() == []
    assert other.weight("rollout") == 0.0
    assert rollouts(standings=shared).weight("rollout") == 0.0


def test_of_two_changes_at_once_a_store_takes_one():
    store, standing = MemoryStandings(), rollouts().courses["rollout"].machine.standing(0.0)
    assert store.save("rollout", standing, expected=0)
    assert not store.save("rollout", standing, expected=7)
    assert store.load("rollout") == standing


def test_a_canary_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(LookupError, match='there is no canary "rolout" \\(did you mean "rollout"\\?\\)'):
        rollouts().pause("rolout")


def test_what_cannot_be_done_is_refused():
    trials = rollouts()
    with pytest.raises(Refused, match="canary 'rollout' is running: it cannot be resumed"):
        trials.resume("rollout")


def test_a_configuration_without_any_has_none():
    snapshot = build_snapshot(load_plan({"routes": ROUTES, "backends": BACKENDS}, {}))
    assert not snapshot.rollouts
    assert snapshot.checkers == ()


def test_a_notify_that_is_not_there_keeps_a_gateway_from_starting():
    from llmgw_middleware.build import build_gateway

    source = {"routes": ROUTES, "backends": BACKENDS, "canaries": [{**CANARY, "notify": "nowhere:f"}]}
    with pytest.raises(ConfigError, match="notify: nowhere:f cannot be loaded"):
        build_gateway(source, env={})
