import json
from ipaddress import ip_network
from typing import Any

import pytest

from llmgw_middleware.config.load import load
from llmgw_middleware.model.plan import Geography, IdentityRules
from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS, Timeouts

WHOLE = {
    "gateway": {
        "maxBodySize": "1MB",
        "timeout": {"read": "30s"},
        "trustedProxies": ["127.0.0.1/32", "fd00::/8"],
        "debugHeaders": True,
        "onNoRoute": "pass",
    },
    "identity": {
        "require": True,
        "attributes": {"tier": "user.profile.tier"},
        "default": {"tier": "free", "n": [1]},
        "cache": "1m30s",
    },
    "geo": {"header": "CF-IPCountry", "database": "/x.mmdb", "regions": {"NORDIC": ["se", "NO"]}},
    "routes": [{"path": "/v1/chat/completions", "region": ["NORDIC"], "backend": "b"}],
    "backends": [{"name": "b", "url": "http://127.0.0.1:1/v1"}],
}


def plan_of(source: Any) -> Any:
    loaded = load(source, env={}, serving=True)
    assert loaded.problems == ()
    return loaded.plan


def test_a_whole_configuration_becomes_a_plan():
    plan = plan_of(WHOLE)
    assert plan.timeouts == Timeouts(read=30.0).over(DEFAULT_TIMEOUTS)
    assert (plan.max_body_size, plan.debug_headers, plan.on_no_route) == (1_000_000, True, "pass")
    assert plan.trusted_proxies == (ip_network("127.0.0.1/32"), ip_network("fd00::/8"))
    assert plan.identity == IdentityRules(
        require=True,
        attributes={"tier": "user.profile.tier"},
        default={"tier": "free", "n": [1]},
        cache=90.0,
    )
    assert plan.geography == Geography(
        header="cf-ipcountry", database="/x.mmdb", regions={"NORDIC": frozenset({"SE", "NO"})}
    )


def test_a_mapping_and_its_json_are_the_same_plan(load_text):
    import dataclasses

    plan = load_text(json.dumps(WHOLE, indent="\t"), name="c.json").plan
    wheres = [dataclasses.replace(route, where="") for route in plan.routes]
    assert wheres == [dataclasses.replace(route, where="") for route in plan_of(WHOLE).routes]
    assert plan.backends == plan_of(WHOLE).backends
    assert plan.geography == plan_of(WHOLE).geography


def test_toml_is_read_too(load_text):
    text = '[[routes]]\npath = "/x"\nbackend = "b"\n[[backends]]\nname = "b"\nurl = "http://a/v1"\nprovide = "x"\n'
    loaded = load_text(text, name="c.toml")
    (problem,) = loaded.errors
    assert (problem.code, problem.line) == ("unknown_key", 7)


def test_an_empty_configuration_is_a_plan_that_takes_nothing():
    plan = plan_of({})
    assert (plan.routes, plan.paths, plan.backends) == ((), (), {})


def test_a_plan_names_what_it_was_read_from(tmp_path):
    (tmp_path / "a.yaml").write_text("gateway: {}\n")
    assert plan_of(tmp_path).sources == (str(tmp_path),)
    assert plan_of([str(tmp_path / "a.yaml")]).sources == (str(tmp_path / "a.yaml"),)
    assert plan_of({}).sources == ()


def test_documents_and_files_are_one_configuration(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "routes: [{name: r, backend: b}]\n---\nbackends: [{name: b, model: m}]\n"
    )
    (tmp_path / "b.json").write_text('{"backends": [{"name": "b", "url": "http://a/v1"}]}')
    backend = plan_of(tmp_path).backends["b"]
    assert (backend.model, backend.url) == ("m", "http://a/v1")


def test_problems_come_in_the_order_of_files_and_lines(tmp_path):
    (tmp_path / "a.yaml").write_text("x: 1\ny: 2\n")
    (tmp_path / "b.yaml").write_text("gateway: {maxBodySize: x}\n")
    problems = load(tmp_path, env={}, serving=True).problems
    assert [(p.file[-6:], p.line) for p in problems] == [("a.yaml", 1), ("a.yaml", 2), ("b.yaml", 1)]


def test_a_mistake_in_a_mapping_has_its_path_for_a_place():
    (problem,) = load({"routes": [{"backend": "b:1", "pth": 1}]}, env={}, serving=True).problems
    assert str(problem) == 'routes[0].pth unknown_key A route has no key "pth". (did you mean "path"?)'


@pytest.mark.parametrize("serving", [True, False], ids=["serve", "check"])
def test_the_editors_schema_line_is_fine(serving):
    assert load({"$schema": "x.json"}, env={}, serving=serving).problems == ()


def test_a_file_that_is_not_there_is_a_problem_and_no_plan(tmp_path):
    loaded = load(tmp_path / "none.yaml", env={}, serving=False)
    assert loaded.plan is None
    assert loaded.errors[0].code == "cannot_read"


def test_a_secret_from_the_environment_is_in_no_problem():
    wrong = {
        "gateway": {"maxBodySize": "${S}", "onNoRoute": "${S}", "trustedProxies": ["${S}"], "${S}": 1},
        "routes": [
            {"path": "${S}", "sticky": "${S}", "country": ["${S}"], "headers": {"X-A": {"regex": "(${S}+)+"}}}
        ],
        "backends": [
            {"name": "b", "provider": "${S}", "url": "${S}://x", "apiKey": {"a": "${S}"}, "price": "${S}"}
        ],
    }
    problems = load(wrong, env={"S": "sk-live-77"}, serving=True).problems
    assert len(problems) > 8
    assert "sk-live-77" not in "\n".join(map(str, problems))
