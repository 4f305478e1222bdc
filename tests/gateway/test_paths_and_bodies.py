"""Bad input gets its status and code, in OpenAI's form."""

import json

import pytest

from llmgw_middleware.model.http import Pass
from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, chat
from tests.gateway.asking import (
    ALICE,
    PATH,
    ask,
    backend,
    chat_config,
    error_of,
    gateway,
    header,
    request,
    said,
    stream_of,
)

REFUSED = {
    "no JSON": ({"body": b"{"}, 400, "invalid_json"),
    "an empty body": ({"body": b""}, 400, "invalid_json"),
    "JSON that is no object": ({"body": b"[1]"}, 400, "invalid_json"),
    "a key twice": ({"body": b'{"model":"a","model":"b","messages":[]}'}, 400, "duplicate_key"),
    "a dotted path": ({"path": "/v1/./chat/completions"}, 400, "bad_path"),
    "an encoded slash": ({"path": "/v1%2fchat/completions"}, 400, "bad_path"),
    "an unknown path": ({"path": "/v1/other"}, 404, "no_route"),
    "another method": ({"method": "DELETE"}, 405, "method_not_allowed"),
}


@pytest.mark.parametrize(("asked", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_bad_input_is_refused_before_any_backend_is_asked(asked, status, code):
    with ScriptedUpstream() as up:
        config = chat_config(
            backend("one", up.url), route={"methods": ["POST"]}, gateway={"paths": ["/v1/*"]}
        )
        async with gateway(config) as gw:
            response = await ask(gw, **asked)
        assert (response.status, error_of(response)["code"]) == (status, code)
        assert header(response, "x-request-id")
        assert up.requests == []


async def test_another_method_is_told_which_ones_are_allowed():
    async with gateway(chat_config(backend("one", "http://127.0.0.1:1"), route={"methods": ["POST"]})) as gw:
        assert header(await ask(gw, method="PUT"), "allow") == "POST"


async def test_no_route_may_give_the_request_back_to_the_host():
    config = chat_config(
        backend("one", "http://127.0.0.1:1"), gateway={"paths": ["/v1/*"], "onNoRoute": "pass"}
    )
    async with gateway(config) as gw:
        given_back = await gw.handle(request(path="/v1/mine"))
    assert isinstance(given_back, Pass)
    assert given_back.decision.outcome == "pass"


async def test_an_anonymous_caller_is_refused_where_identity_is_required():
    async with gateway(chat_config(backend("one", "http://127.0.0.1:1"), identity={"require": True})) as gw:
        response = await ask(gw)
    assert (response.status, error_of(response)["code"]) == (401, "not_authenticated")


async def test_a_deny_rule_answers_at_once():
    deny = {
        "name": "deny",
        "path": PATH,
        "respond": {"status": 451, "code": "blocked", "message": "Not here."},
    }
    async with gateway({"routes": [deny]}) as gw:
        response = await ask(gw)
    assert (response.status, error_of(response)["code"], error_of(response)["message"]) == (
        451,
        "blocked",
        "Not here.",
    )


@pytest.mark.parametrize(
    ("model", "status"), [("gpt-4o", 200), ("claude-sonnet-5", 200), ("gpt-4", 403), ("claude", 403)]
)
async def test_a_route_offers_its_models_and_no_others(model, status):
    with ScriptedUpstream() as up:
        up.default(chat())
        async with gateway(
            chat_config(backend("one", up.url), route={"models": ["gpt-4o", "claude-*"]})
        ) as gw:
            response = await ask(gw, body={"model": model, "messages": []})
        assert response.status == status
        if status == 403:
            assert (error_of(response)["code"], error_of(response)["param"]) == ("model_not_allowed", "model")


SENT = {
    "as asked": ({}, {}, "gpt-4o"),
    "an alias": ({"models": {"gpt-4o": "gpt-4o-2024-08-06"}}, {}, "gpt-4o-2024-08-06"),
    "a pattern": ({"models": {"gpt-*": "gpt-5", "g*": "x"}}, {}, "gpt-5"),
    "the backend's only one": ({"model": "llama"}, {}, "llama"),
    "the route's": ({}, {"rewrite": {"model": "gpt-4o-mini"}}, "gpt-4o-mini"),
    "the route's, aliased": (
        {"models": {"small": "gpt-4o-mini"}},
        {"rewrite": {"model": "small"}},
        "gpt-4o-mini",
    ),
}


@pytest.mark.parametrize(("own", "route", "sent"), SENT.values(), ids=SENT)
async def test_the_model_that_is_sent_is_the_configured_one(own, route, sent):
    with ScriptedUpstream() as up:
        up.default(chat())
        async with gateway(chat_config(backend("one", up.url, **own), route=route)) as gw:
            await ask(gw)
        assert up.requests[0].json["model"] == sent


async def test_a_plain_address_is_a_reverse_proxy_for_its_paths():
    with ScriptedUpstream() as up:
        up.default(answer(200, json={"mine": True}))
        route = {"path": "/api/chat/*", "backend": up.url.removeprefix("http://"), "methods": ["POST", "GET"]}
        async with gateway({"routes": [route]}) as gw:
            response = await ask(gw, path="/api/chat/history", query=b"page=2", method="GET", body=b"")
            assert b"".join([c async for c in stream_of(response)]) == b'{"mine": true}'
        assert (up.requests[0].method, up.requests[0].path) == ("GET", "/api/chat/history")
        assert up.requests[0].query == "page=2"


async def test_what_the_gateway_does_not_know_is_forwarded_only_where_that_is_said():
    with ScriptedUpstream() as up:
        up.default(answer(200, body=b"RIFF", headers={"content-type": "audio/wav"}))
        speech = {"name": "speech", "path": "/v1/audio/*", "backend": "one"}
        for passthrough, status in ((False, 404), (True, 200)):
            config = {
                "routes": [{**speech, "passthrough": passthrough}],
                "backends": [backend("one", up.url)],
            }
            async with gateway(config) as gw:
                response = await ask(gw, path="/v1/audio/speech", body=b'{"input":"hi"}')
                assert response.status == status
                if response.stream is not None:
                    assert b"".join([c async for c in stream_of(response)]) == b"RIFF"
        assert [r.path for r in up.requests] == ["/v1/audio/speech"]


@pytest.mark.parametrize("method", ["CONNECT", "FOO BAR", "", "G\u00c9T", "GET\r\nx: y"], ids=ascii)
@pytest.mark.parametrize("path", ["", "/v1"], ids=["bare", "below a path"])
async def test_a_method_that_cannot_be_forwarded_is_refused(method, path):
    with ScriptedUpstream() as up:
        route = {"name": "files", "path": "/v1/files", "backend": "one", "passthrough": True}
        config = {"routes": [route], "backends": [{"name": "one", "url": f"{up.url}{path}"}]}
        async with gateway(config) as gw:
            response = await ask(gw, path="/v1/files", method=method, body=b"")
        assert up.requests == []
    assert (response.status, error_of(response)["code"]) == (400, "bad_method")


async def test_a_method_that_nobody_knows_is_forwarded():
    with ScriptedUpstream() as up:
        up.default(answer(200, body=b"ok"))
        route = {"name": "files", "path": "/v1/files", "backend": "one", "passthrough": True}
        async with gateway({"routes": [route], "backends": [{"name": "one", "url": up.url}]}) as gw:
            response = await ask(gw, path="/v1/files", method="PURGE", body=b"")
            await said(response)
        assert [r.method for r in up.requests] == ["PURGE"]
    assert response.status == 200


async def test_an_opaque_answer_that_breaks_off_is_never_made_to_look_whole():
    from llmgw_middleware.errors import UpstreamError
    from llmgw_middleware.testing.upstream import Close, raw

    with ScriptedUpstream() as up:
        up.default(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", Close()))
        route = {"name": "files", "path": "/v1/files", "backend": "one", "passthrough": True}
        async with gateway({"routes": [route], "backends": [backend("one", up.url)]}) as gw:
            response = await ask(gw, path="/v1/files", body=b"x")
            with pytest.raises(UpstreamError):
                async for _ in stream_of(response):
                    pass


async def test_the_listing_shows_what_this_caller_may_ask_for():
    routes = [
        {
            "name": "premium",
            "path": PATH,
            "user": {"tier": "premium"},
            "backend": "one",
            "models": ["big", "huge-*"],
        },
        {"name": "free", "path": PATH, "backend": "one"},
    ]
    config = {"routes": routes, "backends": [backend("one", "http://127.0.0.1:1", models={"small": "s-1"})]}
    async with gateway(config) as gw:
        response = await ask(gw, path="/v1/models", method="GET", body=b"", who=ALICE)
    assert [row["id"] for row in json.loads(response.body)["data"]] == ["small"]
    assert header(response, "cache-control") == "private"


async def test_a_request_id_is_kept_if_it_is_one():
    async with gateway(chat_config(backend("one", "http://127.0.0.1:1"))) as gw:
        kept = await ask(gw, headers={"x-request-id": "abc-1"})
        replaced = await ask(gw, headers={"x-request-id": "a b\t<script>"})
    assert header(kept, "x-request-id") == "abc-1"
    assert len(header(replaced, "x-request-id") or "") == 32
