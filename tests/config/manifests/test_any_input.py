"""No manifest makes loading fail but by problems with a place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.config.load import load
from tests.config.manifests.kube import http_route, policy, resource, secret

KEYS = st.sampled_from(
    [
        "ai", "provider", "groups", "providers", "openai", "anthropic", "custom", "azureopenai", "formats", "static", "host", "port",
        "path", "pathPrefix", "model", "policies", "auth", "secretRef", "key", "name", "location", "header", "tls", "modelAliases",
        "overrides", "field", "value", "rules", "matches", "headers", "queryParams", "method", "type", "backendRefs", "weight", "kind",
        "group", "namespace", "filters", "requestMirror", "backendRef", "fraction", "numerator", "denominator", "percent", "urlRewrite",
        "replaceFullPath", "replacePrefixMatch", "requestHeaderModifier", "set", "add", "remove", "timeouts", "request", "retry",
        "attempts", "codes", "sessionPersistence", "parentRefs", "hostnames", "listeners", "hostname", "allowedRoutes", "namespaces",
        "from", "targetRefs", "targetSelectors", "matchLabels", "sectionName", "traffic", "phase", "transformation", "authorization",
        "policy", "matchExpressions", "backend", "metadata", "body",
    ]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70000),
    st.sampled_from(
        ["", "/", "a", "*", "*.a.test", "HTTPRoute", "Gateway", "AgentgatewayBackend", "Service", "agentgateway.dev",
         "PathPrefix", "Exact", "RegularExpression", "PreRouting", "RequestMirror", "RequestHeaderModifier", "URLRewrite",
         "ReplaceFullPath", "ReplacePrefixMatch", "(", "${X}", "5s", "0s", "proxy", "openai", "true", ":path"]
    ),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(KEYS, below, max_size=5)),
    max_leaves=25,
)
KINDS = st.sampled_from(
    ["AgentgatewayBackend", "AgentgatewayPolicy", "HTTPRoute", "Gateway", "Secret", "List", "Other"]
)
GROUPS = st.sampled_from(["v1", "agentgateway.dev/v1alpha1", "gateway.networking.k8s.io/v1"])
MANIFESTS = st.builds(
    lambda kind, group, about, spec, rest: {
        "apiVersion": group,
        "kind": kind,
        "metadata": about,
        "spec": spec,
        **rest,
    },
    KINDS,
    GROUPS,
    st.one_of(VALUES, st.fixed_dictionaries({"name": LEAVES, "namespace": LEAVES})),
    st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=6)),
    st.dictionaries(st.sampled_from(["data", "stringData", "items", "status"]), VALUES, max_size=2),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(MANIFESTS, min_size=1, max_size=4))
def test_whatever_a_manifest_holds_it_is_loaded_or_its_problems_are_told(documents: list[dict[str, Any]]):
    found = load(documents, env={}, serving=False)
    assert (found.plan is None) == bool(found.errors)


REF = {"group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": "llm", "weight": 2}
SERVICE = {"name": "echo", "port": 8080, "weight": 1}
CHANGES = {"add": [{"name": "a", "value": "'1'"}], "set": [{"name": "b", "value": "'2'"}], "remove": ["c"]}
GOOD = [
    resource("Gateway", "proxy", {"listeners": [{"name": "http", "port": 80, "hostname": "*.a.test"}]}),
    resource(
        "AgentgatewayBackend",
        "llm",
        {
            "ai": {"provider": {"openai": {"model": "m"}, "host": "h.test", "port": 80, "pathPrefix": "/p"}},
            "policies": {
                "auth": {"secretRef": {"name": "s", "key": "k"}, "location": {"header": {"name": "X-Key"}}},
                "ai": {"modelAliases": {"x": "y"}, "overrides": [{"field": "model", "value": "m"}]},
                "tls": {},
            },
        },
    ),
    resource(
        "AgentgatewayBackend",
        "many",
        {
            "ai": {
                "groups": [
                    {
                        "providers": [
                            {"name": "a", "openai": {}},
                            {
                                "name": "b",
                                "custom": {
                                    "formats": [{"type": "Completions", "path": "/x/chat/completions"}]
                                },
                            },
                        ]
                    }
                ]
            }
        },
    ),
    secret("s", "sk-1", key="k"),
    http_route(
        "r",
        {
            "name": "one",
            "matches": [
                {
                    "path": {"type": "PathPrefix", "value": "/a"},
                    "method": "POST",
                    "headers": [{"name": "h", "value": "v", "type": "Exact"}],
                },
                {"queryParams": [{"name": "q", "value": "v.*", "type": "RegularExpression"}]},
            ],
            "filters": [
                {
                    "type": "URLRewrite",
                    "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}},
                },
                {
                    "type": "RequestHeaderModifier",
                    "requestHeaderModifier": {"add": [{"name": "a", "value": "1"}], "remove": ["b"]},
                },
            ],
            "backendRefs": [REF, SERVICE],
            "timeouts": {"request": "5s"},
            "retry": {"attempts": 2, "codes": [500], "backoff": "100ms"},
            "sessionPersistence": {"sessionName": "sid", "type": "Cookie"},
        },
        hostnames=["b.a.test"],
    ),
    policy("first", traffic={"phase": "PreRouting", "transformation": {"request": CHANGES}}),
    policy(
        "second",
        kind="HTTPRoute",
        target="r",
        traffic={
            "transformation": {"request": CHANGES, "response": CHANGES},
            "authorization": {"action": "Deny", "policy": {"matchExpressions": ["request.path == '/x'"]}},
            "timeouts": {"request": "1s"},
        },
    ),
    policy("third", kind="AgentgatewayBackend", target="llm", backend={"auth": {"key": "sk-2"}}),
]


def places(tree: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every part."""
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [above, *(place for key, part in below for place in places(part, (*above, key)))][
        0 if above else 1 :
    ]


PLACES = places(GOOD)


def changed(at: tuple[Any, ...], value: Any, *, gone: bool) -> list[dict[str, Any]]:
    documents = deepcopy(GOOD)
    holder: Any = documents
    for step in at[:-1]:
        holder = holder[step]
    if gone:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return [document for document in documents if isinstance(document, dict)]


def test_the_good_ones_load():
    assert load(deepcopy(GOOD), env={}, serving=False).errors == ()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), VALUES, st.booleans())
def test_a_part_that_is_wrong_or_gone_is_told_of_or_means_nothing(at, value, gone):
    found = load(changed(at, value, gone=gone), env={}, serving=False)
    assert (found.plan is None) == bool(found.errors)
    assert not any("sk-" in str(problem) for problem in found.problems)
