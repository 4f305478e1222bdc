"""The indexed table against the plainest reading of the rules."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.facts import Facts
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.route import FieldTest, Match, PathTest, Route, ValueTest
from tests.match.asking import Here, facts, user

WORDS = ["a", "b", "v1"]
PATHS = st.lists(st.sampled_from([*WORDS, ""]), max_size=4).map(lambda parts: "/" + "/".join(parts))
PATH_TESTS = st.one_of(
    PATHS.map(lambda value: PathTest(kind="exact", value=value)),
    PATHS.map(lambda value: PathTest(kind="prefix", value=value)),
    st.sampled_from(["/a.*", "/[ab]/?", ".*/v1", "/"]).map(lambda value: PathTest(kind="regex", value=value)),
)
TESTS = st.one_of(
    st.sampled_from(WORDS).map(lambda value: ValueTest(exact=value)),
    st.booleans().map(lambda present: ValueTest(present=present)),
)
FIELDS = st.lists(st.builds(FieldTest, name=st.sampled_from(["x", "y"]), test=TESTS), max_size=2).map(tuple)
WHERE = {"request.headers": "headers", "request.query": "query", "body": "body", "user": "user"}
WHENS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(WHERE)), st.sampled_from(["x", "y"]), st.sampled_from([*WORDS, None])
        ),
        min_size=1,
        max_size=3,
    ).map(lambda terms: Expression(text=" && ".join(spelled(*term) for term in terms))),
    max_size=1,
).map(tuple)


def spelled(where, name, value):
    """A term that asks for a value, or for none."""
    return f"!has({where}.{name})" if value is None else f'{where}.{name} == "{value}"'


MATCHES = st.builds(
    Match,
    paths=st.lists(PATH_TESTS, max_size=2).map(tuple),
    methods=st.lists(st.sampled_from(["GET", "POST", "PUT"]), max_size=2).map(tuple),
    headers=FIELDS,
    query=FIELDS,
    body=FIELDS,
    user=FIELDS,
    when=WHENS,
)
ROUTES = st.lists(
    st.builds(
        Route,
        name=st.text("abc", max_size=3),
        matches=st.lists(MATCHES, max_size=3).map(tuple),
        priority=st.integers(0, 2),
        default=st.booleans(),
    ),
    max_size=8,
)
VALUES = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(WORDS), max_size=2)
REQUESTS = st.builds(
    lambda method, path, headers, query, body, attributes: facts(
        method,
        path,
        headers=tuple(headers.items()),
        query="&".join(f"{name}={value}" for name, value in query.items()),
        body=body,
        identity=user(**attributes),
    ),
    st.sampled_from(["GET", "HEAD", "POST", "PATCH"]),
    PATHS,
    VALUES,
    VALUES,
    VALUES,
    VALUES,
)


def path_holds(test: PathTest, path: str) -> bool:
    if test.kind == "exact":
        return path == test.value
    if test.kind == "regex":
        return re.fullmatch(test.value, path) is not None
    whole = test.value.rstrip("/")
    return path == whole or path.startswith(f"{whole}/")


def value_holds(test: ValueTest, value: object) -> bool:
    if test.present is not None:
        return (value is not None) is test.present
    return bool(value == test.exact)


def holds(match: Match, seen: Facts) -> bool:
    method = seen.request.method
    methods = {*match.methods, *(["HEAD"] if "GET" in match.methods else [])}
    body = {name: seen.body.text(name) for name in ("x", "y")}
    return (
        (not match.paths or any(path_holds(test, seen.request.path) for test in match.paths))
        and (not methods or method in methods)
        and all(value_holds(f.test, next(iter(seen.headers(f.name.encode())), None)) for f in match.headers)
        and all(value_holds(f.test, seen.query(f.name)) for f in match.query)
        and all(value_holds(f.test, body[f.name]) for f in match.body)
        and all(value_holds(f.test, seen.identity.attributes.get(f.name)) for f in match.user)
        and all(term_holds(term, seen) for when in match.when for term in when.text.split(" && "))
    )


def term_holds(term: str, seen: Facts) -> bool:
    where, name = re.findall(r"(request\.headers|request\.query|body|user)\.(\w)", term)[0]
    found = {
        "request.headers": lambda: next(iter(seen.headers(name.encode())), None),
        "request.query": lambda: seen.query(name),
        "body": lambda: seen.body.text(name),
        "user": lambda: seen.identity.attributes.get(name),
    }[where]()
    return found is None if term.startswith("!") else term.endswith(f'"{found}"')


def reference(routes: list[Route], seen: Facts) -> Route | None:
    order = sorted(range(len(routes)), key=lambda n: (routes[n].default, routes[n].priority, n))
    return next((routes[n] for n in order if any(holds(match, seen) for match in routes[n].matches)), None)


@settings(deadline=None)
@given(routes=ROUTES, asked=st.lists(REQUESTS, min_size=1, max_size=4))
def test_the_table_chooses_what_a_walk_through_all_rules_would(routes, asked):
    table = RouteTable(routes)
    for seen in asked:
        assert table.select(seen).route is reference(routes, seen)


@settings(deadline=None)
@given(routes=ROUTES, seen=REQUESTS)
def test_a_trace_marks_the_chosen_rule_and_no_other(routes, seen):
    selection = RouteTable(routes).select(seen, trace=True)
    matched = [rule for rule in selection.rules if rule.matched]
    assert len(selection.rules) == len(routes)
    assert [rule.name for rule in matched] == ([] if selection.route is None else [selection.route.name])


@settings(deadline=None)
@given(routes=ROUTES, seen=REQUESTS)
def test_with_a_method_that_is_named_as_allowed_some_rule_matches(routes, seen):
    bodiless = [
        replace(route, matches=tuple(replace(m, body=(), when=()) for m in route.matches)) for route in routes
    ]
    for method in RouteTable(routes).select(seen).allow:
        asked = Facts(replace(seen.request, method=method), seen.identity, Here())
        assert reference(bodiless, asked) is not None
