"""AgentgatewayBackends, Secrets and what is laid over them."""

import pytest

from tests.config.manifests.kube import (
    codes,
    http_route,
    loaded,
    openai,
    plan,
    policy,
    resource,
    rule,
    secret,
)

ENV = {"OPENAI_SECRET": "sk-env"}


def keys(backend):
    return [key.reveal() for key in backend.api_keys]


def test_a_provider_without_an_address_has_its_usual_one():
    backend = plan(openai(model="gpt-4o")).backends["llm"]
    assert (backend.provider, backend.url, backend.model) == ("openai", "https://api.openai.com/v1", "gpt-4o")


def test_the_model_of_a_backend_comes_before_the_callers():
    assert plan(openai(model="gpt-4o")).backends["llm"].model_for("claude") == "gpt-4o"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ({"host": "llm.test", "port": 8080}, "http://llm.test:8080/v1"),
        ({"host": "llm.test", "port": 443}, "https://llm.test:443/v1"),
        ({"host": "llm.test", "port": 8080, "pathPrefix": "/api/v2"}, "http://llm.test:8080/api/v2"),
        ({"host": "llm.test", "port": 80, "path": "/x/chat/completions"}, "http://llm.test:80/x"),
        ({"pathPrefix": "/beta"}, "https://api.openai.com/beta"),
    ],
    ids=["host", "https port", "prefix", "whole path", "prefix alone"],
)
def test_an_address_of_its_own_is_taken(address, url):
    assert plan(openai(**address)).backends["llm"].url == url


def test_a_static_backend_is_a_plain_address_that_gets_the_callers_path():
    static = resource("AgentgatewayBackend", "s", {"static": {"host": "a.test", "port": 80}})
    backend = plan(static).backends["s"]
    assert (backend.url, backend.bare) == ("http://a.test:80", True)


def test_tls_is_spoken_where_a_policy_says_so():
    spec = {"static": {"host": "a.test", "port": 8443}, "policies": {"tls": {}}}
    assert plan(resource("AgentgatewayBackend", "s", spec)).backends["s"].url == "https://a.test:8443"


@pytest.mark.parametrize("plain", [False, True], ids=["data", "stringData"])
@pytest.mark.parametrize("text", ["sk-1", "Bearer sk-1", "bearer  sk-1\n"])
def test_a_secret_among_the_manifests_is_the_key(text, plain):
    made = plan(openai(secret="openai-secret"), secret("openai-secret", text, plain=plain))
    assert keys(made.backends["llm"]) == ["sk-1"]


def test_a_secret_that_is_not_there_is_looked_up_in_the_environment():
    assert keys(plan(openai(secret="openai-secret"), env=ENV, serving=True).backends["llm"]) == ["sk-env"]


def test_a_secret_of_the_manifests_comes_before_the_environment():
    made = plan(openai(secret="openai-secret"), secret("openai-secret", "sk-file"), env=ENV)
    assert keys(made.backends["llm"]) == ["sk-file"]


@pytest.mark.parametrize(("serving", "severity"), [(False, "warning"), (True, "error")])
def test_a_secret_that_is_nowhere_is_as_an_unresolved_backend(serving, severity):
    found = loaded(openai(secret="openai-secret"), serving=serving)
    [problem] = [p for p in found.problems if p.code == "unresolved_secret"]
    assert problem.severity == severity
    assert "OPENAI_SECRET" in problem.message
    assert (found.plan is None) == serving


def test_a_key_of_another_entry_is_taken_by_its_name():
    named = {"auth": {"secretRef": {"name": "s", "key": "token"}}}
    backend = resource("AgentgatewayBackend", "b", {"ai": {"provider": {"openai": {}}}, "policies": named})
    assert keys(plan(backend, secret("s", "sk-2", key="token")).backends["b"]) == ["sk-2"]
    assert keys(plan(backend, env={"S_TOKEN": "sk-3"}).backends["b"]) == ["sk-3"]


def test_no_message_shows_what_a_secret_holds():
    broken = secret("openai-secret", "x") | {"data": {"Authorization": "sk-live-%%%"}}
    found = loaded(openai(secret="openai-secret"), broken)
    assert any(problem.code == "bad_manifest" for problem in found.problems)
    assert not any("sk-live" in str(problem) for problem in found.problems)


def test_url_and_key_are_laid_over_by_name():
    own = {"backends": [{"name": "llm", "url": "http://127.0.0.1:9/v1", "apiKey": "${KEY}"}]}
    made = plan(openai(model="gpt-4o", secret="nowhere"), own, env={"KEY": "sk-own"}, serving=True)
    backend = made.backends["llm"]
    assert (backend.url, backend.model, keys(backend)) == ("http://127.0.0.1:9/v1", "gpt-4o", ["sk-own"])


def test_a_key_can_be_sent_in_a_header_of_its_own():
    auth = {"key": "sk-4", "location": {"header": {"name": "X-Key", "prefix": "Token "}}}
    spec = {"ai": {"provider": {"openai": {}}}, "policies": {"auth": auth}}
    backend = plan(resource("AgentgatewayBackend", "b", spec)).backends["b"]
    assert (backend.headers, backend.api_keys) == ((("X-Key", "Token sk-4"),), ())


def test_groups_of_providers_are_a_pool_whose_later_groups_stand_by():
    group = [
        {"providers": [{"name": "a", "openai": {"model": "m1"}}, {"name": "b", "openai": {"model": "m2"}}]},
        {"providers": [{"name": "c", "openai": {"model": "m3"}}]},
    ]
    made = plan(resource("AgentgatewayBackend", "many", {"ai": {"groups": group}}))
    assert [(m.backend, m.priority) for m in made.pools["many"].members] == [
        ("many/a", 0),
        ("many/b", 0),
        ("many/c", 1),
    ]
    assert made.pools["many"].fallback
    assert made.backends["many/b"].model == "m2"


def test_a_policy_that_targets_a_backend_gives_it_key_and_aliases():
    laid = policy(
        "p",
        kind="AgentgatewayBackend",
        target="llm",
        backend={"auth": {"key": "sk-5"}, "ai": {"modelAliases": {"fast": "gpt-mini"}}},
    )
    backend = plan(openai(), laid).backends["llm"]
    assert (keys(backend), backend.models) == (["sk-5"], {"fast": "gpt-mini"})


def test_the_backends_own_policy_comes_before_one_that_targets_it():
    laid = policy("p", kind="AgentgatewayBackend", target="llm", backend={"auth": {"key": "sk-6"}})
    made = plan(openai(secret="s"), secret("s", "sk-own"), laid)
    assert keys(made.backends["llm"]) == ["sk-own"]


def test_backends_of_one_name_are_told_apart_by_their_namespaces():
    other = openai() | {"metadata": {"name": "llm", "namespace": "other"}}
    assert set(plan(openai(), other).backends) == {"shop/llm", "other/llm"}


def test_a_backend_that_is_only_named_is_unresolved():
    found = codes(http_route("r", rule(to="nobody")))
    assert "unresolved_backend" in found


@pytest.mark.parametrize("kind", ["mcp", "dynamicForwardProxy"])
def test_a_backend_that_is_no_provider_is_reported_and_unresolved(kind):
    made = (resource("AgentgatewayBackend", "x", {kind: {}}), http_route("r", rule(to="x")))
    assert {"unsupported_field", "unresolved_backend"} <= set(codes(*made))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"ai": {"provider": {"openai": {}, "host": "a.test"}}}, "both host and port"),
        ({"ai": {"provider": {"openai": {}, "anthropic": {}}}}, "exactly one provider"),
        (
            {"ai": {"provider": {"azureopenai": {"endpoint": "a", "apiVersion": "2024"}}}},
            "deploymentName is required",
        ),
        ({"static": {"host": "a.test"}}, "host and port"),
    ],
)
def test_what_the_schema_refuses_is_refused(spec, reason):
    found = loaded(resource("AgentgatewayBackend", "b", spec))
    assert any(reason in problem.message for problem in found.problems if problem.severity == "error")
