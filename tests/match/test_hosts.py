"""Conditions on the host, on parts of the request by their HTTP/2 names, and places of alternatives."""

import pytest

from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.route import Match
from tests.match.asking import facts, match, route


def select(*routes, **asked):
    found = RouteTable(routes).select(facts(**asked), trace=True)
    return found.route.name if found.route else None, {rule.name: rule.reason for rule in found.rules}


def on(host):
    return {"headers": (("host", host),)}


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ("api.shop.test", True),
        ("API.shop.test:8080", True),
        ("x.cdn.test", True),
        ("x.y.cdn.test", True),
        ("cdn.test", False),
        ("notcdn.test", False),
        ("shop.test", False),
    ],
)
def test_a_host_is_exact_or_lies_below(asked, holds):
    rule = route("r", match(hosts=("api.shop.test", "*.cdn.test")))
    assert (select(rule, **on(asked))[0] == "r") is holds


def test_an_address_of_ipv6_is_a_host_with_its_brackets():
    assert select(route("r", match(hosts=("[::1]",))), **on("[::1]:80"))[0] == "r"


def test_a_request_without_a_host_matches_none_and_says_so():
    name, why = select(route("r", match(hosts=("a.test",))))
    assert (name, why["r"]) == (None, "host is absent, not a.test")


def test_the_reason_shows_the_host_that_was_asked_for():
    assert (
        select(route("r", match(hosts=("a.test",))), **on("b.test:1"))[1]["r"] == "host is b.test, not a.test"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (":method", "POST"),
        (":path", "/v1/chat/completions?a=1"),
        (":scheme", "http"),
        (":authority", "a.test:1"),
    ],
)
def test_parts_of_the_request_are_tested_by_their_http2_names(name, value):
    asked = {**on("a.test:1"), "query": "a=1"}
    assert select(route("r", match(headers={name: value})), **asked)[0] == "r"
    assert select(route("r", match(headers={name: f"{value}x"})), **asked)[0] is None


def test_a_caller_cannot_send_a_pseudo_header_of_its_own():
    asked = {"headers": ((":method", "PATCH"),)}
    assert select(route("r", match(headers={":method": "PATCH"})), **asked)[0] is None


wide = route("wide", Match(hosts=("a.test",), priority=1), Match(priority=9), priority=1)
middle = route("middle", match(headers={"x": "1"}), priority=5)


def test_alternatives_have_places_of_their_own_among_all_rules():
    assert select(middle, wide, headers=(("host", "a.test"), ("x", "1")))[0] == "wide"
    assert select(middle, wide, headers=(("host", "b.test"), ("x", "1")))[0] == "middle"
    assert select(middle, wide, headers=(("host", "b.test"),))[0] == "wide"


def test_a_trace_speaks_of_the_alternatives_that_were_reached():
    _, why = select(middle, wide, headers=(("host", "b.test"), ("x", "1")))
    assert why == {"wide": "host is b.test, not a.test", "middle": "all conditions hold: header x"}
