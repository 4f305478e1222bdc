from typing import Any

import pytest

from llmgw_middleware.model.backend import HealthCheck, Member, Secret
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.model.usage import Price

POOL = "backends:\n- {name: p, type: pool, backends: [%s]}\n%s"


def one(load_text: Any, fields: str, **options: Any) -> Any:
    loaded = load_text(f"backends: [{{name: b, {fields}}}]", **options)
    assert loaded.errors == ()
    return loaded.plan.backends["b"]


def test_a_backend_has_all_that_was_written(load_text):
    found = one(
        load_text,
        "provider: openai, apiKey: '${K}', models: {gpt-4: gpt-4o, 'claude-*': x}, model: m, price: {input: 1, output: 2}, "
        "timeout: {read: 60s}, headers: {OpenAI-Organization: org-1}",
        env={"K": "sk-1"},
    )
    assert (found.provider, found.url, found.bare) == ("openai", "https://api.openai.com/v1", False)
    assert (found.api_keys, found.models) == ((Secret("sk-1"),), {"gpt-4": "gpt-4o", "claude-*": "x"})
    assert (found.model, found.price) == ("m", Price(input=1.0, output=2.0))
    assert (found.timeouts, found.headers) == (Timeouts(read=60.0), (("OpenAI-Organization", "org-1"),))


@pytest.mark.parametrize(
    ("fields", "url", "bare"),
    [
        ("url: 'http://a:1/v1/'", "http://a:1/v1", False),
        ("url: 'http://a:1'", "http://a:1", True),
        ("url: 'a:1'", "http://a:1", True),
        ("provider: mock", "http://127.0.0.1:9000/v1", False),
        ("provider: openai, url: 'http://proxy/v1'", "http://proxy/v1", False),
    ],
)
def test_where_a_backend_is(load_text, fields, url, bare):
    found = one(load_text, fields)
    assert (found.url, found.bare) == (url, bare)


@pytest.mark.parametrize("fields", ["model: m", "provider: openai-compatible", "url: '${NONE}'"])
def test_a_backend_without_an_address_is_unresolved(load_text, fields):
    assert not one(load_text, fields).resolved


def test_one_price_counts_for_input_and_output(load_text):
    assert one(load_text, "costPerToken: 0.000015").price == Price(input=0.000015, output=0.000015)


def test_secrets_are_nowhere_in_print(load_text):
    text = "backends: [{name: b, url: 'http://a', apiKey: sk-live, headers: {Authorization: Bearer sk-2}}]"
    loaded = load_text(text)
    assert "sk-" not in repr(loaded.plan)
    assert "sk-" not in "".join(map(str, loaded.problems))


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ("url: 'ftp://a'", "bad_url", "starts with http"),
        ("url: 'http://u:p@a'", "bad_url", "under apiKey"),
        ("provider: opnai", "bad_value", 'did you mean "openai"?'),
        ("costPerToken: -1", "bad_value", "zero or more"),
        ("costPerToken: 1, price: {input: 1, output: 1}", "two_values", "keep one"),
        ("price: {input: 1}", "missing_key", '"output" is needed'),
        ("headers: {Host: x}", "bad_header", "own business"),
        ("headers: {X_A: x}", "bad_header", '"_"'),
        ('headers: {X-A: "a\\r\\nb"}', "bad_header", "no header can carry"),
        ('apiKey: "sk-hidden\\nx"', "bad_secret", "no header can carry"),
        ("model: m, name2: x", "unknown_key", 'did you mean "name"?'),
        ("type: poool, backends: []", "bad_value", 'did you mean "pool"?'),
    ],
)
def test_a_mistake_in_a_backend_is_an_error(load_text, fields, code, says):
    problem = load_text(f"backends: [{{name: b, {fields}}}]").errors[0]
    assert problem.code == code
    assert says in str(problem)
    assert "hidden" not in str(problem)


def test_an_empty_key_is_like_a_missing_variable(load_text):
    text = "backends: [{name: b, url: 'http://a', apiKey: '${K}'}]"
    (problem,) = load_text(text, env={"K": ""}, serving=True).problems
    assert (problem.severity, problem.code) == ("error", "empty_secret")


def test_a_key_in_the_file_is_a_warning(load_text):
    (problem,) = load_text("backends: [{name: b, url: 'http://a', apiKey: sk-1}]", serving=True).problems
    assert (problem.severity, problem.code, problem.column) == ("warning", "inline_secret", 47)


def test_a_pool_has_all_that_was_written(load_text):
    text = (
        "backends: [{name: p, type: pool, strategy: weighted, fallback: true, "
        "healthCheck: {interval: 10s, timeout: 1s, path: /health, unhealthyAfter: 2, healthyAfter: 1}, "
        "backends: [{name: a, weight: 60%, costPerToken: 1}, {name: b}]}]"
    )
    pool = load_text(text).plan.pools["p"]
    assert (pool.strategy, pool.fallback) == ("weighted", True)
    assert pool.health_check == HealthCheck(
        interval=10.0, timeout=1.0, path="/health", unhealthy_after=2, healthy_after=1
    )
    assert pool.members == (
        Member(backend="a", weight=60.0, price=Price(input=1.0, output=1.0)),
        Member(backend="b"),
    )


def test_a_pool_without_words_takes_turns_and_checks_nothing(load_text):
    pool = load_text(POOL % ("{name: a}", "")).plan.pools["p"]
    assert (pool.strategy, pool.fallback, pool.health_check) == ("round-robin", False, None)


def test_a_member_may_be_defined_inside_its_pool(load_text):
    plan = load_text(POOL % ("{name: a, weight: 2, url: 'http://a/v1', model: m}", "")).plan
    assert (plan.backends["a"].url, plan.backends["a"].model) == ("http://a/v1", "m")
    assert plan.pools["p"].members == (Member(backend="a", weight=2.0),)


def test_definitions_inside_and_outside_a_pool_are_one(load_text):
    plan = load_text(POOL % ("{name: a, model: m}", "- {name: a, url: 'http://a/v1', costPerToken: 1}")).plan
    backend = plan.backends["a"]
    assert (backend.url, backend.model, backend.price) == ("http://a/v1", "m", Price(input=1.0, output=1.0))


def test_a_price_in_a_pool_is_the_members_own(load_text):
    plan = load_text(
        POOL % ("{name: a, costPerToken: 2}", "- {name: a, url: 'http://a', costPerToken: 1}")
    ).plan
    assert plan.backends["a"].price == Price(input=1.0, output=1.0)
    assert plan.pools["p"].members[0].price == Price(input=2.0, output=2.0)


def test_two_values_inside_and_outside_a_pool_are_an_error(load_text):
    (problem,) = load_text(POOL % ("{name: a, model: m}", "- {name: a, url: 'http://a', model: n}")).errors
    assert (problem.code, problem.line) == ("two_values", 2)
    assert "llmgw.yaml:3" in problem.message


@pytest.mark.parametrize(
    ("members", "more", "code"),
    [
        ("{name: q, type: pool, backends: []}", "", "pool_in_pool"),
        ("{name: q}", "- {name: q, type: pool, backends: [{name: a}]}", "pool_in_pool"),
        ("{name: a}, {name: a}", "", "duplicate_name"),
        ("{name: a, weight: 0}", "", "bad_weight"),
        ("", "", "bad_value"),
        ("{name: a}", "- {name: p, url: 'http://a'}", "duplicate_name"),
        ("{weight: 1}", "", "missing_key"),
    ],
    ids=["inline", "by name", "twice", "zero", "empty", "name of a backend", "nameless"],
)
def test_a_pool_that_cannot_work_is_an_error(load_text, members, more, code):
    assert [problem.code for problem in load_text(POOL % (members, more)).errors] == [code]


@pytest.mark.parametrize("name", ["chat-service:8001", "http://chat-service:8001"])
def test_a_backend_by_address_is_openai_compatible(load_route, name):
    plan = load_route(f"backend: '{name}'").plan
    backend = plan.backends[name]
    assert (backend.url, backend.bare, backend.provider) == (
        "http://chat-service:8001",
        True,
        "openai-compatible",
    )
    assert plan.unresolved == ()


def test_addresses_may_stand_in_splits_fallbacks_and_pools(load_text):
    text = (
        "routes: [{backends: [{backend: 'a:1'}], fallback: ['b:2', p]}]\n"
        "backends: [{name: p, type: pool, backends: [{name: 'c:3'}]}]"
    )
    assert sorted(load_text(text).plan.backends) == ["a:1", "b:2", "c:3"]


def test_an_address_that_is_none_is_an_error(load_route):
    assert load_route("backend: 'ftp://x'").errors[0].code == "bad_url"


def test_a_declared_backend_comes_before_an_address(load_text):
    plan = load_text("routes: [{backend: 'a:1'}]\nbackends: [{name: 'a:1', url: 'http://b/v1'}]").plan
    assert plan.backends["a:1"].url == "http://b/v1"


def test_a_backend_that_is_only_named_is_a_warning_with_the_nearest_name(load_route):
    (problem,) = load_route("backend: bb").problems
    assert (problem.severity, problem.code, problem.line, problem.column) == (
        "warning",
        "unresolved_backend",
        2,
        24,
    )
    assert problem.hint == 'did you mean "b"?'


def test_whatever_serves_lists_every_backend_that_is_only_named(load_text):
    text = "routes: [{backend: x, fallback: [y]}]\nbackends: [{name: z}, {name: p, type: pool, backends: [{name: w}]}]"
    loaded = load_text(text, serving=True)
    assert loaded.plan is None
    assert sorted(p.message.split('"')[1] for p in loaded.errors if p.code == "unresolved_backend") == [
        "w",
        "x",
        "y",
        "z",
    ]


@pytest.mark.parametrize("name", ["''", "' '", "[]", "{a: b}"])
def test_a_name_is_text_and_not_empty(load_text, name):
    (problem,) = load_text(f"backends: [{{name: {name}}}]").errors
    assert '"name" takes' in problem.message
