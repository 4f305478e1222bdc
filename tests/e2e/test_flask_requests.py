"""Flask's doors over real sockets: identity, origins, bodies, spellings, and connections that stay usable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmgw_middleware.testing.answers import chat as completion
from tests.e2e.flask_servers import Site, site
from tests.e2e.gateways import WHOLE
from tests.e2e.servers import RawCaller

pytestmark = pytest.mark.slow

STACKS = [(kind, way) for kind in ("flask run", "gthread") for way in ("extension", "wrapped")]


@pytest.fixture(scope="module", params=STACKS, ids=" ".join)
def running(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(*request.param) as started:
        started.upstream.default(completion("welcome"))
        yield started


@pytest.fixture
def caller(running: Site) -> Iterator[RawCaller]:
    with running.caller() as caller:
        yield caller


def code(answer: Any) -> str:
    found: str = json.loads(answer.body)["error"]["code"]
    return found


@pytest.mark.parametrize(("name", "backend"), [("alice", "free"), ("bob", "premium")])
def test_the_session_decides_who_answers(running: Site, caller: RawCaller, name: str, backend: str):
    assert caller.ask(headers={"cookie": running.login(name)}, body=WHOLE).status == 200
    seen = running.upstream.requests[-1]
    assert seen.path == f"/{backend}/v1/chat/completions"
    assert seen.header("cookie") is None


def test_another_sites_page_may_not_call_with_the_session(running: Site, caller: RawCaller):
    headers = {"cookie": running.login("bob"), "origin": "https://evil.example"}
    answer = caller.ask(headers=headers, body=WHOLE)
    assert (answer.status, code(answer)) == (403, "csrf_failed")


def test_a_token_may_come_from_anywhere(running: Site, caller: RawCaller):
    headers = {"authorization": "Bearer of-bob", "origin": "https://app.example"}
    assert caller.ask(headers=headers, body=WHOLE).status == 200
    assert running.upstream.requests[-1].path.startswith("/premium/")


REFUSED: dict[int, Any] = {
    413: {"body": b"x" * 6_000_001},
    415: {"headers": {"content-type": "text/plain"}, "body": WHOLE},
    400: {"body": b"{not json"},
    404: {"path": "/v1/nothing", "body": WHOLE},
}


@pytest.mark.parametrize("status", REFUSED)
def test_a_refusal_is_seen_and_leaves_the_connection_usable(running: Site, caller: RawCaller, status: int):
    answer = caller.ask(**REFUSED[status])
    assert answer.status == status
    if running.kind != "flask run":  # Werkzeug closes each connection after its answer
        assert b"welcome" in caller.ask(body=WHOLE).body


def test_a_form_is_answered_with_its_reason(caller: RawCaller):
    answer = caller.ask(headers={"content-type": "application/x-www-form-urlencoded"}, body=b"a=b")
    assert (answer.status, code(answer)) == (415, "unsupported_media_type")


def test_five_megabytes_pass(running: Site, caller: RawCaller):
    body = json.dumps({"model": "m", "messages": [], "pad": "x" * 5_000_000}).encode()
    assert caller.ask(body=body).status == 200
    assert len(running.upstream.requests[-1].body) >= 5_000_000


def test_a_chunked_body_is_read(caller: RawCaller):
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(WHOLE), WHOLE)
    assert b"welcome" in caller.ask(headers={"transfer-encoding": "chunked"}, body=body).body


def test_a_chunked_body_is_counted(caller: RawCaller):
    piece = b"%x\r\n%b\r\n" % (700_000, b"x" * 700_000)
    answer = caller.ask(headers={"transfer-encoding": "chunked"}, body=piece * 10 + b"0\r\n\r\n")
    assert (answer.status, code(answer)) == (413, "body_too_large")


@pytest.mark.parametrize(
    "path", ["/v1/%63hat/completions", "/v1/chat%2Fcompletions", "/v1/./chat/completions"]
)
def test_an_ambiguous_spelling_is_refused(caller: RawCaller, path: str):
    answer = caller.ask(path=path, body=WHOLE)
    assert (answer.status, code(answer)) == (400, "bad_path")


@pytest.mark.parametrize(("path", "body"), [("/", b"home"), ("/nothing", b"Not Found")])
def test_other_paths_are_the_applications(caller: RawCaller, path: str, body: bytes):
    assert body in caller.ask("GET", path).body
