"""Transforms before routing, on a route, and on answers, over the whole gateway."""

import json
import sys

import pytest

from llmgw_middleware.testing.streams import stream as streamed
from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, chat
from tests.gateway.asking import ALICE, PATH, ask, backend, endpoint_of, error_of, gateway, header

BODY = {"model": "gpt-4o", "messages": [], "metadata": {"team": "search"}}


def by_header(url, *, before, name="x-model", value="gpt-4o"):
    """Seed 002: a header taken from the body chooses the rule."""
    routes = [
        {"name": "chosen", "path": PATH, "headers": {name: value}, "backend": "one"},
        {"name": "other", "path": PATH, "backend": "one"},
    ]
    return {
        "gateway": {"transform": {"request": before}},
        "routes": routes,
        "backends": [backend("one", url)],
    }


def on_route(url, transform):
    """One rule with a transform."""
    route = {"name": "only", "path": PATH, "backend": "one", "transform": transform}
    return {"routes": [route], "backends": [backend("one", url)]}


def to_address(url, **route):
    """One rule to a plain address, before which the gateway is a reverse proxy."""
    where = url.removeprefix("http://")
    return {"routes": [{"name": "only", "path": PATH, "backend": where, **route}]}


@pytest.fixture
def upstream():
    with ScriptedUpstream() as up:
        up.default(chat("hello"))
        yield up


def sent(upstream):
    [request] = upstream.requests
    return request


async def route_of(gw, **asked):
    decision = (await ask(gw, **asked)).decision
    assert decision is not None
    return decision.route


async def test_a_header_made_of_the_body_chooses_the_rule_and_stays_here(upstream):
    before = {"set": [{"name": "x-model", "value": "json(request.body).model"}]}
    async with gateway(by_header(upstream.url, before=before)) as gw:
        assert await route_of(gw, body=BODY) == "chosen"
    assert sent(upstream).header("x-model") is None


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"messages":[]}'], ids=["no JSON", "no object", "no model"])
async def test_a_caller_cannot_smuggle_a_header_by_making_its_expression_fail(upstream, body):
    before = {"set": [{"name": "x-model", "value": "json(request.body).model"}]}
    async with gateway(by_header(upstream.url, before=before)) as gw:
        told = await ask(gw, body=body, headers={"X-Model": "gpt-4o"})
        assert told.decision is not None
        assert told.decision.route == "other"
        assert gw.snapshot.failures == {"gateway.transform": 1}


BEFORE = {
    "add puts a line behind those that are there": (
        {"add": [{"name": "x-a", "value": "'2'"}]},
        {"x-a": "1"},
        "2",
    ),
    "set overwrites": ({"set": [{"name": "x-a", "value": "'2'"}]}, {"x-a": "1"}, "2"),
    "remove comes last": (
        {"set": [{"name": "x-a", "value": "'2'"}], "remove": ["x-a"]},
        {},
        {"present": False},
    ),
    "numbers are spelled": ({"set": [{"name": "x-a", "value": "1 + 1"}]}, {}, "2"),
    "truth is spelled": ({"set": [{"name": "x-a", "value": "1 < 2"}]}, {}, "true"),
    "a list has a line for each item": ({"set": [{"name": "x-a", "value": "['1', '2']"}]}, {}, "2"),
    "a map is no header": ({"set": [{"name": "x-a", "value": "{'a': 1}"}]}, {"x-a": "1"}, {"present": False}),
    "a line break is no header": (
        {"set": [{"name": "x-a", "value": "'a\\r\\nx-b: 1'"}]},
        {},
        {"present": False},
    ),
    "a control character is no header": (
        {"set": [{"name": "x-a", "value": "'a\\u0001b'"}]},
        {"x-a": "1"},
        {"present": False},
    ),
    "replace takes only what can be a name": (
        {"replace": "{'x-a': '1', 'x-b: 2\\r\\nx-c': '2', '': '3'}"},
        {},
        "1",
    ),
    "replace leaves nothing of the caller's": ({"replace": "{'x-b': '1'}"}, {"x-a": "1"}, {"present": False}),
    "metadata is there for what comes later": (
        {"metadata": {"n": "body.model"}, "set": [{"name": "x-a", "value": "metadata.n"}]},
        {},
        "gpt-4o",
    ),
}


@pytest.mark.parametrize(("before", "headers", "wanted"), BEFORE.values(), ids=BEFORE)
async def test_before_routing(upstream, before, headers, wanted):
    config = by_header(upstream.url, before=before, name="x-a", value=wanted)
    async with gateway(config) as gw:
        assert await route_of(gw, body=BODY, headers=headers) == "chosen"


async def test_what_the_transform_before_routing_noted_is_there_for_conditions(upstream):
    config = by_header(upstream.url, before={"metadata": {"big": "size(body.messages) > 3"}})
    config["routes"][0] = {"name": "chosen", "path": PATH, "when": "!metadata.big", "backend": "one"}
    async with gateway(config) as gw:
        assert await route_of(gw, body=BODY) == "chosen"


async def test_a_path_that_is_set_before_routing_chooses_and_is_not_sent(upstream):
    config = by_header(upstream.url, before={"set": [{"name": ":path", "value": "'/v1/' + user.tier"}]})
    config["routes"][0] = {"name": "chosen", "path": "/v1/free", "backend": "one"}
    config["gateway"]["paths"] = ["/v1/*"]
    async with gateway(config) as gw:
        assert await route_of(gw, body=BODY, who=ALICE) == "chosen"
    assert sent(upstream).path == PATH


async def test_a_body_that_is_changed_before_routing_is_matched_and_sent(upstream):
    config = by_header(upstream.url, before={"bodySet": [{"field": "model", "value": "'small'"}]})
    config["routes"][0] = {"name": "chosen", "path": PATH, "body": {"model": "small"}, "backend": "one"}
    async with gateway(config) as gw:
        assert await route_of(gw, body=BODY) == "chosen"
    assert sent(upstream).json["model"] == "small"


async def test_headers_of_a_routes_transform_are_sent_upstream(upstream):
    request = {
        "set": [
            {"name": "X-Team", "value": "body.metadata.team"},
            {"name": "x-route", "value": "route.name"},
            {"name": "x-gone", "value": "body.nothing"},
        ],
        "add": [{"name": "x-tier", "value": "user.tier"}],
    }
    async with gateway(on_route(upstream.url, {"request": request})) as gw:
        await ask(gw, body=BODY, who=ALICE, headers={"x-gone": "mine"})
    got = [sent(upstream).header(name) for name in ("x-team", "x-route", "x-tier", "x-gone")]
    assert got == ["search", "only", "free", None]


async def test_a_reverse_proxy_passes_on_no_header_that_the_route_removes(upstream):
    config = to_address(upstream.url, transform={"request": {"remove": ["idempotency-key"]}})
    async with gateway(config) as gw:
        await ask(gw, body=BODY, headers={"idempotency-key": "1"})
    assert sent(upstream).header("idempotency-key") is None


async def test_fields_of_the_body_are_set_and_removed_on_the_way_upstream(upstream):
    request = {
        "bodySet": [
            {"field": "model", "value": "body.model + '-mini'"},
            {"field": "metadata.tier", "value": "user.tier"},
            {"field": "user", "value": "hash(user.id)"},
            {"field": "seed", "value": "body.nothing"},
        ],
        "bodyRemove": ["metadata.team"],
    }
    async with gateway(on_route(upstream.url, {"request": request})) as gw:
        await ask(gw, body={**BODY, "seed": 1}, who=ALICE)
    body = sent(upstream).json
    assert body == {
        "model": "gpt-4o-mini",
        "messages": [],
        "metadata": {"tier": "free"},
        "user": body["user"],
    }
    assert type(body["user"]) is int


async def test_a_whole_body_is_made_by_an_expression(upstream):
    request = {"body": "body.merge({'temperature': 0.5})"}
    async with gateway(on_route(upstream.url, {"request": request})) as gw:
        await ask(gw, body=BODY)
    assert sent(upstream).json == {**BODY, "temperature": 0.5}


async def test_a_body_that_cannot_be_made_is_refused(upstream):
    async with gateway(on_route(upstream.url, {"request": {"body": "body.nothing"}})) as gw:
        told = await ask(gw, body=BODY)
    assert (told.status, error_of(told)["code"]) == (400, "transform_failed")
    assert upstream.requests == []


DEPTH = 900 if sys.version_info < (3, 12) else 3000
"""Deep enough for a change to fail; a body that is deeper by far cannot be read at all."""
DEEP = b'{"model":"gpt-4o","messages":[],"x":' + b"[" * DEPTH + b"]" * DEPTH + b"}"


@pytest.mark.parametrize(
    "transform",
    [
        {"request": {"set": [{"name": "x-a", "value": "body.x"}]}},
        {"request": {"bodySet": [{"field": "y", "value": "body.x"}]}},
        {"response": {"set": [{"name": "x-a", "value": "body.x"}]}},
    ],
    ids=["header", "field of the body", "header of the answer"],
)
async def test_what_is_nested_too_deeply_for_a_change_is_left_out(upstream, transform):
    async with gateway(on_route(upstream.url, transform)) as gw:
        answer = await ask(gw, body=DEEP)
    assert (answer.status, header(answer, "x-a"), sent(upstream).header("x-a")) == (200, None, None)


async def test_a_body_made_of_what_is_nested_too_deeply_is_refused(upstream):
    async with gateway(on_route(upstream.url, {"request": {"body": "body.merge({'y': 1})"}})) as gw:
        answer = await ask(gw, body=DEEP)
    assert (answer.status, error_of(answer)["code"]) == (400, "transform_failed")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_request_that_fails_behind_its_answer_is_settled_once_and_lets_go(upstream, stream):
    upstream.default(streamed("hel", "lo") if stream else chat("hello"))
    doubled = b'{"model":"m","messages":[],"stream":%b,"x":1,"x":2}' % json.dumps(stream).encode()
    config = on_route(upstream.url, {"response": {"set": [{"name": "x-a", "value": "body.x"}]}})
    async with gateway(config) as gw:
        answer = await ask(gw, body=doubled)
        assert (answer.status, error_of(answer)["code"]) == (400, "duplicate_key")
        assert (len(gw.recorder), endpoint_of(gw).in_flight) == (1, 0)


async def test_answers_are_changed_by_the_route_and_then_by_the_gateway(upstream):
    response = {
        "set": [{"name": "x-code", "value": "response.code"}, {"name": "x-by", "value": "'route'"}],
        "remove": ["openai-version"],
    }
    config = on_route(upstream.url, {"response": response})
    config["gateway"] = {
        "transform": {"response": {"set": [{"name": "x-by", "value": "'gateway of ' + backend.name"}]}}
    }
    async with gateway(config) as gw:
        told = await ask(gw, body=BODY)
    assert (header(told, "x-code"), header(told, "x-by")) == ("200", "gateway of one")


async def test_an_answer_sees_what_the_request_noted(upstream):
    transform = {
        "request": {"metadata": {"team": "body.metadata.team"}},
        "response": {"set": [{"name": "x-team", "value": "metadata.team"}]},
    }
    async with gateway(on_route(upstream.url, transform)) as gw:
        assert header(await ask(gw, body=BODY), "x-team") == "search"


async def test_a_field_that_only_rules_read_is_not_sent(upstream):
    """Seed 002's ``priority``."""
    config = on_route(upstream.url, {})
    config["routes"][0]["when"] = 'default(body.priority, "none") != "never"'
    async with gateway(config) as gw:
        await ask(gw, body={**BODY, "priority": "high", "temperature": 1})
    assert sent(upstream).json == {**BODY, "temperature": 1}


async def test_a_field_that_no_rule_reads_is_sent_whatever_it_is(upstream):
    async with gateway(on_route(upstream.url, {})) as gw:
        await ask(gw, body={**BODY, "priority": "high"})
    assert sent(upstream).json == {**BODY, "priority": "high"}


async def test_a_plain_address_gets_every_field(upstream):
    config = to_address(upstream.url, body={"priority": "high"})
    async with gateway(config) as gw:
        await ask(gw, body={**BODY, "priority": "high"})
    assert json.loads(sent(upstream).body)["priority"] == "high"


async def test_a_field_that_only_rules_read_is_not_called_unsupported_by_another_dialect():
    """Seed 002: one chat path, backends of two dialects, and a ``priority`` that neither knows."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    with ScriptedUpstream() as up:
        up.default(answer(200, json=message))
        config = on_route(up.url, {})
        config["backends"] = [backend("one", up.url, provider="anthropic")]
        config["routes"][0]["body"] = {"priority": "high"}
        body = {"model": "claude-x", "messages": [{"role": "user", "content": "hi"}], "priority": "high"}
        async with gateway(config) as gw:
            told = await ask(gw, body=body)
        assert told.status == 200, told.body
        assert "priority" not in sent(up).json


async def test_a_request_without_a_body_is_given_none(upstream):
    before = {"bodySet": [{"field": "a", "value": "1"}], "body": "{'a': 1}"}
    async with gateway(by_header(upstream.url, before=before)) as gw:
        listed = await ask(gw, path="/v1/models", method="GET", body=b"")
    assert listed.status == 200
