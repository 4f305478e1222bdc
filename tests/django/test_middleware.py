from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings

import llmgw_django
from llmgw_django import shared
from llmgw_django.door import DjangoDoor
from llmgw_django.middleware import LLMGatewayMiddleware
from llmgw_middleware import ConfigError
from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, error, stream
from llmgw_middleware.testing.upstream import chat as completion
from tests.django.conftest import Caller, chat
from tests.django.project.gateway import config


def code(response: Any) -> str:
    return str(json.loads(response.content)["error"]["code"])


def the_door() -> DjangoDoor:
    door = shared.door()
    assert door is not None
    return door


async def test_a_chat_is_answered_in_place_of_the_project(
    caller: Caller, gateway, upstream: ScriptedUpstream
):
    upstream.script(completion("hello"))
    response = await caller.post()
    assert response.status_code == 200
    assert json.loads(response.content)["choices"][0]["message"]["content"] == "hello"
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(("name", "path"), [("alice", "/free/v1"), ("bob", "/premium/v1")])
async def test_the_tier_on_the_users_profile_chooses_the_backend(
    caller: Caller, gateway, upstream, name, path
):
    upstream.script(completion())
    await caller.login(name)
    assert (await caller.post()).status_code == 200
    assert upstream.requests[0].path == f"{path}/chat/completions"


async def test_a_header_that_claims_a_tier_changes_nothing(
    caller: Caller, gateway, upstream: ScriptedUpstream
):
    upstream.script(completion())
    await caller.login("alice")
    await caller.post(X_User_Tier="premium", X_Tier="premium")
    assert upstream.requests[0].path.startswith("/free/")


async def test_a_stream_comes_chunk_by_chunk(caller: Caller, gateway, upstream: ScriptedUpstream):
    upstream.script(stream("a", "b", "c", gap=0.02))
    response = await caller.post(data=chat(stream=True))
    assert response["Content-Type"].startswith("text/event-stream")
    chunks = await caller.chunks(response)
    assert len(chunks) >= 3
    assert b"".join(chunks).endswith(b"data: [DONE]\n\n")


async def test_a_stream_names_its_encoding_so_that_nobody_compresses_it(caller: Caller, gateway, upstream):
    upstream.script(stream("a"))
    with override_settings(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware", *SETTINGS_MIDDLEWARE]):
        response = await caller.post(data=chat(stream=True), Accept_Encoding="gzip")
        body = b"".join(await caller.chunks(response))
    assert response["Content-Encoding"] == "identity"
    assert response["X-Accel-Buffering"] == "no"
    assert b"[DONE]" in body


async def test_a_buffered_answer_may_be_compressed(caller: Caller, gateway, upstream: ScriptedUpstream):
    upstream.script(completion("long " * 400))
    with override_settings(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware", *SETTINGS_MIDDLEWARE]):
        response = await caller.post(Accept_Encoding="gzip")
    assert response["Content-Encoding"] == "gzip"
    assert int(response["Content-Length"]) == len(response.content) < 1000


async def test_an_error_of_the_upstream_is_a_plain_answer(
    caller: Caller, gateway, upstream: ScriptedUpstream
):
    upstream.script(error(400, message="too long", code="context_length_exceeded"))
    response = await caller.post(data=chat(stream=True))
    assert not response.streaming
    assert response.status_code == 400
    assert code(response) == "context_length_exceeded"


async def test_what_belongs_to_the_host_never_goes_up(caller: Caller, gateway, upstream: ScriptedUpstream):
    upstream.script(completion())
    await caller.login("alice")
    await caller.post(Authorization="Bearer of the host", X_CSRFToken="secret-token")
    seen = upstream.requests[0]
    assert seen.header("authorization") == "Bearer key-free"
    assert seen.header("cookie") is seen.header("x-csrftoken") is None


async def test_a_cookie_of_the_upstream_never_comes_down(caller: Caller, gateway, upstream: ScriptedUpstream):
    upstream.script(completion(headers={"Set-Cookie": "spy=1", "Server": "upstream"}))
    response = await caller.post()
    assert "spy" not in response.cookies
    assert not response.has_header("Set-Cookie")
    assert response.get("Server") != "upstream"


async def test_other_paths_are_the_projects(caller: Caller, gateway):
    response = await caller.post("/elsewhere", data=chat())
    assert json.loads(response.content) == {
        "path": "/elsewhere",
        "body": chat(),
        "again": chat(),
        "form": {},
        "outcome": None,
    }


def test_a_path_in_another_script_is_the_projects(gateway):
    assert Client().get("/日本/é").json()["path"] == "/日本/é"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_a_body_that_is_no_json_is_refused_by_its_type(caller: Caller, gateway, kind: str):
    response = await caller.post(data="a=b", content_type=kind)
    assert (response.status_code, code(response)) == (415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused(caller: Caller, upstream: ScriptedUpstream):
    with override_settings(LLMGW=config(upstream.url, maxBodySize=1000)):
        response = await caller.post(data=chat(user="x" * 1000))
        assert (response.status_code, code(response)) == (413, "body_too_large")
    assert not upstream.requests


async def test_a_body_of_five_megabytes_passes(caller: Caller, gateway, upstream: ScriptedUpstream):
    upstream.script(completion())
    big = chat(user="x" * 5_000_000)
    assert (await caller.post(data=big)).status_code == 200
    assert len(upstream.requests[0].body) >= 5_000_000


async def test_without_a_route_the_project_gets_the_request_back(caller: Caller, upstream: ScriptedUpstream):
    said = config(upstream.url, onNoRoute="pass", paths=["/v1/*"])
    with override_settings(LLMGW=said):
        response = await caller.post("/v1/elsewhere", data='{"a": 1}')
    assert json.loads(response.content) == {
        "path": "/v1/elsewhere",
        "body": '{"a": 1}',
        "again": '{"a": 1}',
        "form": {},
        "outcome": "pass",
    }


async def test_a_form_that_the_gateway_passes_on_can_be_read_by_a_view(
    caller: Caller, upstream: ScriptedUpstream
):
    with override_settings(LLMGW=config(upstream.url, onNoRoute="pass", paths=["/v1/*"])):
        form = "application/x-www-form-urlencoded"
        response = await caller.post("/v1/elsewhere", data="a=b&c=d", content_type=form)
    assert json.loads(response.content)["form"] == {"a": "b", "c": "d"}


async def test_options_are_the_hosts(caller: Caller, gateway):
    call = caller.client.options("/v1/chat/completions")
    response = await call if caller.kind == "asgi" else call
    assert json.loads(response.content)["outcome"] is None


async def test_an_unknown_path_under_the_gateway_is_told_in_openais_form(
    caller: Caller, upstream: ScriptedUpstream
):
    with override_settings(LLMGW=config(upstream.url, paths=["/v1/*"])):
        response = await caller.post("/v1/unheard-of")
    assert (response.status_code, code(response)) == (404, "no_route")


async def test_the_decision_is_on_the_request(caller: Caller, gateway, upstream: ScriptedUpstream):
    upstream.script(completion())
    await caller.login("bob")
    request = (
        (await caller.post()).wsgi_request if caller.kind == "wsgi" else (await caller.post()).asgi_request
    )
    assert request.llmgw.decision.route == "premium"
    assert request.llmgw.gateway is the_door().gateway


async def test_overriding_the_settings_makes_another_gateway(
    caller: Caller, gateway, upstream: ScriptedUpstream
):
    upstream.script(completion())
    assert (await caller.post()).status_code == 200
    deny = {"name": "no", "path": "/v1/*", "respond": {"status": 403, "code": "closed", "message": "Closed."}}
    with override_settings(LLMGW={"routes": [deny]}):
        assert code(await caller.post()) == "closed"


async def test_switched_off_the_project_answers(caller: Caller):
    with override_settings(LLMGW_ENABLED=False):
        assert json.loads((await caller.post()).content)["outcome"] is None


async def test_switched_off_after_the_start_the_project_answers(
    caller: Caller, gateway, upstream: ScriptedUpstream
):
    upstream.script(completion())
    await caller.post()
    with override_settings(LLMGW_ENABLED=False):
        assert json.loads((await caller.post()).content)["outcome"] is None


@pytest.mark.parametrize("place", ["above", "below"])
@pytest.mark.parametrize("kind", ["only_sync", "only_async"])
async def test_neighbours_of_one_kind_do_not_make_a_stream_come_whole(
    caller: Caller, gateway, upstream: ScriptedUpstream, place: str, kind: str
):
    neighbour = f"tests.django.project.kinds.{kind}"
    if caller.kind == "wsgi" and (place, kind) == ("above", "only_async"):
        pytest.skip(
            "Django itself drains every stream that passes an asynchronous-only middleware under WSGI"
        )
    upstream.script(stream("a", "b", gap=0.02))
    middleware = [neighbour, *SETTINGS_MIDDLEWARE] if place == "above" else [*SETTINGS_MIDDLEWARE, neighbour]
    with override_settings(MIDDLEWARE=middleware):
        response = await caller.post(data=chat(stream=True))
        assert len(await caller.chunks(response)) >= 2


def test_the_same_gateway_stands_behind_every_handler(gateway):
    def get_response(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    first, second = LLMGatewayMiddleware(get_response), LLMGatewayMiddleware(get_response)
    assert repr(first) == repr(second)
    assert shared.door() is shared.door()


def test_it_starts_nothing_before_the_first_request(gateway):
    LLMGatewayMiddleware(lambda request: HttpResponse())
    assert "not started" in repr(shared.door())


def test_switched_off_it_takes_itself_out_of_the_chain():
    with override_settings(LLMGW_ENABLED=False), pytest.raises(MiddlewareNotUsed):
        LLMGatewayMiddleware(lambda request: HttpResponse())


def test_the_environment_switches_it_off(monkeypatch):
    monkeypatch.setenv("LLMGW_ENABLED", "false")
    with pytest.raises(MiddlewareNotUsed):
        LLMGatewayMiddleware(lambda request: HttpResponse())


def test_the_environment_names_the_configuration(monkeypatch, tmp_path):
    file = tmp_path / "other.yaml"
    file.write_text("routes: [{name: other, path: /other, respond: {status: 403, code: x, message: y}}]")
    monkeypatch.setenv("LLMGW_CONFIG", str(file))
    LLMGatewayMiddleware(lambda request: HttpResponse())
    assert the_door().gateway.intercepts("POST", "/other")


def test_every_problem_is_told_at_the_start(upstream: ScriptedUpstream):
    wrong = {
        "routes": [{"name": "a", "path": "/v1/*", "bakend": "x"}, {"name": "b", "pth": "/v2", "backend": "x"}]
    }
    with (
        override_settings(LLMGW=wrong, LLMGW_IDENTIFY="no.such:thing", MIDDLEWARE=SETTINGS_MIDDLEWARE[::-1]),
        pytest.raises(ImproperlyConfigured) as raised,
    ):
        LLMGatewayMiddleware(lambda request: HttpResponse())
    text = str(raised.value)
    assert all(word in text for word in ("E001", "E002", "E003", "E010", "bakend", "pth", "no.such:thing"))


async def test_a_stream_that_is_dropped_unread_lets_the_upstream_go(caller: Caller, gateway, upstream):
    upstream.script(stream("a", "b", stall_after=1))
    response = await caller.post(data=chat(stream=True))
    response.close()
    await asyncio.to_thread(upstream.wait_left, 0)


async def test_answers_name_the_request(caller: Caller, gateway, upstream: ScriptedUpstream):
    upstream.script(answer(json={"object": "chat.completion", "choices": []}))
    assert (await caller.post(X_Request_ID="from-the-caller"))["X-Request-ID"] == "from-the-caller"


SETTINGS_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "llmgw_django.middleware.LLMGatewayMiddleware",
]


def test_the_projects_own_code_asks_the_gateway_that_answers_requests(upstream: ScriptedUpstream):
    upstream.script(completion("from inside"))
    with override_settings(LLMGW=config(upstream.url)):
        with llmgw_django.gateway().client(user="7", attributes={"tier": "premium"}) as http:
            answer = http.post("/v1/chat/completions", json={"model": "m", "messages": []})
        assert llmgw_django.gateway() is the_door().gateway
    assert "from inside" in answer.text
    assert upstream.requests[0].path.startswith("/premium/")


def test_where_it_is_switched_off_there_is_no_gateway_to_ask():
    with override_settings(LLMGW_ENABLED=False), pytest.raises(ConfigError, match="LLMGW_ENABLED"):
        llmgw_django.gateway()


def test_a_view_of_the_project_can_say_how_an_answer_was_received(gateway):
    assert llmgw_django.gateway().signal("thumbs_down", user=7) == 0
