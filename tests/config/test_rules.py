import pytest

from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.model.route import Answer, FieldTest, Match, PathTest, Rewrite, Side, Sticky, ValueTest


@pytest.fixture
def route(load_route):
    def loading(text):
        loaded = load_route(text)
        assert loaded.errors == ()
        return loaded.plan.routes[0]

    return loading


def test_a_route_has_all_that_was_written(route):
    found = route(
        "description: d, priority: 5, backend: b, fallback: [b2], models: [gpt-4o, 'claude-*'], passthrough: true, path: /x, "
        "rewrite: {model: m, path: /y}, timeout: {read: 30s}, stream: {commit: firstToken}"
    )
    assert (found.description, found.priority, found.target, found.fallback) == ("d", 5, "b", ("b2",))
    assert (found.models, found.passthrough, found.rewrite) == (
        ("gpt-4o", "claude-*"),
        True,
        Rewrite(model="m", path="/y"),
    )
    assert found.timeouts == Timeouts(read=30.0)


def test_a_route_knows_where_it_stands(route, tmp_path):
    assert route("backend: b").where == f"{tmp_path}/llmgw.yaml:2"


def test_conditions_are_read(route):
    (match,) = route(
        "backend: b, path: [/a, '/b/*', {prefix: /c/}, {regex: '/d.*'}], methods: [post], headers: {X-A: {oneOf: [a, 1]}}, "
        "query: {q: {prefix: x}}, body: {m: {gte: 1, lt: 2.5}}, user: {groups: {contains: staff}}, country: [de], region: [EU]"
    ).matches
    assert match == Match(
        paths=(
            PathTest(kind="exact", value="/a"),
            PathTest(kind="prefix", value="/b"),
            PathTest(kind="prefix", value="/c"),
            PathTest(kind="regex", value="/d.*"),
        ),
        methods=("POST",),
        headers=(FieldTest(name="x-a", test=ValueTest(one_of=("a", "1"))),),
        query=(FieldTest(name="q", test=ValueTest(prefix="x")),),
        body=(FieldTest(name="m", test=ValueTest(gte=1, lt=2.5)),),
        user=(FieldTest(name="groups", test=ValueTest(contains="staff")),),
        country=("DE",),
        region=("EU",),
    )


@pytest.mark.parametrize("known", [True, False])
def test_a_country_may_only_have_to_be_known(route, known):
    assert route(f"backend: b, country: {{present: {str(known).lower()}}}").matches[0].country_known is known


def test_alternatives_keep_the_conditions_beside_them(route):
    found = route(
        "backend: b, path: /x, headers: {A: '1'}, match: [{headers: {B: '2'}}, {methods: [GET]}]"
    ).matches
    assert [match.paths for match in found] == [(PathTest(kind="exact", value="/x"),)] * 2
    assert [[test.name for test in match.headers] for match in found] == [["a", "b"], ["a"]]
    assert [match.methods for match in found] == [(), ("GET",)]


def test_a_split_has_sides_with_weights(route):
    found = route(
        "backends: [{backend: a, weight: 80%}, {backend: b, weight: 20}], sticky: 'header:X-S', fallback: true"
    )
    assert found.split == (Side(target="a", weight=80.0), Side(target="b", weight=20.0))
    assert found.sticky == Sticky(kind="header", name="x-s")
    assert (found.fallback_sides, found.fallback, found.target) == (True, (), None)


@pytest.mark.parametrize(
    ("written", "sticky"),
    [
        ("user", Sticky(kind="user")),
        ("session", Sticky(kind="session")),
        ("ip", Sticky(kind="ip")),
        ("cookie:SessionId", Sticky(kind="cookie", name="SessionId")),
    ],
)
def test_sticky_keys(route, written, sticky):
    assert route(f"backends: [{{backend: b}}], sticky: '{written}'").sticky == sticky


def test_a_deny_rule_answers(route):
    assert route("respond: {status: 451, code: law, message: No.}").answer == Answer(
        status=451, code="law", message="No."
    )


def test_a_deny_rule_has_words_of_its_own(route):
    assert route("respond: {}").answer == Answer(
        status=403, code="blocked", message="This request is not allowed."
    )


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("path: /x", "no_target", "leads nowhere"),
        ("backend: b, respond: {}", "two_targets", "backend and respond"),
        ("backend: b, backends: [{backend: b}]", "two_targets", "backend and backends"),
        ("backend: b, default: true, path: /x", "default_with_conditions", "has conditions"),
        ("backend: b, default: true, match: [{path: /x}]", "default_with_conditions", "has conditions"),
        ("backend: b, passthrough: true", "passthrough_without_path", "needs a path"),
        (
            "backend: b, passthrough: true, match: [{path: /x}, {methods: [GET]}]",
            "passthrough_without_path",
            "needs a path",
        ),
        ("backend: b, fallback: true", "fallback_without_split", "no split"),
        ("backends: [{backend: a, weight: 0}, {backend: b, weight: 0%}]", "bad_weight", "are zero"),
        ("backends: [{backend: b, weight: -1}]", "bad_value", "zero or more"),
        ("backends: [{backend: b}, {backend: b}]", "duplicate_name", "twice"),
        ("backends: [{weight: 1}]", "missing_key", '"backend" is needed'),
        ("backend: b, path: /a, match: [{path: /b}]", "match_twice", "keep it in one"),
        ("respond: {status: 200}", "bad_value", "from 400 to 599"),
    ],
)
def test_what_does_not_fit_together_is_an_error(load_route, text, code, says):
    (problem,) = load_route(text).errors
    assert problem.code == code
    assert says in str(problem)
    assert problem.line == 2


def test_nameless_routes_are_numbered_by_their_place(load_text):
    plan = load_text(
        "routes: [{path: /a, respond: {}}, {name: x, respond: {}}, {path: /c, respond: {}}]"
    ).plan
    assert [route.name for route in plan.routes] == ["route-1", "x", "route-3"]


def test_two_routes_of_one_name_are_an_error(load_text):
    (problem,) = load_text("routes:\n- {name: a, respond: {}}\n- {name: a, respond: {}}\n").errors
    assert (problem.code, problem.line) == ("duplicate_name", 3)
    assert ":2:10" not in problem.message
    assert "llmgw.yaml:2" in problem.message


def test_a_disabled_route_is_checked_but_takes_no_part(load_text):
    plan = load_text("routes: [{name: a, enabled: false, respond: {}}, {name: b, respond: {}}]").plan
    assert [route.name for route in plan.routes] == ["b"]
    assert load_text("routes: [{name: a, enabled: false}]").errors[0].code == "no_target"


def test_a_prefix_is_rewritten_under_any_of_the_routes_prefixes(load_route):
    loaded = load_route("path: [/a/*, /a/b/*], rewrite: {prefix: /new/}, backend: b")
    rewrite = loaded.plan.routes[0].rewrite
    assert [rewrite.path_for(p) for p in ("/a/x", "/a/b/x", "/a", "/c")] == ["/new/x", "/new/x", "/new", None]


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ("path: /a, rewrite: {prefix: /new}, backend: b", "no_effect"),
        ("path: /a/*, rewrite: {prefix: /new, path: /x}, backend: b", "two_values"),
    ],
)
def test_a_prefix_that_cannot_be_rewritten_is_refused(load_route, route, code):
    assert [problem.code for problem in load_route(route).errors] == [code]


@pytest.mark.parametrize("host", ["a b", "*", "a.*.test", "http://a.test"])
def test_what_is_no_host_is_refused(load_route, host):
    assert load_route(f"host: '{host}', backend: b").errors
