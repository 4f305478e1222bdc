from llmgw_middleware.rollouts.exposures import Exposure, Exposures


def remembered(**limits: int) -> Exposures:
    found = Exposures(**limits)
    found.add(Exposure("trial", "canary"), "alice", "r-1", "alice")
    return found


def sides(found: list[Exposure]) -> list[str]:
    return [exposure.side for exposure in found]


def test_a_signal_finds_the_side_of_a_request():
    assert sides(remembered().of("liked", user=None, request_id="r-1")) == ["canary"]
    assert remembered().of("liked", user=None, request_id="r-2") == []


def test_a_signal_finds_the_last_side_of_a_user():
    exposures = remembered()
    exposures.add(Exposure("trial", "stable"), "alice", "r-2", "alice")
    assert sides(exposures.of("liked", user="alice", request_id=None)) == ["stable"]
    assert exposures.of("liked", user="bob", request_id=None) == []


def test_a_user_has_a_side_in_each_trial():
    exposures = remembered()
    exposures.add(Exposure("other", "b"), "alice", "r-2", "alice")
    assert sides(exposures.of("liked", user="alice", request_id=None)) == ["canary", "b"]


def test_of_one_request_a_signal_counts_once_by_whatever_way_it_is_named():
    exposures = remembered()
    assert exposures.of("liked", user="alice", request_id=None)
    assert not exposures.of("liked", user=None, request_id="r-1")
    assert exposures.of("refund", user=None, request_id="r-1")


def test_a_unit_is_new_once_in_each_trial():
    exposures = remembered()
    assert not exposures.add(Exposure("trial", "canary"), "alice", "r-2", "alice")
    assert exposures.add(Exposure("other", "a"), "alice", "r-3", "alice")
    assert exposures.add(Exposure("trial", "canary"), "bob", "r-4", "bob")


def test_the_oldest_are_forgotten_first():
    exposures = remembered(most_requests=1, most_users=1)
    exposures.add(Exposure("trial", "stable"), "bob", "r-2", "bob")
    assert exposures.of("liked", user="alice", request_id=None) == []
    assert exposures.of("liked", user=None, request_id="r-1") == []
    assert sides(exposures.of("liked", user="bob", request_id=None)) == ["stable"]
    assert repr(exposures) == "<Exposures of 1 requests and 1 users>"


def test_anonymous_callers_are_known_by_their_requests_only():
    exposures = Exposures()
    exposures.add(Exposure("trial", "canary"), "s-1", "r-1", "")
    assert exposures.of("liked", user="", request_id=None) == []
