"""Rules in a row that look at the same place: found by one look, and the same ones that a walk would find."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.errors import BadRequest
from llmgw_middleware.facts import Facts
from llmgw_middleware.match.runs import SHORTEST, Run
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.route import FieldTest, Match, Route, ValueTest
from tests.match.asking import facts, match, route, user

TEXTS = ["a", "b", "1", "1.0", "true"]
VALUES: list[object] = [*TEXTS, 1, 1.0, True, None, [], {}]
TESTS = st.one_of(
    st.sampled_from([*TEXTS, 1, True]).map(lambda value: ValueTest(exact=value)),
    st.lists(st.sampled_from([*TEXTS, 1]), max_size=2).map(lambda values: ValueTest(one_of=tuple(values))),
    st.sampled_from([ValueTest(prefix="a"), ValueTest(exact="a", prefix="b"), ValueTest(present=False)]),
)
PLACES = st.sampled_from(["headers", "query", "user", "body"])
FIELDS = st.builds(
    lambda place, name, test: {place: (FieldTest(name=name, test=test),)}, PLACES, st.just("x"), TESTS
)
ROWS = st.lists(FIELDS, min_size=SHORTEST, max_size=3 * SHORTEST)


def asked(lines: list[str], value: object) -> Facts:
    return facts(
        headers=tuple(("x", line) for line in lines),
        query="x=" + lines[0] if lines else "",
        identity=user(x=value),
        body={"x": value},
    )


def walked(routes: list[Route], seen: Facts) -> str | None:
    """The first rule that would match if it were the only one."""
    return next((r.name for r in routes if RouteTable([r]).select(seen).route is not None), None)


def found(routes: list[Route], seen: Facts) -> str | None:
    chosen = RouteTable(routes).select(seen).route
    return None if chosen is None else chosen.name


@given(rows=ROWS, lines=st.lists(st.sampled_from(TEXTS), max_size=2), value=st.sampled_from(VALUES))
def test_a_run_finds_what_a_walk_would(rows, lines, value):
    routes = [Route(name=str(n), matches=(Match(**row),)) for n, row in enumerate(rows)]
    assert found(routes, asked(lines, value)) == walked(routes, asked(lines, value))


def tenants(count: int, place: str = "headers") -> list[Route]:
    return [route(f"t{n}", match(**{place: {"x": f"t{n}"}})) for n in range(count)]


@pytest.mark.parametrize("place", ["headers", "query", "user", "body"])
def test_a_thousand_rules_that_ask_for_a_text_at_one_place_are_one_step(place):
    [(holds, _)] = RouteTable(tenants(1000, place))._path("/v1/chat/completions").steps
    assert isinstance(getattr(holds, "__self__", None), Run)


def test_a_rule_between_them_keeps_its_turn():
    routes = [*tenants(5), route("all"), *tenants(9)[5:]]
    assert found(routes, facts(headers=(("x", "t4"),))) == "t4"
    assert found(routes, facts(headers=(("x", "t7"),))) == "all"


def test_what_else_a_rule_asks_for_is_asked_of_the_one_that_was_found():
    routes = [route(f"t{n}", match(headers={"x": f"t{n}"}, user={"tier": "premium"})) for n in range(9)]
    assert found(routes, facts(headers=(("x", "t4"),))) is None
    assert found(routes, facts(headers=(("x", "t4"),), identity=user(tier="premium"))) == "t4"


def test_the_body_is_not_read_where_another_condition_would_have_failed_first():
    routes = [route(f"t{n}", match(headers={"y": "1"}, body={"x": f"t{n}"})) for n in range(9)]
    seen = facts(body=b'{"x":"t1","x":"t2"}')
    assert found(routes, seen) is None


def test_a_doubled_key_that_a_run_reads_is_refused():
    with pytest.raises(BadRequest) as refused:
        found(tenants(9, "body"), facts(body=json.dumps({"x": "t1"}).encode()[:-1] + b',"x":"t2"}'))
    assert refused.value.error_code == "duplicate_key"


def test_a_body_that_cannot_be_read_matches_none_of_a_run():
    selection = RouteTable(tenants(9, "body")).select(facts(body=b"{"))
    assert (selection.route, selection.needed_body) == (None, True)
