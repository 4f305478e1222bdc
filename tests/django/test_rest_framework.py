"""Who calls, where the project's users come with tokens that Django REST framework reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.test import override_settings

from llmgw_django import shared
from llmgw_middleware.testing.upstream import ScriptedUpstream, stream
from llmgw_middleware.testing.upstream import chat as completion
from tests.django.conftest import Caller, chat
from tests.django.project.people import CSRF_TOKEN

pytest.importorskip("rest_framework", reason="Django REST framework is not installed")

from rest_framework.authentication import BaseAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import APIException, AuthenticationFailed

SESSION = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"
TOKEN = "rest_framework.authentication.TokenAuthentication"
JWT = "rest_framework_simplejwt.authentication.JWTAuthentication"
ELSEWHERE = "https://evil.example"


class ByCookie(BaseAuthentication):  # type: ignore[misc]  # the framework has no types
    """Takes a token from a cookie, as packages for single-page applications do."""

    def authenticate(self, request: Any) -> Any:
        token = request.COOKIES.get("token")
        return None if token is None else (Token.objects.get(key=token).user, token)


class Moody(BaseAuthentication):  # type: ignore[misc]  # as above
    """Raises what the header ``X-Mood`` names."""

    def authenticate(self, request: Any) -> Any:
        match request.headers.get("X-Mood"):
            case "banned":
                raise PermissionDenied("You were banned.")
            case "list":
                raise AuthenticationFailed(["Not this", "nor that."])
            case "down":
                raise APIException("The directory is down.")
            case "broken":
                raise RuntimeError("a secret detail")
        return None


def by(*authenticators: str) -> Any:
    """Let the framework ask these."""
    return override_settings(
        LLMGW_IDENTIFY="llmgw_django.drf:identify",
        REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": list(authenticators)},
    )


@pytest.fixture(autouse=True)
def framework(gateway: Any, upstream: ScriptedUpstream) -> Iterator[None]:
    upstream.default(completion())
    with by(SESSION, TOKEN):
        yield


async def token_of(name: str) -> str:
    user = await User.objects.aget(username=name)
    token, _ = await Token.objects.aget_or_create(user=user)
    return str(token.key)


def told(response: Any) -> tuple[int, str, str]:
    error = json.loads(response.content)["error"]
    return response.status_code, error["code"], error["message"]


def last_identity() -> Any:
    door: Any = shared.door()
    return next(iter(door.gateway.recorder)).identity


@pytest.mark.parametrize(("name", "backend"), [("alice", "free"), ("bob", "premium")])
async def test_a_token_tells_who_calls(caller: Caller, upstream, name: str, backend: str):
    response = await caller.post(Authorization=f"Token {await token_of(name)}")
    assert response.status_code == 200
    assert upstream.requests[0].path.startswith(f"/{backend}/")
    user = await User.objects.aget(username=name)
    assert (last_identity().id, last_identity().source) == (str(user.pk), "token")


async def test_a_token_needs_no_csrf_token(browser: Caller):
    response = await browser.post(Authorization=f"Token {await token_of('bob')}", Origin=ELSEWHERE)
    assert response.status_code == 200


async def test_a_session_tells_who_calls(browser: Caller):
    await browser.login("bob")
    browser.client.cookies["csrftoken"] = CSRF_TOKEN
    assert (await browser.post(X_CSRFToken=CSRF_TOKEN)).status_code == 200
    assert (last_identity().source, last_identity().attributes["tier"]) == ("session", "premium")


@pytest.mark.parametrize("authenticators", [[SESSION, TOKEN], [TOKEN, SESSION]], ids=["first", "last"])
async def test_another_sites_page_cannot_use_the_session(browser: Caller, upstream, authenticators):
    await browser.login("bob")
    browser.client.cookies["csrftoken"] = CSRF_TOKEN
    with by(*authenticators):
        refused = await browser.post(X_CSRFToken=CSRF_TOKEN, Origin=ELSEWHERE)
    assert told(refused)[:2] == (403, "csrf_failed")
    assert not upstream.requests


async def test_another_sites_page_cannot_use_a_token_that_the_browser_sends_by_itself(browser: Caller):
    with by(f"{__name__}.ByCookie"):
        browser.client.cookies["token"] = await token_of("bob")
        assert told(await browser.post(Origin=ELSEWHERE))[:2] == (403, "csrf_failed")
        browser.client.cookies["csrftoken"] = CSRF_TOKEN
        assert (await browser.post(X_CSRFToken=CSRF_TOKEN)).status_code == 200


async def test_nobody_is_an_anonymous_caller(caller: Caller, upstream):
    assert (await caller.post()).status_code == 200
    assert upstream.requests[0].path.startswith("/free/")
    assert last_identity().source == "none"


async def test_a_made_up_session_key_is_not_taken_for_one(caller: Caller):
    caller.client.cookies["sessionid"] = "made-up-by-the-caller-of-32-letters"
    with by(TOKEN):
        await caller.post()
        assert last_identity().session_key is None


@pytest.mark.parametrize(
    ("authenticators", "challenge"),
    [
        pytest.param([TOKEN], "Token", id="token"),
        pytest.param([SESSION, TOKEN], "Token", id="session first"),
        pytest.param([BASIC, TOKEN], 'Basic realm="api"', id="basic first"),
    ],
)
async def test_a_bad_token_is_refused_with_its_own_words(
    caller: Caller, upstream, authenticators: list[str], challenge: str
):
    with by(*authenticators):
        response = await caller.post(Authorization="Token of-nobody")
    assert told(response) == (401, "not_authenticated", "Invalid token.")
    assert response["WWW-Authenticate"] == challenge
    assert not upstream.requests


async def test_a_bad_token_beside_a_good_session_makes_nobody_anonymous(caller: Caller, upstream):
    await caller.login("bob")
    with by(TOKEN, SESSION):
        assert (await caller.post(Authorization="Token of-nobody")).status_code == 401
    assert not upstream.requests


async def test_a_user_who_was_shut_out_is_refused(caller: Caller):
    key = await token_of("alice")
    await User.objects.filter(username="alice").aupdate(is_active=False)
    try:
        response = await caller.post(Authorization=f"Token {key}")
    finally:
        await User.objects.filter(username="alice").aupdate(is_active=True)
    assert told(response) == (401, "not_authenticated", "User inactive or deleted.")


@pytest.mark.parametrize(
    ("mood", "expected"),
    [
        pytest.param("banned", (403, "forbidden", "You were banned."), id="Django's own refusal"),
        pytest.param("list", (401, "not_authenticated", "Not this nor that."), id="several reasons"),
        pytest.param(
            "down", (500, "identity_failed", "The directory is down."), id="an error of the framework"
        ),
    ],
)
async def test_what_an_authenticator_says_is_the_answer(caller: Caller, mood: str, expected: Any):
    with by(f"{__name__}.Moody"):
        assert told(await caller.post(X_Mood=mood)) == expected


async def test_an_authenticator_that_breaks_makes_nobody_anonymous(caller: Caller, upstream, caplog):
    with by(f"{__name__}.Moody"):
        response = await caller.post(X_Mood="broken")
    assert told(response)[:2] == (500, "identity_failed")
    assert b"secret detail" not in response.content
    assert "a secret detail" in caplog.text
    assert not upstream.requests


async def test_a_view_behind_a_pass_sees_the_user_of_its_session(browser: Caller, gateway):
    gateway["gateway"].update(onNoRoute="pass", paths=["/v1/*"])
    with override_settings(LLMGW=gateway):
        response = await browser.post("/v1/who", Authorization=f"Token {await token_of('bob')}")
    assert response.content == b"nobody"


async def test_a_token_of_simplejwt_tells_who_calls(caller: Caller, upstream):
    tokens = pytest.importorskip("rest_framework_simplejwt.tokens", reason="simplejwt is not installed")
    good = tokens.AccessToken.for_user(await User.objects.aget(username="bob"))
    with by(JWT):
        assert (await caller.post(Authorization=f"Bearer {good}")).status_code == 200
        assert upstream.requests[0].path.startswith("/premium/")
        bad = await caller.post(Authorization=f"Bearer {good}x")
    assert told(bad)[:2] == (401, "not_authenticated")
    assert "token" in told(bad)[2]
    assert bad["WWW-Authenticate"] == 'Bearer realm="api"'


async def test_a_stream_is_served_to_a_token(caller: Caller, upstream):
    upstream.script(stream("a", "b"))
    response = await caller.post(data=chat(stream=True), Authorization=f"Token {await token_of('bob')}")
    assert b"".join(await caller.chunks(response)).endswith(b"data: [DONE]\n\n")


def test_explain_names_a_user_of_tokens_without_a_token(capsys):
    with by(TOKEN):
        call_command(
            "llmgw", "explain", "--path", "/v1/chat/completions", "-X", "POST", "--user", "bob", "--json"
        )
    assert json.loads(capsys.readouterr().out)["route"] == "premium"


FORM = '--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--x--\r\n'


async def test_a_form_with_the_csrf_token_in_a_field_is_taken(browser: Caller, upstream, gateway):
    gateway["routes"].append(
        {"name": "speech", "path": "/v1/audio/transcriptions", "backend": "free", "passthrough": True}
    )
    await browser.login("bob")
    browser.client.cookies["csrftoken"] = CSRF_TOKEN
    with override_settings(LLMGW=gateway):
        statuses = [
            (
                await browser.post(
                    "/v1/audio/transcriptions",
                    FORM.format(name="csrfmiddlewaretoken", value=token),
                    "multipart/form-data; boundary=x",
                )
            ).status_code
            for token in (CSRF_TOKEN, "b" * 32)
        ]
    assert statuses == [200, 403]
    assert FORM.format(name="csrfmiddlewaretoken", value=CSRF_TOKEN).encode() == upstream.requests[0].body
