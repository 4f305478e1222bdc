"""What keys take and refuse, each with its place. One row is one mistake."""

import pytest

from llmgw_middleware.config.unavailable import KEYS, VALUES

BAD_ROUTES = [
    ("pathh: /x", 'unknown_key A route has no key "pathh". (did you mean "path"?)'),
    ("Path: /x", 'unknown_key A route has no key "Path". (did you mean "path"?)'),
    ("method: [GET]", 'unknown_key A route has no key "method". (did you mean "methods"?)'),
    ("methods: [PSOT]", 'bad_value "methods" takes one of GET, HEAD, POST, PUT, PATCH, DELETE (OPTIONS stays the host\'s), not "PSOT". (did you mean "POST"?)'),
    ("methods: POST", "bad_value"),
    ("headers: {X_Team: a}", 'bad_header A header name with "_" never matches: such headers are dropped. Is it "X-Team"?'),
    ("headers: {'X Team': a}", 'bad_header "X Team" is no header name.'),
    ("headers: {X-A: {regexp: x}}", 'unknown_key A value form has no key "regexp". (did you mean "regex"?)'),
    ("headers: {X-A: {gt: 1}}", 'unknown_key A value form has no key "gt".'),
    ("headers: {X-A: [a]}", 'bad_value "X-A" takes a text, {regex: …}, {prefix: …}, {oneOf: […]} or {present: …}.'),
    ("headers: {X-A: }", "bad_value"),
    ("headers: {X-A: {}}", "bad_value A form needs a key such as regex, prefix, oneOf or present."),
    ("query: {a: {present: false, prefix: x}}", "bad_value What is absent cannot have a value: present: false stands alone."),
    ("body: {a: {gt: x}}", 'bad_value "gt" takes a number, not "x".'),
    ("body: {a: {regex: '(a)\\1'}}", "unsafe_regex"),
    ("path: {regex: '(['}", "unsafe_regex"),
    ("path: x", 'bad_path A path starts with "/".'),
    ("path: '/a*b'", "bad_path A * stands only at the end of a path"),
    ("path: /a//b", "bad_path This path never matches"),
    ("path: '/a?b=c'", "bad_path This path never matches"),
    ("path: {prefix: /x, regex: /y}", "bad_path A path form has one of prefix and regex."),
    ("path: {}", "bad_path A path form has one of prefix and regex."),
    ("country: [Germany]", 'bad_value "country" takes a country\'s two letters by ISO 3166-1 such as DE, not "Germany".'),
    ("country: [UK]", 'did you mean "GB"?'),
    ("country: [XX]", "bad_value"),
    ("country: DE", 'bad_value "country" takes a list of countries such as [DE, FR], or {present: …}.'),
    ("region: [EUU]", 'unknown_region There is no region "EUU". (did you mean "EU"?)'),
    ("priority: first", 'bad_value "priority" takes a whole number from -1000000 to 1000000, not "first".'),
    ("priority: 1.5", "bad_value"),
    ("priority: true", "bad_value"),
    ("default: 1", 'bad_value "default" takes true or false, not "1".'),
    ("default: on", 'bad_value "default" takes true or false, not "on".'),
    ("sticky: usr", 'did you mean "user"?'),
    ("sticky: 'header:X_S'", "bad_header"),
    ("sticky: 'header:'", "bad_value"),
    ("timeout: {read: 5 parsecs}", 'bad_value "read" takes a duration above zero such as 200ms, 5s, 1m30s or 2h, not "5 parsecs".'),
    ("timeout: {read: true}", "bad_value"),
    ("timeout: 5s", 'bad_value "timeout" takes a mapping of keys, not "5s".'),
    ("models: ['a*b']", "bad_value A * stands only at the end of a model's name."),
    ("rewrite: {path: x}", 'bad_value "path" takes a path that starts with "/", not "x".'),
    ("fallback: b", "bad_value"),
    ("fallback: {a: b}", 'bad_value "fallback" takes a list of backends or pools, or true.'),
    ("stream: {commit: first}", 'bad_value "commit" takes firstToken, full, or {window: 2s}, not "first".'),
    ("name2: x, models: [5], rewrite: {modle: x}", 'unknown_key A route has no key "name2". (did you mean "name"?)'),
    ("description: [x]", 'bad_value "description" takes text, not a list.'),
    ("path: /a, Headers: {}", 'did you mean "headers"?'),
]  # fmt: skip


@pytest.mark.parametrize(("route", "says"), BAD_ROUTES, ids=[row[0] for row in BAD_ROUTES])
def test_a_mistake_in_a_route_is_told_with_its_place(load_route, route, says):
    (problem, *_) = load_route(f"backend: b, {route}").errors
    assert says in str(problem)
    assert (problem.line, problem.column > 1) == (2, True)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("gateway: {timeouts: {}}", 'A gateway has no key "timeouts". (did you mean "timeout"?)'),
        ("gateway: {maxBodySize: 20XB}", 'bad_value "maxBodySize" takes a size of whole bytes'),
        (
            "gateway: {trustedProxies: [10.0.0.1/8]}",
            "an address or network such as 10.0.0.0/8, without host bits",
        ),
        ("gateway: {onNoRoute: 404}", 'takes one of error, pass, not "404".'),
        ("gateway: {paths: /v1}", "bad_value"),
        ("identity: {attributes: {tier: user..x}}", 'The attribute "tier" is read by a dotted path'),
        ("geo: {header: CF_IP}", "bad_header"),
        ("geo: {regions: {X: [Sweden]}}", "two letters by ISO 3166-1"),
        ("route: []", 'A configuration has no key "route". (did you mean "routes"?)'),
        ("polices: {}", 'did you mean "policies"?'),
        ("routes: {a: b}", "bad_value"),
        ("routes: [5]", '"routes" takes a mapping of keys, not "5".'),
    ],
    ids=lambda text: text if ": {" in text or ": [" in text else "",
)
def test_a_mistake_elsewhere_is_told_with_its_place(load_text, block, says):
    (problem,) = load_text(block).errors
    assert says in str(problem)
    assert problem.line == 1


def test_all_mistakes_are_found_in_one_reading(load_text):
    text = (
        "gateway: {maxBodySize: x, debugHeaders: y, z: 1}\nconsole: {}\nroutes:\n- {pat: /x, methods: [Y]}\n"
    )
    assert [(p.line, p.code) for p in load_text(text).errors] == [
        (1, "bad_value"),
        (1, "bad_value"),
        (1, "unknown_key"),
        (2, "not_available"),
        (4, "unknown_key"),
        (4, "bad_value"),
    ]


HOMES = {
    "configuration": "{key}: {{}}\n",
    "gateway": "gateway: {{{key}: 1}}\n",
    "timeout": "gateway: {{timeout: {{{key}: 1}}}}\n",
    "identity": "identity: {{{key}: 1}}\n",
    "route": "routes: [{{{key}: 1, respond: {{}}}}]\n",
    "match": "routes: [{{respond: {{}}, match: [{{{key}: x}}]}}]\n",
    "stream": "routes: [{{respond: {{}}, stream: {{{key}: x}}}}]\n",
    "policies": "policies: {{{key}: []}}\n",
    "backend": "backends: [{{name: b, {key}: 1}}]\n",
    "pool": "backends: [{{name: b, type: pool, backends: [{{name: x}}], {key}: 1}}]\n",
    "pool member": "backends: [{{name: b, type: pool, backends: [{{name: x, {key}: 1}}]}}]\n",
}


@pytest.mark.parametrize(
    ("noun", "key"), [(noun, key) for noun, keys in KEYS.items() for key in sorted(keys)]
)
def test_a_key_of_a_part_that_is_not_built_is_refused_by_name(load_text, noun, key):
    (problem,) = load_text(HOMES[noun].format(key=key)).errors
    assert problem.code == "not_available"
    assert f'"{key}"' in problem.message
    assert problem.message.endswith("is not available in this version.")
    assert problem.line == 1


@pytest.mark.parametrize("key", ["supports_prefill"])
def test_such_a_key_is_known_in_snake_case_too(load_text, key):
    (problem,) = load_text(f"backends: [{{name: b, {key}: 1}}]").errors
    assert problem.code == "not_available"


VALUE_HOMES = {
    "store": "state: {{store: {value}}}",
    "provider": "backends: [{{name: b, provider: {value}}}]",
    "api": "backends: [{{name: b, provider: mock, api: {value}}}]",
    "strategy": "backends: [{{name: b, type: pool, strategy: {value}, backends: [{{name: x}}]}}]",
    "commit": "routes: [{{respond: {{}}, stream: {{commit: {value}}}}}]",
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, words in VALUES.items() for value in sorted(words)]
)
def test_a_value_of_a_part_that_is_not_built_is_refused_by_name(load_text, key, value):
    (problem,) = load_text(VALUE_HOMES[key].format(value=value)).errors
    assert (problem.code, problem.message) == (
        "not_available",
        f'"{value}" for {key} is not available in this version.',
    )


def test_keys_are_read_in_snake_case_too(load_text):
    plan = load_text("gateway: {max_body_size: 1MB, timeout: {first_token: 9s}, on_no_route: pass}").plan
    assert (plan.max_body_size, plan.timeouts.first_token, plan.on_no_route) == (1_000_000, 9.0, "pass")


def test_both_spellings_of_a_key_are_one_key_given_twice(load_text):
    (problem,) = load_text("gateway: {maxBodySize: 1MB, max_body_size: 2MB}").errors
    assert (problem.code, problem.column) == ("duplicate_key", 29)


def test_data_keys_are_never_converted(load_route):
    plan = load_route(
        "backend: b, headers: {X-camelCase: a}, body: {snake_case.camelCase: 1}, query: {top_k: 1}, user: {isStaff: true}"
    ).plan
    (match,) = plan.routes[0].matches
    names = [test.name for part in (match.headers, match.body, match.query, match.user) for test in part]
    assert names == ["x-camelcase", "snake_case.camelCase", "top_k", "isStaff"]


def test_a_key_without_a_value_counts_as_not_given(load_text):
    loaded = load_text("gateway:\n  timeout:\nroutes:\nbackends:\n")
    assert loaded.plan is not None
    assert loaded.problems == ()


@pytest.mark.parametrize(
    ("written", "text"),
    [("true", "true"), ("10", "10"), ("0x1F", "0x1F"), ("1.50", "1.50"), ("NO", "NO"), ("'10'", "10")],
)
def test_where_text_is_wanted_an_unquoted_value_is_its_source_text(load_route, written, text):
    plan = load_route(f"backend: b, headers: {{X-Flag: {written}}}, description: {written}").plan
    assert plan.routes[0].matches[0].headers[0].test.exact == text
    assert plan.routes[0].description == text


@pytest.mark.parametrize(
    ("written", "value"), [("true", True), ("10", 10), ("1.50", 1.5), ("NO", "NO"), ("'10'", "10")]
)
def test_in_a_body_a_value_keeps_its_type(load_route, written, value):
    found = load_route(f"backend: b, body: {{a: {written}}}").plan.routes[0].matches[0].body[0].test.exact
    assert found == value
    assert type(found) is type(value)


def test_a_number_may_come_from_the_environment(load_text):
    plan = load_text(
        "gateway: {maxBodySize: '${SIZE}', debugHeaders: '${DEBUG}'}", env={"SIZE": "1MB", "DEBUG": "true"}
    ).plan
    assert (plan.max_body_size, plan.debug_headers) == (1_000_000, True)


def test_an_item_with_a_missing_variable_counts_as_not_given(load_text):
    loaded = load_text("gateway: {trustedProxies: ['${NET}', 10.0.0.0/8]}")
    assert [problem.code for problem in loaded.problems] == ["missing_env"]
    assert len(loaded.plan.trusted_proxies) == 1


def test_a_needed_value_with_a_missing_variable_is_an_error(load_text):
    loaded = load_text("backends: [{name: b, price: {input: '${P}', output: 1}}]")
    assert [(problem.severity, problem.code) for problem in loaded.problems] == [
        ("warning", "missing_env"),
        ("error", "missing_env"),
    ]


def test_a_missing_variable_makes_no_second_problem(load_text):
    text = "gateway: {maxBodySize: '${SIZE}'}\nroutes: [{respond: {status: '${STATUS}'}}]\nbackends: [{name: b, url: '${URL}'}]"
    loaded = load_text(text)
    assert [problem.code for problem in loaded.problems] == ["missing_env"] * 3
    assert loaded.plan is not None
