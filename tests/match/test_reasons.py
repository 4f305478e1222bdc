from typing import Any

import pytest

from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.decision import RuleTrace
from llmgw_middleware.model.place import Place
from llmgw_middleware.model.route import Match, ValueTest
from tests.match.asking import CHAT, Here, facts, match, route, user

FRANCE = Here(Place(country="FR", regions=frozenset({"EU", "EEA"}), source="database"))
LONG = "x" * 200

# A match, a request that it does not take, why with the value seen, why without.
REASONS: list[tuple[Match, dict[str, Any], str, str]] = [
    (match(CHAT), {"path": "/v1/embeddings"}, f"path is /v1/embeddings, not {CHAT}", f"path is not {CHAT}"),
    (match("/a", "/b/*"), {"path": "/c"}, "path is /c, not /a or under /b", "path is not /a or under /b"),
    (match("~/a+"), {"path": "/c"}, "path is /c, not matching '/a+'", "path is not matching '/a+'"),
    (match("/a"), {"path": "/" + LONG}, "path is /" + "x" * 79 + "…, not /a", "path is not /a"),
    (
        match(methods=("POST", "PUT")),
        {"method": "GET"},
        "method is GET, not POST or PUT",
        "method is not POST or PUT",
    ),
    (
        match(headers={"X-Beta-User": "true"}),
        {},
        "header x-beta-user is absent",
        "header x-beta-user is not 'true'",
    ),
    (
        match(headers={"x-beta-user": "true"}),
        {"headers": (("x-beta-user", "no"),)},
        "header x-beta-user is 'no', not 'true'",
        "header x-beta-user is not 'true'",
    ),
    (
        match(headers={"x": "c"}),
        {"headers": (("x", "a"), ("x", "b"))},
        "header x is 'a' and 'b', not 'c'",
        "header x is not 'c'",
    ),
    (match(headers={"x": ValueTest(present=True)}), {}, "header x is absent", "header x is absent"),
    (
        match(headers={"x": ValueTest(present=False)}),
        {"headers": (("x", "a"),)},
        "header x is present: 'a'",
        "header x is present",
    ),
    (
        match(headers={"authorization": "Bearer sk-rule"}),
        {"headers": (("authorization", "Bearer sk-caller"),)},
        "header authorization is ***, not ***",
        "header authorization is not ***",
    ),
    (
        match(headers={"cookie": ValueTest(regex="a=.*")}),
        {"headers": (("cookie", "sid=secret"),)},
        "header cookie is ***, which does not match ***",
        "header cookie does not match ***",
    ),
    (
        match(query={"access_token": "t-1"}),
        {"query": "access_token=t-2"},
        "query access_token is ***, not ***",
        "query access_token is not ***",
    ),
    (
        match(query={"model": "gpt-4"}),
        {"query": "model=o3"},
        "query model is 'o3', not 'gpt-4'",
        "query model is not 'gpt-4'",
    ),
    (
        match(user={"tier": "premium"}),
        {"identity": user(tier="free")},
        "user.tier is 'free', not 'premium'",
        "user.tier is not 'premium'",
    ),
    (match(user={"tier": "premium"}), {}, "user.tier is absent", "user.tier is not 'premium'"),
    (
        match(user={"groups": ValueTest(contains="staff")}),
        {"identity": user(groups=["a", "b"])},
        'user.groups is ["a","b"], which does not contain \'staff\'',
        "user.groups does not contain 'staff'",
    ),
    (
        match(body={"model": ValueTest(regex="gpt-.*")}),
        {"body": {"model": LONG}},
        "body.model is '" + "x" * 80 + "'…, which does not match 'gpt-.*'",
        "body.model does not match 'gpt-.*'",
    ),
    (
        match(body={"n": ValueTest(gte=1, lt=4)}),
        {"body": {"n": 7}},
        "body.n is 7, not less than 4",
        "body.n is not at least 1 or is not less than 4",
    ),
    (
        match(body={"model": "m"}),
        {"body": b"[]"},
        "body.model cannot be read: The request body is JSON but no object; send a JSON object.",
        "body.model is not 'm'",
    ),
    (match(country=("DE", "AT")), {"at": FRANCE}, "country is FR, not DE or AT", "country is not DE or AT"),
    (match(country=("DE",)), {}, "country is unknown, not DE", "country is not DE"),
    (match(region=("APAC",)), {"at": FRANCE}, "country is FR, in EEA, EU, not in APAC", "region is not APAC"),
    (match(region=("EU",)), {}, "country is unknown, so the region is not EU", "region is not EU"),
    (match(country_known=True), {}, "country is unknown", "country is unknown"),
    (match(country_known=False), {"at": FRANCE}, "country is FR, not unknown", "country is known"),
]
IDS = [row[2][:50] for row in REASONS]


def traced(table: RouteTable, **asked: Any) -> list[RuleTrace]:
    return list(table.select(facts(**asked), trace=True).rules)


@pytest.mark.parametrize(("matches", "asked", "reason", "fault"), REASONS, ids=IDS)
def test_a_trace_says_which_condition_failed_and_what_it_saw(matches, asked, reason, fault):
    [rule] = traced(RouteTable([route("r", matches)]), **asked)
    assert (rule.name, rule.matched, rule.reason) == ("r", False, reason)


@pytest.mark.parametrize(("matches", "asked", "reason", "fault"), REASONS, ids=IDS)
def test_a_condition_says_without_the_callers_value_what_it_asks(matches, asked, reason, fault):
    [condition] = [c for a in RouteTable([route("r", matches)])._alternatives[0] for c in a.conditions]
    assert condition.fault == fault


def test_a_miss_keeps_the_condition_and_words_it_when_asked():
    seen = facts(identity=user(tier="free"))
    [miss] = RouteTable([route("r", match(CHAT, user={"tier": "premium"}))]).misses(seen)
    assert (miss.route.name, miss.fault) == ("r", "user.tier is not 'premium'")
    assert miss.reason(seen) == "user.tier is 'free', not 'premium'"


def test_without_a_trace_no_reason_is_worded():
    assert RouteTable([route("r")]).select(facts()).rules == ()


def test_a_rule_that_matches_names_its_conditions():
    table = RouteTable(
        [
            route(
                "r",
                match(
                    CHAT,
                    methods=("POST",),
                    headers={"x-beta-user": "true"},
                    country=("FR",),
                    user={"tier": "p"},
                ),
            )
        ]
    )
    [rule] = traced(table, headers=(("x-beta-user", "true"),), at=FRANCE, identity=user(tier="p"))
    assert (rule.matched, rule.reason) == (
        True,
        "all conditions hold: path, method, header x-beta-user, user.tier, country",
    )


def test_the_default_route_and_one_without_conditions_say_so():
    assert traced(RouteTable([route("d", default=True)]))[0].reason == "default route"
    assert traced(RouteTable([route("r")]))[0].reason == "no conditions"


def test_a_trace_has_every_rule_in_order_also_those_on_other_paths():
    table = RouteTable(
        [
            route("default", default=True),
            route("later", match(CHAT), priority=200),
            route("elsewhere", match("/v1/embeddings"), priority=1),
            route("premium", match(CHAT, user={"tier": "premium"})),
            route("chat", match("/v1/*")),
        ]
    )
    assert [(rule.name, rule.priority, rule.matched, rule.reason) for rule in traced(table)] == [
        ("elsewhere", 1, False, f"path is {CHAT}, not /v1/embeddings"),
        ("premium", 100, False, "user.tier is absent"),
        ("chat", 100, True, "all conditions hold: path"),
        ("later", 200, False, "not reached: chat came first"),
        ("default", 100, False, "not reached: chat came first"),
    ]


def test_of_several_alternatives_each_says_why_not():
    [rule] = traced(
        RouteTable([route("r", match(query={"a": "1"}), match(headers={"b": "2"}), match(query={"a": "1"}))])
    )
    assert rule.reason == "query a is absent; or: header b is absent"


def test_the_alternative_that_holds_is_named():
    [rule] = traced(RouteTable([route("r", match(query={"a": "1"}), match(CHAT))]))
    assert (rule.matched, rule.reason) == (True, "all conditions hold: path")
