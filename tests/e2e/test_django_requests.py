"""Requests through Django on real sockets: who calls, who may, and what is kept from whom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from llmgw_middleware.testing.upstream import Seen, stream
from llmgw_middleware.testing.upstream import chat as completion
from tests.e2e.django_servers import Site, chat, site
from tests.e2e.servers import Answer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["gthread", "uvicorn", "runserver"])
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as started:
        started.upstream.default(completion(headers={"Set-Cookie": "spy=1", "X-Request-Id": "theirs"}))
        yield started


def ask(running: Site, headers: Mapping[str, str] | None = None, *, body: bytes | None = None) -> Answer:
    with running.caller() as caller:
        return caller.ask(headers=headers, body=chat() if body is None else body)


def last(running: Site) -> Seen:
    return running.upstream.requests[-1]


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["error"]["code"]


@pytest.mark.parametrize(("name", "backend"), [("alice", "free"), ("bob", "premium")])
def test_the_session_decides_the_backend(running: Site, name: str, backend: str):
    assert ask(running, running.browser(name)).status == 200
    assert last(running).path == f"/{backend}/v1/chat/completions"


def test_a_tier_that_the_caller_claims_changes_nothing(running: Site):
    assert ask(running, running.browser("alice", X_User_Tier="premium", X_Tier="premium")).status == 200
    assert last(running).path.startswith("/free/")


def test_nobody_is_logged_in_by_a_made_up_session(running: Site):
    assert ask(running, {"cookie": "sessionid=made-up"}).status == 200
    assert last(running).path.startswith("/free/")


def test_what_the_browser_sends_to_the_host_stays_there(running: Site):
    ask(running, running.browser("bob", Authorization="Bearer of-the-host"))
    sent = last(running)
    assert sent.header("authorization") == "Bearer key-premium"
    assert sent.header("cookie") is sent.header("x-csrftoken") is sent.header("origin") is None
    assert "of-the-host" not in str(sent.headers)


def test_what_the_upstream_sets_stays_there(running: Site):
    answer = ask(running)
    assert "spy" not in str(answer.headers)
    assert "key-free" not in str(answer.headers) + answer.body.decode()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://evil.example"}, id="another site with the cookie and its token"),
        pytest.param({"x-csrftoken": "b" * 32}, id="a wrong token"),
        pytest.param({"x-csrftoken": ""}, id="no token"),
    ],
)
def test_another_sites_page_cannot_spend_the_visitors_session(running: Site, headers: dict[str, str]):
    before = len(running.upstream.requests)
    assert code(ask(running, {**running.browser("bob"), **headers})) == (403, "csrf_failed")
    assert len(running.upstream.requests) == before


def test_a_refusal_leaves_the_connection_usable(running: Site):
    with running.caller() as caller:
        assert caller.ask(headers={"content-type": "text/plain"}, body=b"{}").status == 415
        assert caller.ask(body=chat()).status == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/unheard-of", (404, "no_route")),
        ("/v1/../v1/chat/completions", (400, "bad_path")),
        ("/v1/chat%2fcompletions", (400, "bad_path")),
        ("/v1//chat/completions", (400, "bad_path")),
        ("/v1/%ff", (400, "bad_path")),
    ],
)
def test_odd_paths_are_judged_as_the_caller_wrote_them(running: Site, path: str, expected: tuple[int, str]):
    if running.kind == "runserver":
        pytest.skip("the standard library's server gives no raw path")
    with running.caller() as caller:
        assert code(caller.ask(path=path, body=chat())) == expected


def test_five_megabytes_pass(running: Site):
    assert ask(running, body=chat(user="x" * 5_000_000)).status == 200
    assert len(last(running).body) > 5_000_000


def test_more_than_the_limit_is_refused(running: Site):
    # Under WSGI the announced length is enough; under ASGI Django reads a body whole before any middleware runs.
    body = chat(user="x" * 6_000_000)
    length = {"content-length": str(len(body))}
    with running.caller() as caller:
        answer = caller.ask(headers=length, body=body if running.kind == "uvicorn" else body[:1])
    assert code(answer) == (413, "body_too_large")


def test_a_body_without_a_length_is_read(running: Site):
    if running.kind == "runserver":
        pytest.skip("the standard library's server takes no chunked bodies")
    body = chat()
    pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with running.caller() as caller:
        assert caller.ask(headers={"transfer-encoding": "chunked"}, body=pieces).status == 200
    assert last(running).json["model"] == "m"


def test_other_paths_are_the_projects(running: Site):
    with running.caller() as caller:
        answer = caller.ask(path="/elsewhere", body=b"untouched", headers={"content-type": "text/plain"})
    assert json.loads(answer.body)["body"] == "untouched"


def test_a_broken_stream_ends_with_an_error_and_no_done(running: Site):
    running.upstream.script(stream("a", "b", cut_after=1))
    answer = ask(running, body=chat(stream=True))
    assert answer.status == 200
    assert b"upstream_stream_truncated" in answer.body
    assert b"[DONE]" not in answer.body
