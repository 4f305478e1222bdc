"""The same routes, limits and decisions as over HTTP."""

import json

import httpx
import pytest

from llmgw_middleware.asgi import LLMGatewayMiddleware
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.testing.script import Silence
from llmgw_middleware.testing.upstream import chat, raw
from tests.client.calling import ASKED, CHAT, User, config, models_sent, serving

TIERS = {
    "premium": (User(tier="premium"), "large"),
    "free": (User(tier="free"), "small"),
    "nobody": (None, "small"),
}
PARTS = (
    "method",
    "path",
    "identity",
    "route",
    "target",
    "backend",
    "model_asked",
    "model_sent",
    "model_served",
)
MORE = ("stream", "usage", "cost", "status", "outcome", "code", "split", "rules")


@pytest.mark.parametrize(("user", "model"), TIERS.values(), ids=TIERS)
def test_the_user_decides_the_route(gateway, upstream, user, model):
    with gateway.client(user=user) as client:
        client.post(CHAT, json=ASKED)
    assert models_sent(upstream) == [model]


def test_the_decision_is_with_the_answer_and_on_record(gateway):
    with gateway.client(user=User()) as client:
        decision = client.post(CHAT, json=ASKED).extensions["llmgw_decision"]
    assert (decision.route, decision.identity.id, decision.outcome) == ("premium", "7", "served")
    assert list(gateway.recorder) == [decision]


async def nothing_behind(scope, receive, send):
    raise AssertionError("the gateway answers")


async def test_it_is_the_decision_that_a_request_over_http_gets(gateway):
    identity = Identity(id="7", attributes={"tier": "premium"}, source="token")
    door = LLMGatewayMiddleware(nothing_behind, gateway=gateway, identify=lambda request: identity)
    over_http = httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://llmgw")
    async with over_http, gateway.client(httpx.AsyncClient, user=identity) as inside:
        answers = [await client.post(CHAT, json=ASKED) for client in (over_http, inside)]
    there, here = list(gateway.recorder)
    for part in (*PARTS, *MORE):
        assert getattr(there, part) == getattr(here, part), part
    assert answers[0].json() == answers[1].json()
    await gateway.aclose()


@pytest.mark.parametrize("tier", ["premium", "free"])
def test_the_models_are_those_of_the_users_routes(upstream, tier):
    routes = [
        {"name": name, "path": CHAT, "user": {"tier": name}, "models": [f"gpt-{name}"], "backend": "large"}
        for name in ("premium", "free")
    ]
    source = config(upstream.url, gateway={"paths": ["/v1/*"]}) | {"routes": routes}
    with serving(source) as gateway, gateway.client(user=User(tier=tier)) as client:
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [f"gpt-{tier}"]


def test_a_query_and_headers_arrive_as_they_were_sent(upstream):
    source = config(upstream.url)
    source["routes"] = [{"name": "all", "path": "/v1/*", "passthrough": True, "backend": "small"}]
    with serving(source) as gateway, gateway.client() as client:
        client.post("/v1/audio/x%20y?a=1&b=%20", content=b"abc", headers={"X-Request-ID": "asked-by-me"})
    [seen] = upstream.requests
    assert (seen.path, seen.query, seen.body) == ("/v1/audio/x%20y", "a=1&b=%20", b"abc")
    assert next(iter(gateway.recorder)).request_id == "asked-by-me"


def test_the_callers_credential_and_cookies_do_not_go_upstream(gateway, upstream):
    with gateway.client() as client:
        client.post(CHAT, json=ASKED, headers={"Authorization": "Bearer unused", "Cookie": "a=b"})
    [seen] = upstream.requests
    assert (seen.header("authorization"), seen.header("cookie")) == ("Bearer sk-x", None)


REFUSALS = {
    "a path of nobody's": ("/healthz", b"{}", 404, "no_route"),
    "a body that is no JSON": (CHAT, b"{", 400, "invalid_json"),
    "a body that is too long": (CHAT, b"{" + b" " * 1000 + b"}", 413, "body_too_large"),
}


@pytest.mark.parametrize(("path", "body", "status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_an_answer(upstream, path, body, status, code):
    with serving(config(upstream.url, gateway={"maxBodySize": 1000})) as gateway, gateway.client() as client:
        answer = client.post(path, content=body, headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (answer.headers["x-request-id"], upstream.requests) == ("mine", [])


def test_what_is_given_back_to_the_host_is_not_found_and_on_record_once(upstream):
    source = config(upstream.url, gateway={"onNoRoute": "pass", "paths": ["/v1/*"]})
    source["routes"] = source["routes"][1:2]
    with serving(source) as gateway, gateway.client() as client:
        answer = client.post(CHAT, json=ASKED)
        [decision] = gateway.recorder
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_route")
    assert (decision.outcome, answer.extensions["llmgw_decision"]) == ("pass", decision)
    assert answer.headers["x-request-id"] == decision.request_id


def test_nobody_is_refused_where_a_user_is_required(upstream):
    with serving(config(upstream.url, identity={"require": True})) as gateway, gateway.client() as client:
        assert client.post(CHAT, json=ASKED).status_code == 401


def test_a_retry_happens_below_the_client(upstream):
    pool = {
        "name": "both",
        "type": "pool",
        "fallback": True,
        "backends": [{"name": "large"}, {"name": "small"}],
    }
    source = config(upstream.url)
    source["backends"].append(pool)
    source["routes"] = [{"name": "all", "path": CHAT, "backend": "both"}]
    upstream.script(raw(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"), chat("second"))
    with serving(source) as gateway, gateway.client() as client:
        answer = client.post(CHAT, json=ASKED)
    assert (answer.status_code, len(answer.extensions["llmgw_decision"].attempts)) == (200, 2)


@pytest.mark.parametrize("wait", [0.05, 0.3], ids=["shorter than a look", "longer than a look"])
def test_a_read_timeout_ends_the_wait_and_lets_the_upstream_go(gateway, upstream, wait):
    upstream.script(chat("the first request, which loads what is loaded when needed"))
    upstream.default(raw(Silence()))
    with gateway.client() as client:
        client.post(CHAT, json=ASKED)
        with pytest.raises(httpx.ReadTimeout, match="read timeout"):
            client.post(CHAT, json=ASKED, timeout=wait)
    upstream.wait_left(1, 5.0)


async def test_a_read_timeout_ends_an_asynchronous_wait_as_well(gateway, upstream):
    upstream.default(raw(Silence()))
    async with gateway.client(httpx.AsyncClient) as client:
        with pytest.raises(httpx.ReadTimeout, match="read timeout"):
            await client.post(CHAT, json=ASKED, timeout=0.05)
    [decision] = gateway.recorder
    assert decision.outcome == "cancelled"
    await gateway.aclose()


def test_the_body_may_come_in_pieces(gateway, upstream):
    body = json.dumps(ASKED).encode()
    with gateway.client() as client:
        client.post(CHAT, content=iter([body[:5], body[5:]]), headers={"content-type": "application/json"})
    assert models_sent(upstream) == ["small"]
