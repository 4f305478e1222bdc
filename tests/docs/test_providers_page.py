"""What the page on providers says is so: every file loads, every preset is listed, every row of the table is played."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from llmgw_middleware.build import load_plan
from llmgw_middleware.dialect.presets import PRESETS
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.testing.mock import create_mock
from llmgw_middleware.testing.mock_server import MockServer
from tests.docs.pages import page
from tests.gateway.asking import ask, gateway, header

PAGE = page("providers.md")
YAML = PAGE.blocks("yaml")
KEYS = {
    name: f"key-{name.lower()}"
    for name in (
        "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "OWN_KEY", "AZURE_OPENAI_API_KEY",
        "AWS_BEARER_TOKEN_BEDROCK",
    )
}  # fmt: skip


def loaded(text: str) -> Plan:
    return load_plan(yaml.safe_load(text), KEYS)


@pytest.mark.parametrize("text", YAML, ids=range(len(YAML)))
def test_every_file_loads_and_every_backend_has_an_address(text):
    plan = loaded(text)
    assert plan.backends
    assert all(backend.resolved for backend in plan.backends.values())


def test_every_preset_is_listed_with_its_address():
    for name, preset in PRESETS.items():
        assert f"| `{name}` | {preset.url} |" in PAGE.text


def test_the_forms_of_azure_are_as_said():
    [plan] = [loaded(text) for text in YAML if "azure-dated" in text]
    assert [backend.url for backend in plan.backends.values()] == [
        "https://my-resource.openai.azure.com/openai/v1",
        "https://my-resource.openai.azure.com",
        "https://my-resource.openai.azure.com/openai/v1",
    ]


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer(create_mock(latency=0.0, gap=0.0)) as server:
        yield server


ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"model": "m", "input": "hi"},
    "/v1/messages": {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages/count_tokens": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/embeddings": {"model": "amazon.titan-embed-text-v2:0", "input": "hi"},
}


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("name", ["as-openai", "as-anthropic", "as-gemini", "as-bedrock"])
async def test_every_cell_of_the_table_is_so(mock, name, path):
    [text] = [block for block in YAML if "as-bedrock" in block]
    backends = yaml.safe_load(text)["backends"]
    for backend in backends:
        backend["url"] = mock.url + ("/v1" if backend["name"] == "as-openai" else "")
    config = {"backends": backends, "routes": [{"name": "r", "path": list(ASKED), "backend": name}]}
    async with gateway(config) as gw:
        found = await ask(gw, path=path, body=ASKED[path])
    missing = (name, path) == ("as-anthropic", "/v1/embeddings")
    assert found.status == (404 if missing else 200)
    estimated = path.endswith("count_tokens") and name == "as-openai"
    assert (header(found, "x-llmgw-estimated") == "true") == (
        estimated or (name, path) == ("as-gemini", "/v1/embeddings")
    )
    assert json.loads(found.body)
