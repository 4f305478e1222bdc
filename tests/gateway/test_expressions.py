"""``when`` and sticky keys by expression, over the whole gateway."""

import asyncio
import json

import pytest

from llmgw_middleware.model.identity import Identity
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat
from tests.gateway.asking import ALICE, BOB, PATH, ask, backend, error_of, gateway

PREMIUM_GPT = 'user.tier == "premium" && body.model.startsWith("gpt-")'


def two_ways(when, url, *, deny=False):
    """A rule with a condition before one without."""
    first = {"name": "first", "path": PATH, "when": when}
    first |= {"respond": {"status": 403, "code": "blocked"}} if deny else {"backend": "one"}
    rest = {"name": "rest", "path": PATH, "backend": "one"}
    return {"routes": [first, rest], "backends": [backend("one", url)]}


@pytest.fixture
def upstream():
    with ScriptedUpstream() as up:
        up.default(chat("hello"))
        yield up


async def route_taken(gw, **asked):
    answer = await ask(gw, **asked)
    assert answer.decision is not None
    return answer.decision.route, answer.status


@pytest.mark.parametrize(
    ("who", "model", "route"),
    [(BOB, "gpt-4o", "first"), (BOB, "claude-3", "rest"), (ALICE, "gpt-4o", "rest")],
    ids=["both hold", "the body does not", "the user does not"],
)
async def test_one_expression_sees_the_body_and_the_user(upstream, who, model, route):
    async with gateway(two_ways(PREMIUM_GPT, upstream.url)) as gw:
        assert await route_taken(gw, body={"model": model, "messages": []}, who=who) == (route, 200)


FALSE_BY_ERROR = {
    "a missing field": ("body.metadata.team == 'a'", {"model": "m", "messages": []}),
    "a missing attribute": ("user.plan == 'a'", {"model": "m", "messages": []}),
    "a wrong type": ("body.model > 3", {"model": "m", "messages": []}),
    "no bool": ("body.model", {"model": "m", "messages": []}),
    "a division by zero": ("1 / size(body.messages) > 0", {"model": "m", "messages": []}),
    "an unknown country": ('!inRegion("EU")', {"model": "m", "messages": []}),
}


@pytest.mark.parametrize(("when", "body"), FALSE_BY_ERROR.values(), ids=FALSE_BY_ERROR)
async def test_a_condition_that_has_no_value_does_not_hold_and_is_counted(upstream, when, body):
    async with gateway(two_ways(when, upstream.url)) as gw:
        assert await route_taken(gw, body=body) == ("rest", 200)
        assert list(gw.snapshot.failures.values()) == [1]


@pytest.mark.parametrize(("when", "body"), FALSE_BY_ERROR.values(), ids=FALSE_BY_ERROR)
async def test_nobody_gets_past_a_deny_rule_by_making_it_fail(upstream, when, body):
    async with gateway(two_ways(when, upstream.url, deny=True)) as gw:
        assert await route_taken(gw, body=body) == ("first", 403)


async def test_a_deny_rule_lets_pass_what_it_is_not_about(upstream):
    async with gateway(two_ways('body.model == "o1"', upstream.url, deny=True)) as gw:
        assert await route_taken(gw, body={"model": "gpt-4o", "messages": []}) == ("rest", 200)


DEEP = b'{"model":"m","messages":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BODIES = {
    "no JSON": (b'{"model": ', 400, "invalid_json"),
    "no object": (b"[1]", 400, "invalid_json"),
    "nothing": (b"", 400, "invalid_json"),
    "100,000 deep, read": (DEEP, 400, "json_too_deep"),
    "a doubled key": (b'{"model":"a","model":"b","messages":[]}', 400, "duplicate_key"),
    "a doubled key far below": (
        b'{"model":"a","messages":[],"x":{"y":[{"z":1,"z":2}]}}',
        400,
        "duplicate_key",
    ),
}


@pytest.mark.parametrize(("body", "status", "code"), BODIES.values(), ids=BODIES)
async def test_a_body_that_no_rule_can_trust_is_refused_by_name(upstream, body, status, code):
    config = two_ways('body.model == "a" && size(body.x) > 5', upstream.url)
    async with gateway(config) as gw:
        answer = await ask(gw, body=body)
    assert (answer.status, error_of(answer)["code"]) == (status, code)
    assert upstream.requests == []


async def test_a_megabyte_is_routed_by_its_model(upstream):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 1_000_000}]}
    async with gateway(two_ways(PREMIUM_GPT, upstream.url)) as gw:
        assert await route_taken(gw, body=body, who=BOB) == ("first", 200)


HOSTILE = {
    "loops over the caller's list": "body.l.exists(a, body.l.exists(b, body.l.exists(c, a + b + c < 0)))",
    "strings that double": "body.s.with(a, a + a)"
    + "".join(f".with({name}, {name} + {name})" for name in "bcdefghijklmnopqrstuvwxyz")
    + ' == "x"',
    "lists that double": "body.l.with(a, a + a)"
    + "".join(f".with({name}, {name} + {name})" for name in "bcdefghijklmnopqrstuvwxyz")
    + " == [1]",
    "a regex that backtracks elsewhere": 'body.l.exists(x, body.s.matches("(a+)+$"))',
    "membership in a long list": "body.l.exists(a, -1 in body.l)",
    "equality of long lists": "body.l.exists(a, body.l == body.l && a < 0)",
    "long strings, split": 'body.l.exists(a, size(body.s.split("")) < 0)',
}


@pytest.mark.parametrize("when", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_body_makes_an_expression_fail_and_nothing_else(upstream, when):
    body = {"model": "m", "messages": [], "l": list(range(5000)), "s": "a" * 100_000 + "!"}
    async with gateway(two_ways(when, upstream.url)) as gw:
        assert await route_taken(gw, body=body) == ("rest", 200)
        assert list(gw.snapshot.failures.values()) == [1]


async def test_hostile_requests_at_once_keep_nobody_else_from_being_served(upstream):
    hostile = {"model": "m", "messages": [], "l": list(range(5000)), "s": "a"}
    async with gateway(two_ways(HOSTILE["loops over the caller's list"], upstream.url)) as gw:
        asked = [hostile, {"model": "m", "messages": [], "l": [-1]}] * 4
        taken = await asyncio.gather(*(route_taken(gw, body=body) for body in asked))
    assert taken == [("rest", 200), ("first", 200)] * 4


async def test_a_sticky_key_by_expression_keeps_a_thread_on_one_side(upstream):
    sides = [{"backend": "one", "weight": 50}, {"backend": "two", "weight": 50}]
    route = {"path": PATH, "backends": sides, "sticky": "user.id + '/' + body.metadata.thread"}
    config = {"routes": [route], "backends": [backend("one", upstream.url), backend("two", upstream.url)]}
    async with gateway(config) as gw:
        asked = [{"model": "m", "messages": [], "metadata": {"thread": t}} for t in ("1", "1", "2")]
        splits = [(await ask(gw, body=body, who=ALICE)).decision for body in asked]
    keys = [split.split.key for split in splits if split is not None and split.split is not None]
    assert keys == ["alice/1", "alice/1", "alice/2"]


async def test_a_sticky_key_without_a_value_leaves_it_to_chance(upstream):
    sides = [{"backend": "one", "weight": 1}, {"backend": "two", "weight": 0}]
    route = {"path": PATH, "backends": sides, "sticky": "body.metadata.thread"}
    config = {"routes": [route], "backends": [backend("one", upstream.url), backend("two", upstream.url)]}
    async with gateway(config) as gw:
        decision = (await ask(gw)).decision
    assert decision is not None
    assert decision.split is not None
    assert decision.split.key is None


async def test_callers_are_shown_the_models_of_the_rules_that_their_attributes_open(upstream):
    routes = [
        {"name": "gold", "path": PATH, "backend": "one", "models": ["gold-1"], "when": PREMIUM_GPT},
        {"name": "iron", "path": PATH, "backend": "one", "models": ["iron-1"], "when": 'user.tier == "free"'},
    ]
    async with gateway({"routes": routes, "backends": [backend("one", upstream.url)]}) as gw:
        listed = [await ask(gw, path="/v1/models", method="GET", body=b"", who=who) for who in (ALICE, BOB)]
    assert [[m["id"] for m in json.loads(answer.body)["data"]] for answer in listed] == [
        ["iron-1"],
        ["gold-1"],
    ]


async def test_chance_and_time_come_from_the_gateway(upstream):
    when = 'random() < 1.0 && now > timestamp("2020-01-01T00:00:00Z") && size(uuid()) == 36'
    async with gateway(two_ways(when, upstream.url)) as gw:
        assert await route_taken(gw) == ("first", 200)


async def test_who_calls_is_asked_where_an_expression_alone_needs_it(upstream):
    async with gateway(two_ways(PREMIUM_GPT, upstream.url)) as gw:
        assert gw.uses_identity
    async with gateway(two_ways('body.model == "x"', upstream.url)) as gw:
        assert not gw.uses_identity


async def test_a_user_of_the_hosts_own_types_is_understood(upstream):
    class Text(str):
        __slots__ = ()

    who = Identity(id="x", attributes={"tier": Text("premium"), "groups": {"a", "b"}}, source="session")
    async with gateway(two_ways('user.tier == "premium" && "a" in user.groups', upstream.url)) as gw:
        assert await route_taken(gw, who=who) == ("first", 200)
