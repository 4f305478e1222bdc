"""HTTPRoutes become routes, in the Gateway API's order."""

import pytest

from llmgw_middleware.config.load import load
from llmgw_middleware.match.table import RouteTable
from tests.config.manifests.kube import CHAT, codes, http_route, loaded, openai, plan, resource, rule, under
from tests.match.asking import facts


def chosen(*documents, path=CHAT, method="POST", **asked):
    found = RouteTable(plan(openai(), *documents).routes).select(facts(method, path, **asked)).route
    return None if found is None else found.name


def test_a_route_of_one_rule_keeps_its_name():
    assert [route.name for route in plan(openai(), http_route("chat", rule(under("/v1")))).routes] == ["chat"]


def test_rules_are_numbered_or_called_by_their_own_name():
    routes = plan(openai(), http_route("chat", rule(under("/a")), rule(under("/b"), name="second"))).routes
    assert sorted(route.name for route in routes) == ["chat/1", "chat/second"]


def test_routes_of_one_name_are_told_apart_by_their_namespaces():
    other = http_route("chat", rule(under("/b")), namespace="other")
    routes = plan(openai(), http_route("chat", rule(under("/a"))), other).routes
    assert sorted(route.name for route in routes) == ["other/chat", "shop/chat"]


def test_a_rule_without_matches_takes_every_path():
    assert chosen(http_route("all", rule()), path="/anything/at/all") == "all"


exact = {"path": {"type": "Exact", "value": "/a/b"}}
pattern = {"path": {"type": "RegularExpression", "value": "/a/[a-z]+"}}
header = {"headers": [{"name": "X-Tier", "value": "gold"}]}
query = {"queryParams": [{"name": "q", "value": "1"}]}


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param(exact, under("/a/b"), id="an exact path before a prefix"),
        pytest.param(under("/a/b"), under("/a"), id="the longer prefix"),
        pytest.param(pattern, under("/a/b"), id="the longer text of a pattern"),
        pytest.param(under("/a", method="GET"), under("/a", **header), id="a method before headers"),
        pytest.param(under("/a", **header), under("/a", **query), id="headers before query parameters"),
        pytest.param(under("/a", **query), under("/a"), id="query parameters before none"),
    ],
)
def test_the_better_match_wins_wherever_it_stands(better, worse):
    first, second = http_route("a-worse", rule(worse)), http_route("z-better", rule(better))
    asked = {"headers": (("x-tier", "gold"),), "query": "q=1"}
    assert chosen(first, second, path="/a/b", method="GET", **asked) == "z-better"


def test_of_equal_matches_the_name_decides_and_then_the_place_of_the_rule():
    routes = plan(
        openai(), http_route("b", rule(under("/a"))), http_route("a", rule(under("/a")), rule(under("/a")))
    ).routes
    assert [route.name for route in routes] == ["a/1", "a/2", "b"]


def test_matches_of_one_rule_have_places_of_their_own():
    wide = http_route("wide", rule(under("/"), under("/a/b/c")))
    assert chosen(wide, http_route("middle", rule(under("/a/b"))), path="/a/b/x") == "middle"
    assert chosen(wide, http_route("middle", rule(under("/a/b"))), path="/a/b/c") == "wide"


@pytest.mark.parametrize(
    ("host", "name"), [("api.shop.test", "exact"), ("x.y.shop.test:8080", "wild"), ("other.test", "any")]
)
def test_the_most_exact_host_comes_first(host, name):
    routes = [
        http_route("any", rule(exact)),
        http_route("wild", rule(under("/")), hostnames=["*.shop.test"]),
        http_route("exact", rule(under("/")), hostnames=["api.shop.test"]),
    ]
    assert chosen(*routes, path="/a/b", headers=(("host", host),)) == name


def test_imported_rules_come_after_ones_of_ones_own():
    own = {"routes": [{"name": "mine", "path": CHAT, "backend": "llm"}]}
    assert chosen(http_route("theirs", rule({"path": {"type": "Exact", "value": CHAT}})), own) == "mine"


def test_the_first_of_several_tests_on_one_header_counts():
    twice = [{"name": "A", "value": "1"}, {"name": "a", "value": "2"}]
    route = http_route("r", rule(under("/", headers=twice)))
    assert chosen(route, headers=(("a", "1"),)) == "r"
    assert "unsupported_field" in codes(openai(), route)


def test_weights_become_a_split_drawn_anew_for_each_request():
    [route] = plan(openai("a"), openai("b"), http_route("r", rule(to={"a": 9, "b": 1}))).routes
    assert {side.target: side.weight for side in route.split} == {"a": 9, "b": 1}
    assert str(route.sticky) == "none"


def test_a_sticky_key_of_ones_own_is_laid_over_the_split():
    own = {"routes": [{"name": "r", "sticky": "user"}]}
    [route] = plan(openai("a"), openai("b"), http_route("r", rule(to={"a": 9, "b": 1})), own).routes
    assert str(route.sticky) == "user"


def test_session_persistence_is_a_sticky_key():
    kept = rule(to={"a": 1, "b": 1}, sessionPersistence={"sessionName": "sid", "type": "Cookie"})
    [route] = plan(openai("a"), openai("b"), http_route("r", kept)).routes
    assert str(route.sticky) == "cookie:sid"


@pytest.mark.parametrize("to", [{}, {"llm": 0}], ids=["no backend", "only weights of zero"])
def test_a_rule_that_leads_nowhere_takes_its_requests_and_answers_500(to):
    [route] = plan(openai(), http_route("r", rule(under("/"), to=to))).routes
    assert route.answer is not None
    assert (route.answer.status, route.answer.code) == (500, "no_backend")


def test_a_redirect_is_reported_and_answered_with_an_error_instead_of_falling_to_another_rule():
    redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
    moved = http_route("moved", rule(under("/old"), filters=[redirect]))
    assert "unsupported_field" in codes(openai(), moved)
    [route] = plan(openai(), moved).routes
    assert route.answer is not None
    assert route.answer.code == "redirect_unavailable"


def mirrored(*mirrors):
    filters = [{"type": "RequestMirror", "requestMirror": mirror} for mirror in mirrors]
    return http_route("r", rule(under("/"), filters=filters))


ECHO = {"name": "echo", "port": 80}


@pytest.mark.parametrize(
    ("mirror", "share"),
    [
        ({}, 1.0),
        ({"percent": 20}, 0.2),
        ({"fraction": {"numerator": 25, "denominator": 50}}, 0.5),
        ({"fraction": {"numerator": 1}}, 0.01),
    ],
    ids=["all", "percent", "fraction", "of a hundred"],
)
def test_a_mirror_copies_its_share(mirror, share):
    [route] = plan(openai(), mirrored({"backendRef": ECHO, **mirror})).routes
    assert route.mirror is not None
    assert (route.mirror.target, route.mirror.share) == ("echo", share)


def test_a_mirror_of_nothing_is_none():
    [route] = plan(openai(), mirrored({"backendRef": ECHO, "percent": 0})).routes
    assert route.mirror is None


def test_a_second_mirror_is_reported():
    twice = mirrored({"backendRef": ECHO}, {"backendRef": {"name": "other", "port": 80}})
    assert "unsupported_field" in codes(openai(), twice)
    [route] = plan(openai(), twice).routes
    assert route.mirror is not None
    assert route.mirror.target == "echo"


def test_a_service_has_its_address_inside_the_cluster():
    ref = {"name": "echo", "port": 8080}
    made = plan(http_route("r", {"backendRefs": [ref]}))
    assert made.backends["echo"].url == "http://echo.shop.svc.cluster.local:8080"
    assert made.backends["echo"].bare


def test_two_ports_of_a_service_are_two_backends():
    refs = [{"name": "echo", "port": 1}, {"name": "echo", "port": 2}]
    assert set(plan(http_route("r", {"backendRefs": refs})).backends) == {"shop/echo/1", "shop/echo/2"}


def test_limits_of_time_and_repeats_come_along():
    timed = rule(
        timeouts={"request": "500ms"}, retry={"attempts": 2, "codes": [500, 503], "backoff": "100ms"}
    )
    [route] = plan(openai(), http_route("r", timed)).routes
    assert route.timeouts.read == 0.5
    assert (route.retry.max_attempts, route.retry.retry_on) == (3, frozenset({500, 503}))


@pytest.mark.parametrize(
    ("rewrite", "sent"),
    [
        ({"type": "ReplaceFullPath", "replaceFullPath": "/whole"}, "/whole"),
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}, "/new/rest"),
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}, "/rest"),
    ],
    ids=["full path", "prefix", "prefix by nothing"],
)
def test_paths_are_rewritten(rewrite, sent):
    filters = [{"type": "URLRewrite", "urlRewrite": {"path": rewrite}}]
    [route] = plan(openai(), http_route("r", rule(under("/old"), filters=filters))).routes
    assert route.rewrite.path_for("/old/rest") == sent


@pytest.mark.parametrize(
    ("listener", "names", "hosts"),
    [
        ("*.shop.test", [], ("*.shop.test",)),
        ("*.shop.test", ["api.shop.test"], ("api.shop.test",)),
        ("api.shop.test", ["*.test"], ("api.shop.test",)),
        (None, ["a.test"], ("a.test",)),
    ],
)
def test_hosts_are_what_listener_and_route_have_in_common(listener, names, hosts):
    http = {"name": "http", "port": 80} | ({} if listener is None else {"hostname": listener})
    gateway = resource("Gateway", "proxy", {"listeners": [http]})
    [route] = plan(gateway, openai(), http_route("r", rule(under("/")), hostnames=names)).routes
    assert route.matches[0].hosts == hosts


def test_a_route_that_no_listener_takes_is_left_out_and_said():
    gateway = resource("Gateway", "proxy", {"listeners": [{"name": "http", "hostname": "a.test"}]})
    stray = http_route("r", rule(under("/")), hostnames=["b.test"])
    assert "not_attached" in codes(gateway, openai(), stray)
    assert plan(gateway, openai(), stray).routes == ()


def test_a_listener_takes_routes_of_other_namespaces_only_if_it_says_so():
    closed = resource("Gateway", "proxy", {"listeners": [{"name": "http"}]}, namespace="edge")
    opened = {"listeners": [{"name": "http", "allowedRoutes": {"namespaces": {"from": "All"}}}]}
    route = http_route("r", rule(under("/")), parentRefs=[{"name": "proxy", "namespace": "edge"}])
    assert plan(closed, openai(), route).routes == ()
    assert len(plan(resource("Gateway", "proxy", opened, namespace="edge"), openai(), route).routes) == 1


def test_a_problem_is_told_at_its_place_in_the_manifest(tmp_path):
    text = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: proxy}]\n  rulez: []\n"
    (tmp_path / "r.yaml").write_text(text)
    problem = next(p for p in load(tmp_path, env={}, serving=False).problems if "rulez" in p.message)
    assert (problem.line, problem.column, problem.hint) == (6, 3, 'did you mean "rules"?')


def test_the_items_of_a_list_count_as_documents():
    both = {"apiVersion": "v1", "kind": "List", "items": [openai(), http_route("r", rule())]}
    assert [route.name for route in plan(both).routes] == ["r"]


def test_every_problem_of_a_rule_names_its_path():
    texts = [p.message for p in loaded(openai(), http_route("r", rule(under("/", cookies=[])))).problems]
    assert any("spec.rules[0].matches[0].cookies" in text for text in texts)
