"""AgentgatewayPolicies: what is done, and what is said of the rest."""

from typing import Any

import pytest

from tests.config.manifests.kube import codes, http_route, loaded, openai, plan, policy, resource, rule, under

TIMES: dict[str, Any] = {"traffic": {"timeouts": {"request": "5s"}}}


def read_limits(*documents):
    return {route.name: route.timeouts.read for route in plan(openai(), *documents).routes}


two = http_route("r", rule(under("/a"), name="first"), rule(under("/b"), name="second"))


def test_a_policy_on_a_route_holds_for_its_rules():
    assert read_limits(two, policy("p", kind="HTTPRoute", target="r", **TIMES)) == {
        "r/first": 5,
        "r/second": 5,
    }


def test_a_policy_on_a_rule_comes_before_one_on_its_route_and_one_on_its_gateway():
    narrow = policy("p", kind="HTTPRoute", target="r", traffic={"timeouts": {"request": "1s"}})
    narrow["spec"]["targetRefs"][0]["sectionName"] = "first"
    route = policy("q", kind="HTTPRoute", target="r", traffic={"timeouts": {"request": "2s"}})
    assert read_limits(two, policy("a", **TIMES), route, narrow) == {"r/first": 1, "r/second": 2}


def test_a_policy_on_the_gateway_holds_for_every_route():
    assert read_limits(two, http_route("s", rule(under("/c"))), policy("p", **TIMES)) == {
        "r/first": 5,
        "r/second": 5,
        "s": 5,
    }


def test_a_policy_finds_its_route_by_labels():
    labelled = http_route("r", rule(under("/a")), labels={"tier": "x"})
    chosen = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "matchLabels": {"tier": "x"}}
    found = resource("AgentgatewayPolicy", "p", {"targetSelectors": [chosen], **TIMES})
    assert read_limits(labelled, http_route("s", rule(under("/b"))), found) == {"r": 5, "s": None}


@pytest.mark.parametrize(
    "target", [{"kind": "HTTPRoute", "target": "gone"}, {"kind": "Gateway", "target": "gone"}]
)
def test_a_policy_whose_target_is_not_there_does_nothing_and_is_reported(target):
    stray = policy("p", **target, **TIMES)
    assert read_limits(two, stray) == {"r/first": None, "r/second": None}
    assert "not_attached" in codes(openai(), two, stray)


@pytest.mark.parametrize("guard", ["csrf", "jwtAuthentication", "extAuth", "rateLimit", "directResponse"])
def test_nobody_serves_without_a_guard_that_a_manifest_asks_for(guard):
    guarded = policy("p", traffic={guard: {"mode": "Strict"}})
    [told] = [p for p in loaded(openai(), two, guarded).problems if p.code == "unsupported_guard"]
    assert told.severity == "warning"
    assert f"spec.traffic.{guard}" in told.message
    assert loaded(openai(), two, guarded, env={}, serving=True).plan is None


def test_a_plain_error_as_direct_response_is_a_deny_rule():
    closed = policy(
        "p", kind="HTTPRoute", target="r", traffic={"directResponse": {"status": 503, "body": "Closed."}}
    )
    answers = [route.answer for route in plan(openai(), two, closed).routes]
    assert [(answer.status, answer.message) for answer in answers if answer] == [(503, "Closed.")] * 2


def test_other_fields_are_reported_one_by_one_with_their_path():
    odd = policy("p", traffic={"cors": {"allowOrigins": ["*"]}, "shine": 1}, frontend={"tcp": {}})
    told = [p.message for p in loaded(openai(), two, odd).problems if p.code == "unsupported_field"]
    assert [
        any(path in text for text in told)
        for path in ("spec.traffic.cors", "spec.traffic.shine", "spec.frontend")
    ] == [True] * 3


def test_the_reference_of_a_filter_to_a_policy_is_accepted_and_said_to_do_nothing():
    ref = {"group": "gateway.kgateway.dev", "kind": "AgentgatewayPolicy", "name": "p"}
    filtered = http_route("r", rule(under("/"), filters=[{"type": "ExtensionRef", "extensionRef": ref}]))
    assert codes(openai(), filtered) == ["no_effect"]


def test_both_groups_of_the_gateway_are_known():
    old = policy("p", **TIMES) | {"apiVersion": "gateway.kgateway.dev/v1alpha1"}
    assert read_limits(two, old) == {"r/first": 5, "r/second": 5}


def test_kinds_of_our_groups_that_mean_nothing_here_are_reported_and_others_are_not():
    model = resource("AgentgatewayModel", "m", {})
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {}}
    assert codes(openai(), model, deployment) == ["unsupported_kind"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"traffic": {"phase": "PreRouting"}}, "can only target a Gateway"),
        ({"targetSelectors": [{"kind": "HTTPRoute", "matchLabels": {}}]}, "exactly one of the fields"),
        ({"traffic": {"timeouts": {}}}, "at least one of the fields"),
    ],
)
def test_what_the_schema_refuses_is_refused(spec, reason):
    found = loaded(openai(), two, policy("p", kind="HTTPRoute", target="r", **spec))
    assert any(reason in problem.message for problem in found.problems if problem.severity == "error")
