"""Transformations, header filters and authorization, from manifests to what is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from llmgw_middleware.build import build_gateway
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat
from tests.config.manifests.kube import codes, http_route, loaded, openai, plan, policy, rule, under
from tests.gateway.asking import ask, error_of, header

CHAT = "/v1/chat/completions"


def named(puts):
    return {put.name: put.value.text for put in puts}


def setting(name: str, value: str, **more: Any) -> dict[str, Any]:
    return {"transformation": {"request": {"set": [{"name": name, "value": value}]}}, **more}


@pytest.fixture
def upstream():
    with ScriptedUpstream() as running:
        running.default(chat("hi"))
        yield running


@asynccontextmanager
async def running(upstream: ScriptedUpstream, *documents: Any) -> AsyncIterator[Gateway]:
    """A gateway of manifests whose plain backend is the upstream."""
    own = {"backends": [{"name": "echo", "url": upstream.url}]}
    made = build_gateway([*documents, own], env={})
    try:
        yield made
    finally:
        await made.aclose()


def to_echo(*matches: Any, **more: Any) -> dict[str, Any]:
    return {"matches": list(matches), "backendRefs": [{"name": "echo", "port": 80}], **more}


def test_policies_before_routing_all_run_in_the_order_of_their_names():
    made = plan(
        openai(),
        http_route("r", rule(under("/"))),
        policy("b", traffic=setting("x-b", "'2'", phase="PreRouting")),
        policy("a", traffic=setting("x-a", "'1'", phase="PreRouting")),
    )
    assert list(named(made.before_routing.set).items()) == [("x-a", "'1'"), ("x-b", "'2'")]


def test_a_policy_before_routing_whose_gateway_is_not_there_does_not_run():
    stray = policy("a", target="gone", traffic=setting("x-a", "'1'", phase="PreRouting"))
    made = plan(openai(), http_route("r", rule(under("/"))), stray)
    assert made.before_routing.set == ()


def test_of_transformations_after_routing_the_narrowest_is_applied():
    wide = policy("a", traffic=setting("x-a", "'gateway'"))
    narrow = policy("b", kind="HTTPRoute", target="r", traffic=setting("x-a", "'route'"))
    made = plan(
        openai(), http_route("r", rule(under("/r"))), http_route("s", rule(under("/s"))), wide, narrow
    )
    assert {route.name: named(route.transform.request.set) for route in made.routes} == {
        "r": {"x-a": "'route'"},
        "s": {"x-a": "'gateway'"},
    }


def test_a_pseudo_header_after_routing_is_reported():
    odd = policy("a", kind="HTTPRoute", target="r", traffic=setting(":path", "'/x'"))
    assert codes(openai(), http_route("r", rule(under("/"))), odd) == ["unsupported_field"]


def test_an_expression_that_is_wrong_is_told_at_its_place():
    odd = policy("a", kind="HTTPRoute", target="r", traffic=setting("x", "1 +"))
    [problem] = loaded(openai(), http_route("r", rule(under("/"))), odd).errors
    assert (problem.code, problem.file) == (
        "bad_expression",
        "[2].spec.traffic.transformation.request.set[0].value",
    )


async def test_header_filters_reach_the_upstream_and_the_caller(upstream):
    request = {
        "set": [{"name": "X-Set", "value": 'a "quoted" text'}],
        "add": [{"name": "X-Add", "value": "2"}],
        "remove": ["Accept"],
    }
    response = {"set": [{"name": "X-Told", "value": "yes"}], "remove": ["Content-Type"]}
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": request},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": response},
    ]
    route = http_route("r", to_echo(under("/"), filters=filters))
    async with running(upstream, route) as gw:
        sent = {"x-add": "1", "x-set": "old", "accept": "text/x"}
        told = await ask(gw, path="/echo", method="POST", headers=sent)
    [seen] = upstream.requests
    assert seen.header("x-set") == 'a "quoted" text'
    assert [value for name, value in seen.headers if name == b"x-add"] == [b"1", b"2"]
    assert seen.header("accept") is None
    assert (header(told, "x-told"), header(told, "content-type")) == ("yes", None)


K, A, B = (f"request.headers['x-{name}'] == '1'" for name in "kab")
ASKED = [
    ("Allow", [K], {"x-k": "1"}, 200),
    ("Allow", [K], {"x-k": "2"}, 403),
    ("Allow", [K], {}, 403),
    ("Allow", [A, B], {"x-a": "0", "x-b": "1"}, 200),
    ("Require", [A, B], {"x-b": "1"}, 403),
    ("Require", [A, B], {"x-a": "1", "x-b": "1"}, 200),
    ("Deny", [K], {"x-k": "1"}, 403),
    ("Deny", [K], {"x-k": "2"}, 200),
    ("Deny", [K], {}, 403),
    ("Deny", ["'x-k' in request.headers"], {}, 200),
]
"""Action, expressions, what is sent, and the status; an expression that fails denies."""


@pytest.mark.parametrize("target", [("Gateway", "proxy"), ("HTTPRoute", "r")], ids=lambda target: target[0])
@pytest.mark.parametrize("asked", ASKED)
async def test_authorization_keeps_out_whom_it_does_not_admit(asked, target, upstream):
    action, expressions, sent, status = asked
    words = {"action": action, "policy": {"matchExpressions": expressions}}
    guard = policy("p", kind=target[0], target=target[1], traffic={"authorization": words})
    async with running(upstream, http_route("r", to_echo(under("/"))), guard) as gw:
        told = await ask(gw, path="/echo", headers=sent)
    assert told.status == status
    assert status == 200 or error_of(told)["code"] == "not_authorized"
    assert len(upstream.requests) == (status == 200)


@pytest.mark.parametrize(
    "asked", [{}, {"conditional": []}, {"policy": {"matchExpressions": []}}, {"action": "Ask"}]
)
def test_nobody_serves_with_an_authorization_that_is_not_understood(asked):
    guard = policy("p", kind="HTTPRoute", target="r", traffic={"authorization": asked})
    assert loaded(openai(), http_route("r", rule(under("/"))), guard, serving=True).plan is None


def test_every_authorization_over_a_rule_is_asked():
    def guard(name: str, **target: str) -> dict[str, Any]:
        asked = {"policy": {"matchExpressions": ["true"]}}
        return policy(name, traffic={"authorization": asked}, **target)

    made = plan(
        openai(), http_route("r", rule(under("/"))), guard("a"), guard("b", kind="HTTPRoute", target="r")
    )
    assert [route.name for route in made.routes] == ["r/authorization", "r/authorization-2", "r"]
