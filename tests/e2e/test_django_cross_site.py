"""Another site's page cannot spend a visitor's session; callers with tokens are left in peace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from llmgw_middleware.testing.upstream import chat as completion
from tests.django.project import people
from tests.e2e.django_servers import OFTEN, Site, chat, site

pytestmark = pytest.mark.slow

ELSEWHERE = "https://evil.example"
RESOLVERS = {
    "the session": "",
    "REST framework": "llmgw_django.drf:identify",
}


@pytest.fixture(scope="module", params=RESOLVERS)
def resolver(request: pytest.FixtureRequest) -> str:
    if request.param == "REST framework" and find_spec("rest_framework") is None:
        pytest.skip("Django REST framework is not installed")
    return RESOLVERS[request.param]


@pytest.fixture(scope="module", params=OFTEN)
def running(request: pytest.FixtureRequest, resolver: str) -> Iterator[Site]:
    with site(request.param, **({"IDENTIFY": resolver} if resolver else {})) as started:
        started.upstream.default(completion())
        yield started


def asked(running: Site, headers: dict[str, str]) -> tuple[int, str | None]:
    """Return status and error code of a chat, and see that a refused one went nowhere."""
    before = len(running.upstream.requests)
    with running.caller() as caller:
        answer = caller.ask(headers=headers, body=chat())
    refused = answer.status != 200
    assert len(running.upstream.requests) == before + (not refused)
    return answer.status, json.loads(answer.body)["error"]["code"] if refused else None


def test_a_page_of_the_site_may_call(running: Site):
    assert asked(running, running.browser("bob")) == (200, None)
    assert running.upstream.requests[-1].path.startswith("/premium/")


def test_without_the_token_a_session_may_not(running: Site):
    headers = running.browser("bob")
    del headers["x-csrftoken"]
    assert asked(running, headers) == (403, "csrf_failed")


def test_another_sites_page_may_not(running: Site):
    assert asked(running, running.browser("bob", Origin=ELSEWHERE)) == (403, "csrf_failed")


def test_another_sites_form_may_not(running: Site):
    form = {"cookie": people.cookies("bob"), "content-type": "text/plain", "origin": ELSEWHERE}
    assert asked(running, form) == (415, "unsupported_media_type")


def test_nobody_logged_in_needs_no_token(running: Site):
    assert asked(running, {"origin": ELSEWHERE}) == (200, None)


def test_a_token_of_the_callers_own_needs_no_csrf_token(running: Site, resolver: str):
    headers = (
        {"authorization": f"Token {people.token('bob')}", "origin": ELSEWHERE}
        if resolver
        else {"authorization": "Bearer x"}
    )
    assert asked(running, headers) == (200, None)
    assert running.upstream.requests[-1].path.startswith("/premium/" if resolver else "/free/")


def test_a_bad_token_is_its_own_401(running: Site, resolver: str):
    if not resolver:
        pytest.skip("without a resolver nobody reads tokens")
    assert asked(running, {"authorization": "Token of-nobody"}) == (401, "not_authenticated")
