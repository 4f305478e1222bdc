"""The demo's upstreams: three providers behind one port, each with a state of its own."""

from __future__ import annotations

import runpy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

SERVE = Path(__file__).parents[2] / "sample_apps" / "mock_providers" / "serve.py"
QUESTION: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "Who are you?"}]}


@pytest.fixture
async def mocks() -> AsyncIterator[httpx.AsyncClient]:
    application = runpy.run_path(str(SERVE))["Providers"]()
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://mocks") as client:
        yield client


async def ask(mocks: httpx.AsyncClient, provider: str, **fields: Any) -> httpx.Response:
    return await mocks.post(f"/{provider}/v1/chat/completions", json=QUESTION | fields)


@pytest.mark.parametrize(
    ("provider", "label"), [("openai", "OpenAI"), ("azure", "Azure"), ("anthropic", "Anthropic")]
)
async def test_a_provider_says_which_it_is(mocks, provider, label) -> None:
    answer = await ask(mocks, provider)
    assert label in answer.json()["choices"][0]["message"]["content"]


async def test_a_provider_that_is_down_takes_no_other_with_it(mocks) -> None:
    await mocks.put("/states/openai", json={"state": "down"})
    answers = [(await ask(mocks, provider)).status_code for provider in ("openai", "azure")]
    assert answers == [503, 200]


async def test_a_cut_answer_has_no_end(mocks) -> None:
    await mocks.put("/states/azure", json={"state": "cut"})
    answer = await ask(mocks, "azure", stream=True)
    assert "data: " in answer.text
    assert "[DONE]" not in answer.text


async def test_a_provider_is_repaired(mocks) -> None:
    await mocks.put("/states/openai", json={"state": "down"})
    states = await mocks.put("/states/openai", json={"state": "up"})
    assert states.json() == {"openai": "up", "azure": "up", "anthropic": "up"}
    assert (await ask(mocks, "openai")).status_code == 200


@pytest.mark.parametrize(("name", "state"), [("openai", "burning"), ("nobody", "down")])
async def test_what_does_not_exist_is_refused(mocks, name, state) -> None:
    answer = await mocks.put(f"/states/{name}", json={"state": state})
    assert (answer.status_code, "A provider is openai" in answer.json()["error"]) == (400, True)


async def test_each_provider_keeps_its_own_book(mocks) -> None:
    await ask(mocks, "azure")
    counts = [(await mocks.get(f"/{name}/_mock/requests")).json()["count"] for name in ("openai", "azure")]
    assert counts == [0, 1]
