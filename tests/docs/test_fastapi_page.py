"""What the page on FastAPI says is done here: by a newcomer in an empty folder, and snippet by snippet."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware

from llmgw_fastapi import LLMGatewayMiddleware, bearer
from llmgw_middleware import ConfigError, Extensions, build_gateway
from llmgw_middleware.testing.mock import create_mock
from llmgw_middleware.transport.httpx_transport import HttpxTransport
from tests.docs.pages import DOCS, page
from tests.docs.walk import BIN, followed, words

PAGE = page("fastapi.md")
QUESTION = {"messages": [{"role": "user", "content": "Hi"}]}
CHAT = "/v1/chat/completions"
KEY = "a-key-of-thirty-two-bytes-or-more"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    PAGE.write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def names(folder):
    """What the snippets take for granted: the application, and a gateway that needs no network."""
    mock = HttpxTransport(httpx.ASGITransport(create_mock(pace=0)))
    gateway = build_gateway("llmgw.yaml", env={}, extensions=Extensions(transport=lambda: mock))

    class Gateway(LLMGatewayMiddleware):
        """The middleware with the network taken out."""

        def __init__(self, app: Any, *, config: str, **options: Any) -> None:
            assert Path(config).exists()
            super().__init__(app, gateway=gateway, **options)

    return {"app": FastAPI(), "LLMGatewayMiddleware": Gateway, "Request": Request, "FastAPI": FastAPI}


def run(snippet: str, names: dict[str, Any]) -> None:
    """Run a snippet, whose own import of the middleware must name it and is not to replace ours."""
    ours = names["LLMGatewayMiddleware"]
    exec(snippet, names)
    assert names["LLMGatewayMiddleware"] in (ours, LLMGatewayMiddleware)


def without_import(snippet: str) -> str:
    return snippet.replace("import LLMGatewayMiddleware, bearer", "import bearer")


# -- from nothing ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's questions are asked with curl")
def test_who_follows_the_page_in_an_empty_folder_gets_an_application_routed_by_tier(folder):
    printed = followed(PAGE, folder)
    assert [shown for shown, _ in printed] == [told for _, told in printed]


def test_the_page_shows_both_tiers_and_a_stranger():
    printed = [text.strip() for command, text in PAGE.commands if command.startswith("curl")]
    assert printed[-3:] == ["x-llmgw-route: chat", "x-llmgw-route: premium-chat", "401"]


def test_its_packages_are_those_of_an_extra():
    [extras] = re.findall(r"llmgw-middleware\[([\w,]+)\]", PAGE.command("pip install"))
    project = (DOCS.parent / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras.split(","))


def test_its_servers_know_the_options_they_are_given():
    for command in (
        PAGE.command("uvicorn main:app --workers"),
        PAGE.command("gunicorn"),
        PAGE.command("hypercorn"),
    ):
        program, *options = words(command)
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        assert [option for option in options if option.startswith("-") and option not in told] == []


# -- order -----------------------------------------------------------------------------------------------------------


class Everybody(AuthenticationBackend):
    async def authenticate(self, conn: Any) -> Any:
        return AuthCredentials(), SimpleUser("alice")


def ordered(names: dict[str, Any]) -> dict[str, Any]:
    return names | {
        "backend": Everybody(),
        "AuthenticationMiddleware": AuthenticationMiddleware,
        "SessionMiddleware": SessionMiddleware,
        "CORSMiddleware": CORSMiddleware,
    }


def test_the_order_of_the_page_starts_in_silence_and_knows_the_caller(names, caplog):
    names = ordered(names)
    run(PAGE.snippet("CORSMiddleware"), names)
    with TestClient(names["app"]) as client:
        answer = client.post(
            CHAT, json=QUESTION, headers={"origin": "https://app.example", "sec-fetch-site": "same-origin"}
        )
    assert (answer.status_code, "stands inside" in caplog.text) == (200, False)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_the_other_way_round_does_not_start(names):
    names = ordered(names)
    lines = PAGE.snippet("CORSMiddleware").strip().splitlines()
    exec("\n".join(reversed(lines)), names)
    with pytest.raises(ConfigError, match="stands inside"), TestClient(names["app"]):
        pass


# -- who calls -------------------------------------------------------------------------------------------------------


def ask(app: Any, token: str | None = None, **headers: str) -> Any:
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return TestClient(app).post(CHAT, json=QUESTION, headers=headers)


def test_its_tokens_name_the_caller_and_the_tier(names):
    names["KEY"] = KEY
    run(without_import(PAGE.snippet("jwt.decode")), names)
    claims = {"sub": "bob", "tier": "premium", "aud": "shop"}
    answer = ask(names["app"], jwt.encode(claims, KEY))
    assert (answer.status_code, answer.headers["x-llmgw-route"]) == (200, "premium-chat")
    for bad in ("x", jwt.encode({**claims, "aud": "elsewhere"}, KEY), jwt.encode(claims, KEY[::-1])):
        assert "bearer" in ask(names["app"], bad).headers["www-authenticate"].lower()
    assert ask(names["app"]).status_code == 401


def test_its_keys_are_looked_up(names):
    async def with_key(key):
        return SimpleNamespace(id=7, tier="premium") if key == "k-7" else None

    names |= {"accounts": SimpleNamespace(with_key=with_key), "bearer": bearer}
    run(PAGE.snippet("by_api_key"), names)
    names["app"].add_middleware(
        names["LLMGatewayMiddleware"], config="llmgw.yaml", identify=names["identify"]
    )
    assert ask(names["app"], "k-7").headers["x-llmgw-route"] == "premium-chat"
    assert ask(names["app"], "k-8").status_code == 401


def test_its_own_function_reads_a_header_or_refuses(names):
    run(PAGE.snippet("x-forwarded-user"), names)
    names["app"].add_middleware(
        names["LLMGatewayMiddleware"], config="llmgw.yaml", identify=names["identify"]
    )
    assert ask(names["app"], **{"x-forwarded-user": "alice"}).headers["x-llmgw-route"] == "chat"
    assert "Come through the proxy." in ask(names["app"]).text


def test_its_trusted_origin_may_call_with_a_session_and_no_other(names):
    run(PAGE.snippet("trusted_origins"), names)
    names["app"].add_middleware(AuthenticationMiddleware, backend=Everybody())
    origins = ("https://app.example", "https://evil.example")
    assert [ask(names["app"], origin=origin).status_code for origin in origins] == [200, 403]


# -- views, mounts, tests --------------------------------------------------------------------------------------------


def test_its_view_asks_from_inside_and_its_middleware_counts_routes(names):
    names["routes"] = routes = Counter[str]()
    run(PAGE.snippet("async def summary"), names)
    app: FastAPI = names["app"]
    app.add_middleware(names["LLMGatewayMiddleware"], config="llmgw.yaml", user_key="user")
    app.add_middleware(SessionMiddleware, secret_key="s")
    run(PAGE.snippet("async def count"), names)

    @app.post("/login")
    async def login(request: Request) -> None:
        request.session.update(user_id="alice", user="alice", tier="premium")

    with TestClient(app) as client:
        client.post("/login")
        assert client.get("/summary").json()
        assert client.post(CHAT, json=QUESTION).status_code == 200
    assert routes == {"premium-chat": 1}


def test_its_mounted_application_answers_below_the_mount(names):
    run(PAGE.snippet("app.mount"), names)
    answer = TestClient(names["app"]).post(f"/ai{CHAT}", json=QUESTION)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "identity_unavailable")
    assert "x-llmgw" not in str(TestClient(names["app"]).post(CHAT, json=QUESTION).headers)


def test_its_test_passes(folder, monkeypatch):
    names: dict[str, Any] = {}
    exec((folder / "test_main.py").read_text(), names)
    names["test_a_question_is_answered"]()


# -- the page itself -------------------------------------------------------------------------------------------------


def test_every_snippet_is_run():
    source = Path(__file__).read_text()
    named = re.findall(r'PAGE\.snippet\("([^"]+)"\)', source)
    run_here = {PAGE.snippet(words) for words in named}
    assert run_here == set(PAGE.snippets)
    assert set(PAGE.files) == {"llmgw.yaml", "main.py", "test_main.py"}


def test_the_lines_of_the_readme_start_a_site(names):
    names |= {"SessionMiddleware": SessionMiddleware, "SECRET": "s"}
    run(
        page("../README.md").snippet("llmgw_fastapi").replace("from llmgw_fastapi", "# from llmgw_fastapi"),
        names,
    )
    with TestClient(names["app"]) as client:
        assert client.post(CHAT, json=QUESTION).status_code == 401


def test_every_link_leads_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.text):
        name, _, anchor = target.partition("#")
        assert anchor in headings if not name else (DOCS / name).exists(), target


def test_the_port_of_the_mock_is_the_one_the_rules_name():
    told = subprocess.run(
        [BIN / "llmgw", "mock", "--help"], capture_output=True, text=True, check=True
    ).stdout
    [port] = re.findall(r"default: (\d+); 0 takes", told)
    assert f"http://127.0.0.1:{port}/v1" in PAGE.files["llmgw.yaml"]
