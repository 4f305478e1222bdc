from typing import Any

import pytest

from llmgw_middleware.errors import BadRequest
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.identity import ANONYMOUS
from llmgw_middleware.model.place import Place
from llmgw_middleware.model.route import Match, Route, ValueTest
from tests.match.asking import CHAT, Here, facts, match, route, user

GERMANY = Here(Place(country="DE", regions=frozenset({"EU", "EEA"}), source="header"))
ABSENT, PRESENT = ValueTest(present=False), ValueTest(present=True)


def chosen(routes: list[Route], *asked: Any, **rest: Any) -> str | None:
    found = RouteTable(routes).select(facts(*asked, **rest)).route
    return None if found is None else found.name


def test_the_lower_priority_number_comes_first_then_the_order_of_declaration():
    routes = [route("c"), route("b", priority=5), route("d"), route("a", priority=-1)]
    assert [r.name for r in RouteTable(routes).routes] == ["a", "b", "c", "d"]
    assert chosen(routes) == "a"


def test_the_default_route_sorts_last_whatever_its_priority():
    routes = [
        route("default", default=True, priority=0),
        route("late", match(user={"tier": "premium"}), priority=900),
    ]
    assert chosen(routes, identity=user(tier="premium")) == "late"
    assert chosen(routes) == "default"


def test_order_holds_across_exact_prefix_pattern_and_no_path():
    kinds = {"exact": CHAT, "prefix": "/v1/*", "deep": "/v1/chat/*", "pattern": "~/v1/.*", "root": "//*"}
    for first in kinds:
        routes = [
            route(name, match(paths), priority=1 if name == first else 2) for name, paths in kinds.items()
        ]
        assert chosen([route("any", priority=3), *routes]) == first


@pytest.mark.parametrize(
    ("paths", "matching", "other"),
    [
        ("/api/chat", ["/api/chat"], ["/api/chat/", "/api/chatx", "/api", "/API/chat"]),
        (
            "/api/chat/*",
            ["/api/chat", "/api/chat/", "/api/chat/x", "/api/chat//x"],
            ["/api/chatx", "/api", "/x/api/chat"],
        ),
        ("//*", ["", "/", "/x"], []),
        ("~/api/v[0-9]+", ["/api/v1", "/api/v22"], ["/api/v", "/api/v1/", "/x/api/v1"]),
    ],
)
def test_paths_match_whole_by_segments_or_by_pattern(paths, matching, other):
    routes = [route("r", match(paths))]
    assert [path for path in (*matching, *other) if chosen(routes, path=path)] == matching


def test_several_paths_are_alternatives():
    routes = [route("r", match("/a", "/b/*", "~/c+"))]
    assert [chosen(routes, path=path) for path in ("/a", "/b/x", "/ccc", "/d")] == ["r", "r", "r", None]


def test_a_path_met_twice_by_one_rule_is_considered_once():
    table = RouteTable([route("r", match("/a", "//*", "~/a", headers={"x": "1"}))])
    assert len(table.misses(facts(path="/a"))) == 1


def test_a_path_longer_than_every_prefix_is_matched_and_not_walked():
    deep = "/v1" + "/x" * 50_000
    assert chosen([route("r", match("/v1/*"))], path=deep) == "r"
    assert chosen([route("r", match("/v1/*"))], path="/w" + deep) is None


def test_matches_are_alternatives_and_their_conditions_all_hold():
    routes = [route("r", match(headers={"a": "1", "b": "2"}), match(query={"c": "3"}))]
    assert chosen(routes, headers=(("a", "1"), ("b", "2"))) == "r"
    assert chosen(routes, query="c=3") == "r"
    assert chosen(routes, headers=(("a", "1"),)) is None


def test_a_rule_without_alternatives_never_matches():
    assert chosen([Route(name="none", matches=(), target="t"), route("r")]) == "r"


HOLDS = [
    pytest.param(
        match(headers={"X-Beta-User": "true"}), {"headers": (("x-beta-user", "true"),)}, id="header"
    ),
    pytest.param(match(headers={"x": "b"}), {"headers": (("x", "a"), ("x", "b"))}, id="any-line"),
    pytest.param(match(headers={"x": ABSENT}), {}, id="header-absent"),
    pytest.param(match(headers={"x": PRESENT}), {"headers": (("x", ""),)}, id="header-present"),
    pytest.param(match(query={"model": "gpt-4"}), {"query": "model=gpt-4&model=x"}, id="first-value"),
    pytest.param(match(query={"model": ABSENT}), {"query": "mode=1"}, id="query-absent"),
    pytest.param(match(query={"debug": PRESENT}), {"query": "debug"}, id="query-present"),
    pytest.param(match(body={"model": ValueTest(regex="gpt-.*")}), {"body": {"model": "gpt-4o"}}, id="body"),
    pytest.param(
        match(body={"metadata.team": "search"}), {"body": {"metadata": {"team": "search"}}}, id="body-path"
    ),
    pytest.param(
        match(body={"messages.0.role": "system"}),
        {"body": {"messages": [{"role": "system"}]}},
        id="body-item",
    ),
    pytest.param(match(body={"n": ValueTest(gt=2)}), {"body": {"n": 3}}, id="body-number"),
    pytest.param(match(body={"user": PRESENT}), {"body": {"user": None}}, id="null-is-present"),
    pytest.param(match(body={"user": ABSENT}), {"body": {}}, id="body-absent"),
    pytest.param(match(user={"tier": "premium"}), {"identity": user(tier="premium")}, id="user"),
    pytest.param(
        match(user={"groups": ValueTest(contains="staff")}), {"identity": user(groups=["staff"])}, id="group"
    ),
    pytest.param(match(user={"id": PRESENT}), {"identity": user()}, id="id"),
    pytest.param(match(user={"id": ABSENT}), {}, id="anonymous"),
    pytest.param(match(user={"authenticated": "true"}), {"identity": user()}, id="authenticated"),
    pytest.param(match(user={"authenticated": False}), {}, id="not-authenticated"),
    pytest.param(match(country=("FR", "de")), {"at": GERMANY}, id="country"),
    pytest.param(match(region=("APAC", "EU")), {"at": GERMANY}, id="region"),
    pytest.param(match(country_known=True), {"at": GERMANY}, id="country-known"),
    pytest.param(match(country_known=False), {}, id="country-unknown"),
    pytest.param(match(methods=("get", "POST")), {"method": "POST"}, id="method"),
    pytest.param(match(methods=("GET",)), {"method": "HEAD"}, id="head-follows-get"),
]
FAILS = [
    pytest.param(
        match(headers={"x": "a,b"}), {"headers": (("x", "a"), ("x", "b"))}, id="lines-are-not-joined"
    ),
    pytest.param(match(headers={"x": "a"}), {"headers": (("x", "a,b"),)}, id="commas-are-not-split"),
    pytest.param(match(headers={"x-tier": "p"}), {"headers": (("x_tier", "p"),)}, id="underscore"),
    pytest.param(match(headers={"x_tier": "p"}), {"headers": (("x_tier", "p"),)}, id="underscore-asked"),
    pytest.param(match(headers={"x": ABSENT}), {"headers": (("x", ""),)}, id="header-present"),
    pytest.param(match(query={"m": "b"}), {"query": "m=a&m=b"}, id="second-value"),
    pytest.param(match(body={"model": ValueTest(regex=".*")}), {"body": {}}, id="missing-field"),
    pytest.param(match(body={"user": ABSENT}), {"body": {"user": None}}, id="null-is-not-absent"),
    pytest.param(match(body={"a.b": "x"}), {"body": {"a.b": "x"}}, id="a-dot-is-a-step"),
    pytest.param(match(body={"n": ValueTest(gt=2)}), {"body": {"n": "3"}}, id="text-is-no-number"),
    pytest.param(match(body={"n": ABSENT}), {"body": b"nonsense"}, id="absence-of-the-unreadable"),
    pytest.param(
        match(user={"tier": "premium"}), {"headers": (("x-user-tier", "premium"),)}, id="tier-by-header"
    ),
    pytest.param(match(user={"id": ValueTest(regex=".*")}), {"identity": ANONYMOUS}, id="anonymous-id"),
    pytest.param(match(country=("DE",)), {}, id="country-unknown"),
    pytest.param(match(region=("EU",)), {}, id="region-unknown"),
    pytest.param(match(country=("DE",), region=("APAC",)), {"at": GERMANY}, id="country-and-region"),
    pytest.param(match(country_known=False), {"at": GERMANY}, id="country-known"),
    pytest.param(match(methods=("HEAD",)), {"method": "GET"}, id="get-does-not-follow-head"),
    pytest.param(match(methods=("POST",)), {"method": "post"}, id="methods-are-case-sensitive"),
]


@pytest.mark.parametrize(("matches", "asked"), HOLDS)
def test_a_condition_that_holds_takes_the_route(matches, asked):
    assert chosen([route("r", matches), route("default", default=True)], **asked) == "r"


@pytest.mark.parametrize(("matches", "asked"), FAILS)
def test_a_condition_that_fails_leaves_the_route(matches, asked):
    assert chosen([route("r", matches), route("default", default=True)], **asked) == "default"


def test_the_body_is_decoded_only_when_a_candidate_needs_it():
    asked = facts(body=b"nonsense")
    routes = [
        route("beta", match(headers={"x": "1"}, body={"model": "m"})),
        route("other", match("/v2", body={"a": 1})),
    ]
    assert RouteTable([*routes, route("r")]).select(asked).needed_body is False
    assert not asked.body_failed


def test_geography_is_asked_only_when_a_candidate_needs_it():
    here = Here()
    chosen(
        [route("r", match("/v2", country=("DE",))), route("s", match(headers={"x": "1"}, country=("DE",)))],
        at=here,
    )
    assert here.asked == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
    ids=["none", "text", "list", "deep"],
)
def test_a_candidate_that_failed_for_an_unreadable_body_is_noted(body):
    selection = RouteTable([route("r", match(body={"model": "m"}))]).select(facts(body=body))
    assert (selection.route, selection.needed_body) == (None, True)


def test_a_candidate_that_failed_before_its_body_condition_did_not_need_it():
    selection = RouteTable([route("r", match(headers={"x": "1"}, body={"model": "m"}))]).select(
        facts(body=b"[")
    )
    assert selection.needed_body is False


def test_a_readable_body_that_does_not_match_was_not_needed():
    assert RouteTable([route("r", match(body={"model": "m"}))]).select(facts(body={})).needed_body is False


@pytest.mark.parametrize("trace", [False, True], ids=["select", "trace"])
def test_a_doubled_key_that_a_rule_reads_is_refused(trace):
    table = RouteTable([route("r", match(body={"model": "m"})), route("d", default=True)])
    with pytest.raises(BadRequest) as refusal:
        table.select(facts(body=b'{"model":"m","model":"n"}'), trace=trace)
    assert refusal.value.error_code == "duplicate_key"


def test_a_doubled_key_that_no_rule_reads_is_left_alone():
    assert chosen([route("r", match(body={"model": "m"}))], body=b'{"x":1,"x":2,"model":"m"}') == "r"


def allow(routes: list[Route], *asked: Any, **rest: Any) -> tuple[str, ...]:
    return RouteTable(routes).select(facts(*asked, **rest)).allow


def test_the_methods_of_a_path_are_named_if_only_the_method_failed():
    routes = [
        route("a", match("/x", methods=("GET",))),
        route("b", match("/x", methods=("POST", "GET"))),
        route("c", match("/y")),
    ]
    assert allow(routes, "DELETE", "/x") == ("GET", "HEAD", "POST")


def test_no_methods_are_named_if_a_rule_matches():
    assert allow([route("a", match("/x", methods=("GET",))), route("d", default=True)], "POST", "/x") == ()


def test_no_methods_are_named_for_a_rule_that_fails_otherwise_too():
    assert allow([route("a", match("/x", methods=("GET",), headers={"x": "1"}))], "POST", "/x") == ()
    assert allow([route("a", match("/x", methods=("GET",)))], "POST", "/y") == ()


def test_another_methods_body_is_not_asked_of_this_one():
    assert allow([route("a", match("/x", methods=("POST",), body={"model": "m"}))], "GET", "/x") == ("POST",)


def test_a_caller_is_offered_what_user_place_and_headers_open():
    routes = [
        route(
            "premium", match("/v1/a", methods=("GET",), user={"tier": "premium"}), match(user={"staff": True})
        ),
        route("beta", match(headers={"x-beta": "1"}, query={"q": "1"}, body={"model": "m"})),
        route("german", match(country=("DE",))),
        route("default", default=True),
    ]
    table = RouteTable(routes)
    assert [r.name for r in table.open_to(facts())] == ["default"]
    asked = facts(identity=user(tier="premium", staff=True), headers=(("x-beta", "1"),), at=GERMANY)
    assert [r.name for r in table.open_to(asked)] == ["premium", "beta", "german", "default"]


def test_a_thousand_rules_on_other_paths_are_not_considered():
    routes = [route(f"r{n}", match(f"/app{n}/chat", headers={"x": "1"})) for n in range(1000)]
    table = RouteTable([*routes, route("here", match(CHAT, headers={"x": "1"}))])
    assert [miss.route.name for miss in table.misses(facts())] == ["here"]


def test_asking_many_different_paths_keeps_nothing_of_them():
    table = RouteTable([route("a", match("/v1/*")), route("b", match("/v1/x")), route("c")])
    for number in range(1000):
        table.select(facts(path=f"/v1/{number}"))
        table.select(facts(path=f"/{number}"))
    assert len(table._merged) == 2


def test_a_table_shows_what_it_indexes():
    table = RouteTable([route("a", match("/a", "/b/*")), route("b", Match(), match("~/x+"))])
    assert repr(table) == "<RouteTable [2 routes | 1 paths, 1 prefixes, 2 anywhere]>"
