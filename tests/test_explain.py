import pytest

from llmgw_middleware.build import build_snapshot, load_plan
from llmgw_middleware.explain import explain
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.identity import ANONYMOUS
from tests.gateway.asking import ALICE, BOB, PATH, request

CONFIG = {
    "routes": [
        {"name": "denied", "path": PATH, "country": ["KP"], "respond": {"status": 451, "code": "blocked", "message": "No."}},
        {"name": "premium", "path": PATH, "user": {"tier": "premium"}, "backend": "pool", "fallback": ["last"]},
        {"name": "split", "path": PATH, "backends": [{"backend": "a", "weight": 80}, {"backend": "b", "weight": 20}],
         "sticky": "user", "fallback": True, "models": ["gpt-4o"]},
    ],
    "backends": [
        {"name": "a", "url": "http://a/v1", "models": {"gpt-4o": "gpt-4o-a"}},
        {"name": "pool", "type": "pool", "fallback": True, "backends": [{"name": "a"}, {"name": "b"}]},
    ],
}  # fmt: skip


def told(who=ANONYMOUS, *, chance=0.0, country=None, config=CONFIG, **asked):
    plan = load_plan(config, {}, serving=False)
    return explain(build_snapshot(plan), request(**asked), who, chance=chance, country=country)


def test_the_plan_names_every_backend_in_the_order_it_would_be_asked():
    found = told(BOB)
    assert (found.route, found.pool, found.backend, found.model) == ("premium", "pool", "a", "gpt-4o-a")
    assert [(s.target, s.backend) for s in found.plan] == [("pool", "a"), ("pool", "b"), ("last", "last")]


def test_every_rule_says_why():
    rules = told(ALICE).rules
    assert [(r.name, r.matched) for r in rules] == [("denied", False), ("premium", False), ("split", True)]
    assert rules[1].reason == "user.tier is 'free', not 'premium'"


def test_a_split_tells_its_key_and_bucket():
    found = told(ALICE)
    assert (found.split.key, found.split.chosen, found.backend) == (
        "alice",
        found.backend,
        found.split.chosen,
    )
    assert [s.backend for s in found.plan] == [found.backend, {"a": "b", "b": "a"}[found.backend]]


def test_chance_decides_for_callers_without_a_key():
    assert {told(chance=chance).backend for chance in (0.1, 0.9)} == {"a", "b"}


def test_a_deny_rule_is_a_route_with_an_answer():
    found = told(country="KP")
    assert (found.outcome, found.route, found.backend, found.error.status_code) == (
        "route",
        "denied",
        None,
        451,
    )


ERRORS = {
    "a model that is not offered": ({"body": {"model": "gpt-5"}}, "model_not_allowed"),
    "a body that cannot be read": ({"body": b"{"}, "invalid_json"),
    "an ambiguous path": ({"path": f"{PATH}/../completions"}, "bad_path"),
}


@pytest.mark.parametrize(("asked", "code"), ERRORS.values(), ids=ERRORS)
def test_what_the_caller_would_be_refused_is_an_error(asked, code):
    found = told(**asked)
    assert (found.outcome, found.error.error_code) == ("error", code)


def test_a_path_of_the_hosts_is_passed():
    assert told(path="/admin/").outcome == "pass"


def test_no_route_is_told_with_its_reasons():
    found = told(config={"routes": CONFIG["routes"][1:2], "backends": CONFIG["backends"]})
    assert (found.outcome, found.rules[0].reason) == ("no_route", "user.tier is absent")


def test_no_route_may_be_the_hosts():
    config = {
        "routes": CONFIG["routes"][1:2],
        "backends": CONFIG["backends"],
        "gateway": {"onNoRoute": "pass"},
    }
    assert told(config=config).outcome == "pass"


def test_a_dry_run_leaves_no_lease_behind():
    snapshot = build_snapshot(load_plan(CONFIG, {}, serving=False))
    explain(snapshot, request(), BOB, chance=0.0)
    facts = Facts(request(), BOB, snapshot.locator)
    targets = snapshot.choosers["premium"].choose(facts, chance=0.0).targets
    assert [e.in_flight for target in targets for e in target.endpoints] == [0, 0, 0]


LAYERS = {
    "gateway": {"timeout": {"connect": "2s"}},
    "policies": {"retry": {"maxAttempts": 3, "backoff": "linear"}},
    "routes": [
        {
            "name": "r",
            "path": PATH,
            "backend": "b",
            "timeout": {"read": "9s"},
            "retry": {"initialInterval": "1s"},
        }
    ],
    "backends": [
        {
            "name": "b",
            "url": "http://b/v1",
            "timeout": {"read": "4s", "write": "3s"},
            "retry": {"jitter": False},
        }
    ],
}


def test_every_figure_of_the_plan_says_where_it_comes_from():
    [step] = told(config=LAYERS).plan
    timeouts = {s.key: (s.value, s.source) for s in step.timeouts}
    retry = {s.key: (s.value, s.source) for s in step.retry}
    assert (timeouts["connect"], timeouts["write"], timeouts["read"]) == (
        (2.0, "gateway"),
        (3.0, "backend"),
        (9.0, "route"),
    )
    assert (timeouts["idle"], timeouts["read (of each attempt)"]) == ((300.0, "default"), (4.0, "backend"))
    assert (retry["maxAttempts"], retry["backoff"]) == ((3, "policies"), ("linear", "policies"))
    assert (retry["initialInterval"], retry["jitter"]) == ((1.0, "route"), (False, "backend"))
    assert (step.attempts, step.delays) == (3, (1.0, 2.0))


def test_the_plan_is_public_with_its_figures():
    [step] = told(config=LAYERS).as_dict()["plan"]
    assert step["timeouts"]["connect"] == {"value": 2.0, "source": "gateway"}
    assert step["retry"]["budget.ratio"] == {"value": 0.2, "source": "default"}
    assert step["delays"] == [1.0, 2.0]


TRANSFORMS = {
    "gateway": {"transform": {"request": {"set": [{"name": "x-model", "value": "body.model"}]}}},
    "routes": [
        {
            "name": "r",
            "path": PATH,
            "headers": {"x-model": "gpt-4o"},
            "backend": "b",
            "transform": {
                "request": {
                    "add": [{"name": "x-key", "value": "request.headers.authorization"}],
                    "set": [{"name": "x-team", "value": "body.team"}, {"name": "x-map", "value": "{}"}],
                    "bodySet": [{"field": "model", "value": "'small'"}],
                    "bodyRemove": ["user"],
                }
            },
        }
    ],
    "backends": [{"name": "b", "url": "http://b/v1"}],
}


def test_a_dry_run_tells_what_each_change_comes_to():
    explanation = told(config=TRANSFORMS, headers={"authorization": "Bearer s3cret"})
    assert explanation.transforms == (
        "gateway.transform: set x-model: 'gpt-4o'",
        "r: add x-key: ***",
        "r: set x-team: taken away, there is no key 'body.team'",
        "r: set x-map: taken away, no header says {}",
        "r: bodySet model: 'small'",
        "r: bodyRemove user",
    )
    assert explanation.model == "small"
    assert explanation.as_dict()["transforms"] == list(explanation.transforms)


def test_a_body_that_cannot_be_made_is_told():
    route = {"path": PATH, "backend": "b", "transform": {"request": {"body": "body.nothing"}}}
    explanation = told(config={"routes": [route], "backends": TRANSFORMS["backends"]})
    assert explanation.outcome == "error"
    assert explanation.error is not None
    assert explanation.error.error_code == "transform_failed"
