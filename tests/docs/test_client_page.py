"""What the page on calls from inside says is done here."""

import asyncio
import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from llmgw_middleware.build import build_gateway
from llmgw_middleware.client.who import ID_NAMES
from llmgw_middleware.extensions import Extensions
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.testing.mock import create_mock
from llmgw_middleware.transport.httpx_transport import HttpxTransport

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CONFIG = """
identity:
  attributes: {tier: user.tier}
  default: {tier: free}
routes:
  - {name: premium, path: /v1/*, user: {tier: premium}, backend: large}
  - {name: free, path: /v1/*, backend: small}
backends:
  - {name: large, url: http://mock/v1, model: large}
  - {name: small, url: http://mock/v1, model: small}
"""
ALICE = SimpleNamespace(pk=1, tier="premium", is_authenticated=True)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The names that the page's snippets make, with a mock provider behind the gateway."""
    (tmp_path / "llmgw.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    mock = create_mock(pace=0)
    extensions = Extensions(transport=lambda: HttpxTransport(httpx.ASGITransport(mock)))
    names: dict[str, Any] = {}
    first, *others = SNIPPETS
    exec(first, names)
    names["gateway"] = build_gateway(tmp_path / "llmgw.yaml", extensions=extensions)
    for snippet in others:
        exec(snippet, names)
    yield SimpleNamespace(**names)
    names["gateway"].thread.stop()


def test_every_snippet_is_run():
    assert len(SNIPPETS) == PAGE.count("```python") == 7


def test_its_first_lines_make_a_gateway(tmp_path, monkeypatch):
    (tmp_path / "llmgw.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(SNIPPETS[0], names)
    assert isinstance(names["gateway"], Gateway)


def test_a_view_gets_an_answer(page):
    assert page.summary("a long story", ALICE)


def test_the_sdk_streams(page):
    assert len(list(page.words("hello?", ALICE))) > 1


def test_the_sdk_answers_asynchronously(page):
    async def ask():
        answer = await page.aanswer("hello?", ALICE)
        await page.gateway.aclose()
        return answer

    assert asyncio.run(ask())


def test_a_job_calls_for_a_user_whom_it_knows_by_id(page):
    order = SimpleNamespace(customer_id=42, tier="premium", text="three chairs")
    assert len(page.nightly(order)["data"]) == 1
    [decision] = page.gateway.recorder
    assert (decision.identity.id, decision.route) == ("42", "premium")


@pytest.mark.parametrize(("user", "route"), [(ALICE, "premium"), ("1", "free"), (None, "free")], ids=str)
def test_the_decision_says_what_the_table_of_users_says(page, user, route):
    assert page.routed(user) == (route, "large" if route == "premium" else "small")


def test_the_transport_is_mounted(page):
    with page.mounted(ALICE) as http:
        answer = http.get("http://llm.internal/v1/models")
    assert answer.status_code == 200


def test_every_class_of_the_table_makes_a_client(page):
    import httpx2
    import openai

    libraries = {"httpx": httpx, "httpx2": httpx2, "openai": openai}
    named = re.findall(r"`(\w+)\.(\w+), user=user`", PAGE)
    assert len(named) == 5
    for library, name in named:
        kind = getattr(libraries[library], name)
        assert isinstance(page.gateway.client(kind, user=ALICE), kind)


def test_the_page_names_every_way_to_an_id():
    [line] = [line for line in PAGE.splitlines() if line.startswith("| your user object")]
    assert [name.removesuffix("()") for name in re.findall(r"`(\w+(?:\(\))?)`", line)] == list(ID_NAMES)


def test_after_the_end_the_answer_is_as_the_page_says(page):
    page.routed(None)
    page.gateway.thread.stop()
    with page.gateway.client() as http:
        answer = http.get("/v1/models")
    assert f"{answer.status_code} `{answer.json()['error']['code']}`" in inspect.cleandoc(PAGE)
