import json

import pytest

from llmgw_middleware.build import build_gateway
from llmgw_middleware.config.load import load
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.policy.rollout import Standing
from llmgw_middleware.rollouts.standings import FileStandings, MemoryStandings, Standings
from tests.rollouts.test_trials import BACKENDS, CANARY, ROUTES, finished, rollouts

PAUSED = Standing(status="paused", stage=1, elapsed=3.5, epoch=1, reason="by hand")


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path) -> Standings:
    return MemoryStandings() if request.param == "memory" else FileStandings(tmp_path / "state")


def test_what_was_saved_is_loaded(store):
    assert store.load("a/b") is None
    assert store.save("a/b", PAUSED, expected=0)
    assert store.load("a/b") == PAUSED
    assert store.load("other") is None


def test_of_two_changes_at_once_one_is_taken(store):
    assert store.save("a", PAUSED, expected=0)
    assert not store.save("a", PAUSED, expected=0)
    assert not store.save("a", PAUSED, expected=7)
    assert store.save("a", Standing(epoch=2), expected=1)


def test_a_rollback_outlives_the_process(tmp_path):
    rollouts(standings=FileStandings(tmp_path)).roll_back("rollout")
    again = rollouts(standings=FileStandings(tmp_path))
    assert (again.weight("rollout"), again.canaries()["rollout"]["status"]) == (0.0, "rolled_back")


def test_a_rollback_stands_even_if_another_process_was_faster(tmp_path):
    one, other = (rollouts(standings=FileStandings(tmp_path)) for _ in range(2))
    one.promote("rollout")
    finished(other, "stable", count=100)
    other.roll_back("rollout")
    one.evaluate()
    assert (one.weight("rollout"), other.weight("rollout")) == (0.0, 0.0)


def test_who_is_slower_follows(tmp_path):
    one, other = (rollouts(standings=FileStandings(tmp_path)) for _ in range(2))
    one.pause("rollout")
    other.promote("rollout")
    assert other.canaries()["rollout"]["status"] == "paused"


def test_a_file_that_is_no_standing_counts_as_none(tmp_path):
    (tmp_path / "rollout.json").write_text("{")
    assert rollouts(standings=FileStandings(tmp_path)).weight("rollout") == 0.1
    (tmp_path / "rollout.json").write_text(json.dumps({"colour": "red"}))
    assert rollouts(standings=FileStandings(tmp_path)).weight("rollout") == 0.1


def test_a_folder_that_is_gone_is_logged_and_the_canary_still_taken_back(tmp_path, caplog):
    trials = rollouts(standings=FileStandings(tmp_path / "state"))
    (tmp_path / "state").rmdir()
    trials.roll_back("rollout")
    assert trials.weight("rollout") == 0.0
    assert "where canary rollout stands cannot be kept" in caplog.text


def source(**state: str):
    return {"routes": ROUTES, "backends": BACKENDS, "canaries": [CANARY], "state": state}


def test_the_folder_is_named_in_the_configuration(tmp_path):
    words = source(store="file", path=str(tmp_path / "state"))
    build_gateway(words, env={}).rollouts.roll_back("rollout")
    assert build_gateway(words, env={}).rollouts.weight("rollout") == 0.0


def test_a_folder_that_cannot_be_used_keeps_a_gateway_from_starting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"state\.path: .* cannot be used"):
        build_gateway(source(store="file", path=str(tmp_path / "file" / "below")), env={})


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"store": "file"}, "missing_key"),
        ({"path": "/x"}, "bad_value"),
        ({"store": "redis"}, "not_available"),
        ({"store": "disk"}, "bad_value"),
    ],
)
def test_what_cannot_be_meant_is_refused(state, code):
    assert [problem.code for problem in load(source(**state), env={}, serving=True).errors] == [code]
