"""The cases of a cross-site request, through the middleware and for both kinds of server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import override_settings

from llmgw_middleware.testing.upstream import chat as completion
from tests.django.conftest import Caller
from tests.django.project.people import CSRF_TOKEN

OTHER = "https://evil.example"


async def ask(
    browser: Caller, *, cookie: bool = True, content_type: str = "application/json", **headers: str
) -> Any:
    if cookie:
        browser.client.cookies["csrftoken"] = CSRF_TOKEN
    return await browser.post(content_type=content_type, **headers)


def refused(response: Any) -> bool:
    return (response.status_code, json.loads(response.content)["error"].get("code")) == (403, "csrf_failed")


@pytest.fixture(autouse=True)
def answers(gateway, upstream):
    upstream.default(completion())


async def test_a_page_of_the_site_with_its_token_may_call(browser: Caller):
    await browser.login("alice")
    response = await ask(browser, X_CSRFToken=CSRF_TOKEN, Origin="http://testserver")
    assert response.status_code == 200


async def test_without_a_token_a_session_may_not_call(browser: Caller, upstream):
    await browser.login("alice")
    assert refused(await ask(browser, Origin="http://testserver"))
    assert not upstream.requests


async def test_a_wrong_token_is_refused(browser: Caller):
    await browser.login("alice")
    assert refused(await ask(browser, X_CSRFToken="b" * 32))


async def test_a_token_without_the_cookie_is_refused(browser: Caller):
    await browser.login("alice")
    assert refused(await ask(browser, cookie=False, X_CSRFToken=CSRF_TOKEN))


async def test_another_site_is_refused_even_with_the_token(browser: Caller):
    await browser.login("alice")
    assert refused(await ask(browser, X_CSRFToken=CSRF_TOKEN, Origin=OTHER))


async def test_the_refusal_gives_the_reason(browser: Caller):
    await browser.login("alice")
    text = json.loads((await ask(browser, X_CSRFToken=CSRF_TOKEN, Origin=OTHER)).content)["error"]["message"]
    assert OTHER in text
    assert "X-CSRFToken" in text


async def test_a_trusted_origin_may_call(browser: Caller):
    await browser.login("alice")
    with override_settings(CSRF_TRUSTED_ORIGINS=[OTHER]):
        assert (await ask(browser, X_CSRFToken=CSRF_TOKEN, Origin=OTHER)).status_code == 200


async def test_a_form_post_of_another_site_is_refused_by_its_type(browser: Caller):
    await browser.login("alice")
    assert (await ask(browser, content_type="text/plain", Origin=OTHER)).status_code == 415


async def test_nobody_logged_in_needs_no_token(browser: Caller):
    assert (await ask(browser, cookie=False, Origin=OTHER)).status_code == 200


async def test_a_token_of_the_callers_own_needs_no_csrf_token(browser: Caller):
    with override_settings(LLMGW_IDENTIFY="tests.django.hooks:by_token"):
        response = await ask(browser, cookie=False, Origin=OTHER, Authorization="Bearer bob")
    assert response.status_code == 200


async def test_a_resolver_that_says_session_is_checked_too(browser: Caller):
    with override_settings(LLMGW_IDENTIFY="tests.django.hooks:by_cookie"):
        assert refused(await ask(browser, Origin=OTHER, X_CSRFToken=CSRF_TOKEN))


async def test_the_token_may_live_in_the_session(browser: Caller):
    with override_settings(CSRF_USE_SESSIONS=True):
        await browser.login("alice")
        session = await browser.client.asession()
        await session.aset("_csrftoken", CSRF_TOKEN)
        await session.asave()
        assert (await ask(browser, cookie=False, X_CSRFToken=CSRF_TOKEN)).status_code == 200
        assert refused(await ask(browser, cookie=False))


async def test_a_listing_needs_no_token(browser: Caller):
    await browser.login("alice")
    assert (await browser.get("/v1/models")).status_code == 200


async def test_test_clients_that_check_nothing_are_not_checked_here(caller: Caller):
    await caller.login("alice")
    assert (await ask(caller, cookie=False)).status_code == 200


async def test_a_view_behind_a_pass_is_still_checked(browser: Caller, gateway):
    gateway["gateway"].update(onNoRoute="pass", paths=["/v1/*"])
    with override_settings(LLMGW=gateway):
        assert (await browser.post("/v1/protected", Origin=OTHER)).status_code == 403
        await browser.login("alice")
        browser.client.cookies["csrftoken"] = CSRF_TOKEN
        response = await browser.post("/v1/protected", X_CSRFToken=CSRF_TOKEN)
        assert response.content == b"past the CSRF check"
