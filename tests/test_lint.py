from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from llmgw_middleware.config.load import load
from llmgw_middleware.dialect.retirement import retirement
from llmgw_middleware.lint import lint

BACKENDS = [{"name": "b", "url": "http://a/v1"}, {"name": "c", "url": "http://c/v1"}]
DEFAULT = {"name": "default", "default": True, "backend": "b"}


def findings(source: Mapping[str, Any]) -> list[str]:
    loaded = load({"backends": BACKENDS, **source}, env={"K": "sk-1"}, serving=False)
    assert loaded.plan is not None, loaded.problems
    return [str(problem) for problem in lint(loaded.plan)]


def of_route(**words: Any) -> list[str]:
    return findings({"routes": [{"name": "r", **words}, DEFAULT]})


def of_pool(**words: Any) -> list[str]:
    pool = {"name": "p", "type": "pool", **words}
    return findings({"routes": [DEFAULT], "backends": [*BACKENDS, pool]})


def test_a_sound_configuration_has_no_findings():
    assert of_route(path="/a", backend="b", fallback=["c"]) == []


def test_a_route_that_an_earlier_one_covers_is_found_with_both_places():
    (found,) = findings(
        {
            "routes": [
                {"name": "a", "path": "/x/*", "backend": "b"},
                {"name": "z", "path": "/x/y", "backend": "b"},
                DEFAULT,
            ]
        }
    )
    assert found.startswith(
        'routes[1] unreachable_route The route "z" is never reached: "a" at routes[0] takes all'
    )


def test_the_order_of_rules_is_by_priority_with_defaults_last():
    early = {"name": "early", "path": "/x/y", "backend": "b", "priority": 5}
    late = {"name": "late", "path": "/x/*", "backend": "b"}
    assert findings({"routes": [DEFAULT, late, early]}) == []


def test_a_second_default_is_never_reached():
    (found,) = findings({"routes": [DEFAULT, {"name": "other", "default": True, "backend": "c"}]})
    assert "unreachable_route" in found


@pytest.mark.parametrize("paths", [["/other"], ["/aa/*"]])
def test_a_route_outside_the_intercepted_paths_is_found(paths):
    route = {"name": "r", "path": "/a", "backend": "b"}
    (found,) = findings({"gateway": {"paths": paths}, "routes": [route, DEFAULT]})
    assert "path_not_intercepted" in found


@pytest.mark.parametrize("paths", [["/a/b"], ["/*"], [{"regex": "/.*"}], ["/a/*"]])
def test_a_route_that_may_be_intercepted_is_fine(paths):
    route = {"name": "r", "path": "/a/*", "backend": "b"}
    assert findings({"gateway": {"paths": paths}, "routes": [route, DEFAULT]}) == []


def test_a_missing_default_route_is_found():
    (found,) = findings({"routes": [{"path": "/a", "backend": "b"}]})
    assert "no_default_route" in found


@pytest.mark.parametrize(
    "source",
    [
        {"routes": [{"path": "/a", "backend": "b"}], "gateway": {"onNoRoute": "pass"}},
        {"routes": [{"path": "/a", "backend": "b"}, {"backend": "b"}]},
    ],
    ids=["the host takes the rest", "a route without conditions"],
)
def test_the_rest_may_be_taken_otherwise(source):
    assert findings(source) == []


def test_a_configuration_without_routes_is_found():
    (found,) = findings({})
    assert "no_routes" in found


SPLIT = [{"backend": "b", "weight": 1}, {"backend": "c", "weight": 1}]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"backends": [{"backend": "b", "weight": 1}, {"backend": "c", "weight": 0}]}, "zero_weight"),
        ({"backend": "b", "sticky": "user"}, "no_effect"),
        ({"backends": SPLIT, "sticky": "header:x-session"}, "client_controlled_key"),
        ({"backends": SPLIT, "sticky": "cookie:s"}, "client_controlled_key"),
        ({"backends": SPLIT, "sticky": "body.metadata.thread"}, "client_controlled_key"),
        ({"backend": "b", "fallback": ["c", "b"]}, "no_effect"),
        ({"respond": {}, "fallback": ["c"]}, "no_effect"),
        ({"respond": {}, "models": ["m"]}, "no_effect"),
        ({"backend": "b", "country": ["DE"]}, "no_geo_source"),
        ({"backend": "b", "region": ["EU"]}, "no_geo_source"),
        ({"backend": "b", "country": {"present": False}}, "no_geo_source"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_route_hardly_means_is_found(words, code):
    (found,) = of_route(path="/a", **words)
    assert found.startswith(f"routes[0] {code} ")


MIXED = [
    {"name": "a", "provider": "anthropic", "apiKey": "${K}"},
    {"name": "o", "url": "http://o/v1"},
]


def test_a_pool_of_several_dialects_that_refuses_is_found():
    (found,) = of_pool(backends=MIXED)
    assert "mixed_dialects" in found
    assert "anthropic and openai" in found


def test_a_pool_of_several_dialects_that_drops_is_fine():
    assert of_pool(backends=[{**member, "onUnsupported": "drop"} for member in MIXED]) == []


@pytest.mark.parametrize("key", ["user", "session", "ip"])
def test_keys_that_no_client_sets_are_fine(key):
    assert of_route(path="/a", backends=SPLIT, sticky=key) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"backends": [{"name": "b", "weight": 2}]}, "no_effect"),
        ({"strategy": "weighted", "backends": [{"name": "b", "weight": 0}, {"name": "c"}]}, "zero_weight"),
        ({"healthCheck": {}, "backends": [{"name": "only-named"}]}, "no_effect"),
        ({"backends": [{"name": "n", "url": "http://n/v1", "retry": {"maxAttempts": 3}}]}, "no_effect"),
    ],
    ids=["weights without strategy", "zero weight", "health check of nobody", "a retry that never acts"],
)
def test_what_a_pool_hardly_means_is_found(words, code):
    (found,) = of_pool(**words)
    place, said, *_ = found.split()
    assert (place.startswith("backends[2]"), said) == (True, code)


def test_a_members_budget_is_its_own_wherever_it_stands():
    member = {"name": "n", "url": "http://n/v1", "retry": {"budget": {"ratio": "5%"}}}
    assert of_pool(backends=[member]) == []


def test_a_sound_pool_has_no_findings():
    assert (
        of_pool(strategy="weighted", healthCheck={}, backends=[{"name": "b", "weight": 2}, {"name": "c"}])
        == []
    )


ABROAD = [{"path": "/a", "country": ["DE"], "backend": "b"}, DEFAULT]


@pytest.mark.parametrize(
    "source",
    [
        {"geo": {"header": "CF-IPCountry"}, "gateway": {"trustedProxies": ["10.0.0.0/8"]}},
        {"geo": {"database": "/x.mmdb"}},
        {"identity": {"attributes": {"country": "user.country"}}},
    ],
    ids=["header", "database", "identity"],
)
def test_a_source_of_geography_is_enough(source):
    assert findings({**source, "routes": ABROAD}) == []


def test_a_header_without_trusted_proxies_is_no_source():
    found = findings({"geo": {"header": "CF-IPCountry"}, "routes": ABROAD})
    assert [line.split()[1] for line in found] == ["untrusted_geo_header", "no_geo_source"]


def test_a_provider_without_a_key_is_found():
    (found,) = findings({"routes": [DEFAULT], "backends": [{"name": "b", "provider": "openai"}]})
    assert "no_api_key" in found


@pytest.mark.parametrize(
    "words",
    [
        {"apiKey": "${K}"},
        {"url": "http://proxy/v1"},
        {"headers": {"Authorization": "Bearer ${K}"}},
        {"provider": "mock"},
    ],
    ids=["key", "own address", "header", "mock"],
)
def test_a_provider_that_needs_no_key_is_fine(words):
    assert findings({"routes": [DEFAULT], "backends": [{"name": "b", "provider": "openai", **words}]}) == []


def test_a_finding_in_a_file_has_its_line(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("routes:\n  - path: /a\n    respond: {}\n")
    plan = load(file, env={}, serving=True).plan
    assert plan is not None
    (problem,) = lint(plan)
    assert (problem.file, problem.line, problem.severity) == (str(file), 2, "warning")


def retired(today: date, **words: Any) -> list[str]:
    backend = {"name": "o", "provider": "openai", "apiKey": "${K}", **words}
    loaded = load(
        {"backends": [backend], "routes": [{**DEFAULT, "backend": "o"}]}, env={"K": "k"}, serving=False
    )
    assert loaded.plan is not None, loaded.problems
    return [p.message for p in lint(loaded.plan, today=today) if p.code == "model_retired"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"model": "gpt-4"}, '"o" sends gpt-4, which ended on 2026-10-23.'),
        ({"models": {"gpt-4": "gpt-4o"}}, '"o" sends gpt-4o, which ends on 2027-01-14.'),
    ],
)  # fmt: skip
def test_a_model_that_its_maker_has_ended_is_found(words, says):
    assert retired(date(2026, 11, 29), **words) == [says]


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 9, 1), {"model": "gpt-4o"}),
        (date(2026, 11, 29), {"model": "gpt-5.2"}),
        (date(2026, 11, 29), {"provider": "openai-compatible", "preset": "vllm", "model": "gpt-4"}),
    ],
)
def test_a_model_that_lasts_or_is_served_elsewhere_is_not(today, words):
    assert retired(today, **words) == []


def test_a_preset_on_the_internet_needs_a_key_too():
    assert any("has no key for groq" in f for f in findings({"backends": [{"name": "g", "preset": "groq"}], "routes": [{**DEFAULT, "backend": "g"}]}))  # fmt: skip


def test_each_provider_ends_its_own_models():
    assert retirement("anthropic", "claude-3-haiku-20240307") == date(2026, 4, 20)
    assert retirement("bedrock", "anthropic.claude-3-haiku-20240307-v1:0") is None


def test_a_flag_that_nobody_can_be_asked_for_is_found():
    (found,) = of_route(path="/a", backend="b", enabled={"flag": "new"})
    assert 'no_flag_lookup "r" asks for a feature flag (new), and nothing says where to look it up' in found


def test_a_flag_with_a_lookup_is_no_finding():
    route = {"name": "r", "path": "/a", "backend": "b", "when": 'flag("new")'}
    assert findings({"routes": [route, DEFAULT], "flags": {"lookup": "shop:flag"}}) == []


def test_a_canary_at_its_last_stage_is_no_split_without_weight():
    canary = {"name": "roll", "route": "r", "canary": "c", "stages": ["100%"]}
    route = {"name": "r", "path": "/a", "backend": "b"}
    assert findings({"routes": [route, DEFAULT], "canaries": [canary]}) == []


def test_a_canary_that_clients_choose_themselves_is_found():
    canary = {"name": "roll", "route": "r", "canary": "c", "sticky": "header:X-Side"}
    route = {"name": "r", "path": "/a", "backend": "b"}
    (found,) = findings({"routes": [route, DEFAULT], "canaries": [canary]})
    assert "client_controlled_key" in found


def test_copies_for_who_answers_already_are_found():
    (found,) = of_route(path="/a", backend="b", mirror={"backend": "b"})
    assert 'no_effect "r" copies its requests to "b", which answers them already' in found
