from typing import Any

import pytest

from llmgw_middleware.config.load import Loaded, load
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Side, Sticky
from llmgw_middleware.model.trial import RollbackRules, Variant

BACKENDS = [{"name": name, "url": f"http://{name}/v1"} for name in ("old", "new", "third")]
ROUTE = {"name": "chat", "path": "/v1/chat/completions", "backend": "old"}
CANARY: dict[str, Any] = {"name": "rollout", "route": "chat", "canary": "new"}
EXPERIMENT: dict[str, Any] = {
    "name": "compare",
    "route": "chat",
    "variants": [
        {"name": "a", "backend": "old", "weight": 80},
        {"name": "b", "backend": "new", "weight": 20},
    ],
}


def loaded(*, route: dict[str, Any] | None = None, **top: Any) -> Loaded:
    source = {"routes": [{**ROUTE, **(route or {})}], "backends": BACKENDS, **top}
    return load(source, env={}, serving=True)


def plan(**top: Any) -> Plan:
    found = loaded(**top)
    assert found.plan is not None, found.problems
    return found.plan


def test_a_canary_divides_its_route_by_its_first_stage():
    found = plan(canaries=[{**CANARY, "stages": ["5%", "50%"]}])
    [route], [canary] = found.routes, found.canaries
    assert route.target is None
    assert route.trial == "rollout"
    assert route.split == (
        Side(target="old", weight=0.95, name="stable"),
        Side(target="new", weight=0.05, name="canary"),
    )
    assert (canary.stable, canary.canary, canary.stages) == ("old", "new", (0.05, 0.5))


def test_a_canary_says_no_more_than_it_must():
    [canary] = plan(canaries=[CANARY]).canaries
    assert canary.stages == (0.01, 0.05, 0.25, 0.5, 1.0)
    assert canary.stage_duration == 1800.0
    assert canary.rollback == RollbackRules()


def test_every_word_of_a_rollback_is_read():
    words = {
        "maxErrorRate": "5%",
        "maxErrorRateIncrease": "2%",
        "maxLatencyIncrease": "150%",
        "minRequests": 20,
        "signals": {"thumbs_down": "3%"},
    }
    [canary] = plan(canaries=[{**CANARY, "rollback": words}]).canaries
    assert canary.rollback == RollbackRules(
        max_error_rate=0.05,
        max_error_rate_increase=0.02,
        max_latency_increase=1.5,
        min_requests=20,
        signals={"thumbs_down": 0.03},
    )


def test_signals_may_be_only_named():
    [canary] = plan(canaries=[{**CANARY, "rollback": {"signals": ["thumbs_down"]}}]).canaries
    assert canary.rollback.signals == {"thumbs_down": 0.0}


def test_stable_and_the_sticky_key_may_be_the_canarys_own():
    found = plan(canaries=[{**CANARY, "stable": "third", "sticky": "session"}])
    assert found.canaries[0].stable == "third"
    assert found.routes[0].sticky == Sticky(kind="session")


def test_a_canary_sticks_by_an_expression_too():
    [route] = plan(canaries=[{**CANARY, "sticky": "user.team"}]).routes
    assert route.sticky is not None
    assert str(route.sticky.expression) == "user.team"


def test_a_wrong_expression_as_sticky_key_is_refused():
    found = loaded(experiments=[{**EXPERIMENT, "sticky": "user.team +"}])
    assert "bad_expression" in [problem.code for problem in found.errors]


def test_the_route_of_a_canary_with_both_sides_needs_no_backend():
    route = {"backend": None, "fallback": True}
    found = plan(route=route, canaries=[{**CANARY, "stable": "third"}])
    assert [side.target for side in found.routes[0].split] == ["third", "new"]
    assert found.routes[0].fallback_sides


def test_an_experiment_divides_its_route_by_its_weights():
    found = plan(experiments=[EXPERIMENT])
    assert found.experiments[0].variants == (
        Variant(name="a", target="old", weight=80),
        Variant(name="b", target="new", weight=20),
    )
    assert [(side.name, side.target) for side in found.routes[0].split] == [("a", "old"), ("b", "new")]


def test_what_is_about_a_route_that_is_not_enabled_does_nothing():
    found = plan(route={"enabled": False}, canaries=[CANARY])
    assert (found.routes, found.canaries) == ((), ())


IDLE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a canary beside its route's backend": ({"canaries": [CANARY]}, []),
    "a stable side of its own": ({"canaries": [{**CANARY, "stable": "third"}]}, ["no_effect"]),
    "a backend that is a variant": ({"experiments": [EXPERIMENT]}, []),
    "a backend that is none": ({"route": {"backend": "third"}, "experiments": [EXPERIMENT]}, ["no_effect"]),
    "a variant without weight": (
        {
            "experiments": [
                {
                    **EXPERIMENT,
                    "variants": [EXPERIMENT["variants"][0], {**EXPERIMENT["variants"][1], "weight": 0}],
                }
            ]
        },
        ["zero_weight"],
    ),
}


@pytest.mark.parametrize(("words", "codes"), IDLE.values(), ids=IDLE.keys())
def test_who_gets_nothing_any_more_is_told(words, codes):
    assert [problem.code for problem in loaded(**words).problems] == codes


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such route": ({"canaries": [{**CANARY, "route": "chta"}]}, "unknown_route"),
    "two on one route": ({"canaries": [CANARY], "experiments": [EXPERIMENT]}, "two_trials"),
    "the same name twice": ({"canaries": [CANARY, CANARY]}, "duplicate_name"),
    "a route that is split": (
        {
            "route": {"backend": None, "backends": [{"backend": "old"}, {"backend": "new"}]},
            "canaries": [CANARY],
        },
        "two_targets",
    ),
    "a route that answers": (
        {"route": {"backend": None, "respond": {}}, "canaries": [CANARY]},
        "two_targets",
    ),
    "no stable side": ({"route": {"backend": None}, "canaries": [CANARY]}, "no_target"),
    "a canary that is stable": ({"canaries": [{**CANARY, "canary": "old"}]}, "duplicate_name"),
    "a backend that is only named": ({"canaries": [{**CANARY, "canary": "nwe"}]}, "unresolved_backend"),
    "stages that shrink": ({"canaries": [{**CANARY, "stages": ["5%", "1%"]}]}, "bad_value"),
    "a stage of nothing": ({"canaries": [{**CANARY, "stages": [0]}]}, "bad_value"),
    "a stage of more than all": ({"canaries": [{**CANARY, "stages": ["120%"]}]}, "bad_value"),
    "no stages": ({"canaries": [{**CANARY, "stages": []}]}, "bad_value"),
    "a negative increase": ({"canaries": [{**CANARY, "rollback": {"maxLatencyIncrease": -1}}]}, "bad_value"),
    "a function that is none": ({"canaries": [{**CANARY, "notify": "shop"}]}, "bad_value"),
    "one variant": ({"experiments": [{**EXPERIMENT, "variants": EXPERIMENT["variants"][:1]}]}, "bad_value"),
    "two variants of a name": (
        {"experiments": [{**EXPERIMENT, "variants": [EXPERIMENT["variants"][0]] * 2}]},
        "duplicate_name",
    ),
    "weights of zero": (
        {"experiments": [{**EXPERIMENT, "variants": [{**v, "weight": 0} for v in EXPERIMENT["variants"]]}]},
        "bad_weight",
    ),
    "an unknown word": ({"canaries": [{**CANARY, "stage": 1}]}, "unknown_key"),
}


@pytest.mark.parametrize(("words", "code"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_together_is_refused(words, code):
    assert code in [problem.code for problem in loaded(**words).errors]
