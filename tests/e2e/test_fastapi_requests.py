"""FastAPI over real HTTP: which pages may call with a session, what bodies pass, how a server is kept from starting."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import jwt
import pytest

from llmgw_fastapi import bearer
from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e.fastapi_site import site
from tests.e2e.gateways import WHOLE
from tests.e2e.servers import RawCaller, serve_asgi, serve_process

KEY = "a-key-of-thirty-two-bytes-or-more"
TRUSTED = "https://partner.example"


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        upstream.default(chat("hello"))
        yield upstream


@pytest.fixture(scope="module")
def port(upstream) -> Iterator[int]:
    with serve_asgi(site(upstream.url, trusted_origins=[TRUSTED])) as port:
        yield port


@pytest.fixture(scope="module")
def guarded(upstream) -> Iterator[int]:
    """The port of a site whose callers have tokens."""

    def decode(token):
        return jwt.decode(token, KEY, algorithms=["HS256"])

    hook = bearer(decode, invalid=jwt.InvalidTokenError)
    with serve_asgi(site(upstream.url, identify=hook)) as port:
        yield port


@pytest.fixture(scope="module")
def cookie(port) -> str:
    with RawCaller(port) as caller:
        return caller.ask(path="/login").headers["set-cookie"].partition(";")[0]


@pytest.fixture
def caller(port) -> Iterator[RawCaller]:
    with RawCaller(port) as caller:
        yield caller


def code_of(answer):
    return json.loads(answer.body)["error"]["code"]


# Origin ("own": that of the site), Sec-Fetch-Site, whether it may. The first line of the rule that applies decides.
ORIGINS = [
    (TRUSTED, None, True),
    (TRUSTED, "cross-site", True),
    (TRUSTED.upper(), "cross-site", True),
    ("https://evil.example", "same-origin", True),
    ("null", "none", True),
    (None, "same-origin", True),
    (None, "none", True),
    ("own", "same-origin", True),
    ("own", "same-site", False),
    ("own", "cross-site", False),
    (None, "cross-site", False),
    (None, "same-site", False),
    ("https://evil.example", "cross-site", False),
    (None, None, True),
    ("own", None, True),
    ("https://evil.example", None, False),
    ("null", None, False),
    ("http://127.0.0.1:1", None, False),
]


def lines(caller, origin, site, **more):
    own = f"http://127.0.0.1:{caller.port}"
    said = {"origin": own if origin == "own" else origin, "sec-fetch-site": site, **more}
    return {name: value for name, value in said.items() if value is not None}


class TestOrigins:
    @pytest.mark.parametrize(("origin", "site", "passes"), ORIGINS, ids=str)
    def test_a_page_may_use_the_session_by_the_origin_rule(self, caller, cookie, origin, site, passes):
        answer = caller.ask(headers=lines(caller, origin, site, cookie=cookie), body=WHOLE)
        assert answer.status == (200 if passes else 403)
        assert passes or code_of(answer) == "csrf_failed"

    @pytest.mark.parametrize(("origin", "site", "passes"), ORIGINS, ids=str)
    def test_without_a_session_there_is_nothing_to_misuse(self, caller, origin, site, passes):
        assert caller.ask(headers=lines(caller, origin, site), body=WHOLE).status == 200

    @pytest.mark.parametrize(("origin", "site", "passes"), ORIGINS, ids=str)
    def test_reading_changes_nothing(self, caller, cookie, origin, site, passes):
        headers = lines(caller, origin, site, cookie=cookie)
        assert caller.ask("GET", "/v1/models", headers=headers).status == 200

    def test_a_form_of_another_site_is_refused_before_it_is_read(self, caller, cookie):
        headers = {"content-type": "text/plain", "cookie": cookie, "origin": "https://evil.example"}
        assert caller.ask(headers=headers, body=WHOLE).status == 415

    def test_a_refused_page_costs_nothing(self, upstream, caller, cookie):
        before = len(upstream.requests)
        caller.ask(headers={"cookie": cookie, "sec-fetch-site": "cross-site"}, body=WHOLE)
        assert len(upstream.requests) == before


class TestTokens:
    @pytest.fixture
    def caller(self, guarded) -> Iterator[RawCaller]:
        with RawCaller(guarded) as caller:
            yield caller

    @pytest.mark.parametrize(("origin", "site", "passes"), ORIGINS, ids=str)
    def test_clients_with_a_token_may_call_from_anywhere(self, caller, origin, site, passes):
        token = jwt.encode({"sub": "alice"}, KEY)
        headers = lines(caller, origin, site, authorization=f"Bearer {token}")
        assert caller.ask(headers=headers, body=WHOLE).status == 200

    def test_a_bad_token_is_challenged(self, upstream, caller):
        before = len(upstream.requests)
        answer = caller.ask(headers={"authorization": "Bearer x"}, body=WHOLE)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
        assert len(upstream.requests) == before


class TestBodies:
    def test_the_hosts_credentials_stay_here(self, upstream, caller, cookie):
        caller.ask(headers={"cookie": cookie, "authorization": "Basic YTpi", "x-csrftoken": "t"}, body=WHOLE)
        sent = upstream.requests[-1].headers
        assert {"cookie", "authorization", "x-csrftoken"} & set(sent) == set()

    @pytest.mark.parametrize(
        "options",
        [
            {"body": b"x" * 100_001},
            {
                "headers": {"transfer-encoding": "chunked"},
                "body": b"186a1\r\n" + b"x" * 100_001 + b"\r\n0\r\n\r\n",
            },
        ],
        ids=["announced", "chunked"],
    )
    def test_a_body_over_the_limit_is_413_and_the_next_request_is_answered(self, caller, options):
        assert code_of(caller.ask(**options)) == "body_too_large"
        assert caller.ask(body=WHOLE).status == 200

    def test_fastapis_own_pages_are_there(self, caller):
        assert caller.ask("GET", "/docs").status == 200
        paths = json.loads(caller.ask("GET", "/openapi.json").body)["paths"]
        assert list(paths) == ["/login"]


def test_under_a_root_path_of_the_server_the_paths_are_those_below(upstream):
    with serve_asgi(site(upstream.url), root_path="/api") as port, RawCaller(port) as caller:
        assert caller.ask(body=WHOLE).status == 200


def test_a_session_inside_the_gateway_ends_uvicorn_with_status_3():
    command = ["-m", "uvicorn", "--factory", "tests.e2e.fastapi_site:disordered", "--fd"]
    with serve_process(lambda _, fd: [sys.executable, *command, str(fd)]) as server:
        assert server.process.wait(20) == 3
        said = server.log.read_text()
    assert "SessionMiddleware stands inside LLMGatewayMiddleware" in said
    assert "before add_middleware(SessionMiddleware" in said
