"""What the page on ASGI applications says is done here: by a newcomer, and for each framework it names."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from llmgw_middleware import Extensions, LLMGatewayMiddleware, build_gateway
from llmgw_middleware.testing.mock import create_mock
from llmgw_middleware.transport.httpx_transport import HttpxTransport
from tests.docs.pages import DOCS, page
from tests.docs.walk import followed

PAGE = page("asgi.md")
QUESTION = {"messages": [{"role": "user", "content": "Hi"}]}
CHAT = "/v1/chat/completions"


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What ``main.py`` makes, with a gateway that needs no network."""
    PAGE.write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    mock = HttpxTransport(httpx.ASGITransport(create_mock(pace=0)))
    gateway = build_gateway("llmgw.yaml", env={}, extensions=Extensions(transport=lambda: mock))
    found: dict[str, Any] = {"__name__": __name__}  # Litestar asks in which module a handler stands
    exec(PAGE.files["main.py"], found)

    def wrapped(app, *, config, identify):
        assert Path(config).exists()
        return LLMGatewayMiddleware(app, gateway=gateway, identify=identify)

    return {**found, "LLMGatewayMiddleware": wrapped}


def routes(app: Any) -> list[str]:
    """Return where the questions of both tiers went."""
    return [
        TestClient(app)
        .post(CHAT, json=QUESTION, headers={"authorization": f"Bearer {key}"})
        .headers["x-llmgw-route"]
        for key in ("key-of-alice", "key-of-bob")
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's questions are asked with curl")
def test_who_follows_the_page_in_an_empty_folder_gets_an_application_routed_by_tier(tmp_path):
    PAGE.write_files(tmp_path)
    printed = followed(PAGE, tmp_path)
    assert [shown for shown, _ in printed] == [told for _, told in printed]
    assert "x-llmgw-route: premium-chat" in [told for _, told in printed]


@pytest.mark.parametrize("framework", ["litestar", "quart", "a2wsgi"])
def test_a_wrapped_application_answers_as_before_and_the_gateway_its_paths(names, framework, monkeypatch):
    module = pytest.importorskip(framework, reason=f"{framework} is not installed")
    if framework == "litestar":  # its own logging would take over the root logger of the test run
        monkeypatch.setattr(module, "Litestar", partial(module.Litestar, logging_config=None))
    exec(PAGE.snippet(f"from {framework} import"), names)
    app = names["app"]
    assert routes(app) == ["chat", "premium-chat"]
    assert TestClient(app).get("/").text == "Hello"
    assert TestClient(app).post(CHAT, json=QUESTION).status_code == 401


def test_the_session_of_flask_can_be_read_from_outside(names):
    flask = pytest.importorskip("flask", reason="flask is not installed")
    exec(PAGE.snippet("from a2wsgi import"), names)
    site = names["site"]
    site.secret_key = "s"
    site.add_url_rule("/in", "in", lambda: flask.session.update(user_id="alice") or "in")
    exec(PAGE.snippet("by_flask_session"), names)
    with TestClient(names["app"]) as client:
        assert client.post(CHAT, json=QUESTION).status_code == 401
        client.get("/in")
        assert client.post(CHAT, json=QUESTION).status_code == 200
        assert client.post(CHAT, json=QUESTION, headers={"origin": "https://evil.example"}).status_code == 403


def test_every_snippet_is_run():
    assert set(PAGE.files) == {"llmgw.yaml", "main.py"}
    assert len(PAGE.snippets) == 4


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.text):
        assert (DOCS / target).exists(), target
