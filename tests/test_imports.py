"""What is loaded when: the package alone nothing, a configuration what it uses, a request nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOADING = "from llmgw_middleware import LLMGatewayMiddleware; LLMGatewayMiddleware(None, config={config!r})"
CHAT = "/v1/chat/completions"
PLAIN = {
    "routes": [{"path": CHAT, "backend": "b"}],
    "backends": [{"name": "b", "url": "http://127.0.0.1:9/v1", "price": {"input": 0, "output": 0}}],
}

LARGE = (
    "asgiref",
    "botocore",
    "cachetools",
    "pydantic",
    "httpx",
    "h11",
    "yaml",
    "tomllib",
    "tempfile",
    "difflib",
    "genai_prices",
    "opentelemetry",
    "re2",
    "redis",
    "maxminddb",
)
RARE = (
    "cel.compiler",
    "cel.library.shelves",
    "cel.parser",
    "client",
    "config.compose",
    "config.litellm",
    "config.manifests.translate",
    "config.reference",
    "config.schema",
    "config.toml",
    "console",
    "dialect.anthropic",
    "dialect.anthropic_chat",
    "dialect.converse",
    "dialect.gemini",
    "dialect.openai_chat",
    "dialect.responses",
    "lint",
    "testing",
    "transport.httpx_transport",
    "transport.oauth",
    "transport.sigv4",
)  # fmt: skip
"""What few configurations use."""


def modules(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh interpreter has after ``code``; ours without the package's name."""
    told = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", told, *arguments], capture_output=True, text=True, check=True
    )
    return {name.removeprefix("llmgw_middleware.") for name in json.loads(done.stdout.splitlines()[-1])}


def loaded(**changes) -> set[str]:
    return modules(LOADING.format(config=PLAIN | changes))


def test_the_middleware_alone_loads_nothing_of_what_a_configuration_needs():
    found = modules("from llmgw_middleware import LLMGatewayMiddleware")
    assert not found & {
        *LARGE,
        *RARE,
        "build",
        "config.load",
        "dialect.registry",
        "exchange",
        "gateway",
        "policy.pool",
    }


def test_a_plain_configuration_loads_nothing_that_few_need():
    assert not loaded() & {*LARGE, *RARE}


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"routes": [{"path": "/v1/messages", "backend": "b"}]}, "dialect.anthropic_chat"),
        ({"routes": [{"path": {"prefix": "/v1"}, "backend": "b"}]}, "dialect.anthropic_chat"),
        ({"routes": [{"path": "/v1/responses", "backend": "b"}]}, "dialect.responses"),
        ({"routes": [{"path": CHAT, "backend": "b", "when": "user.id == 'a'"}]}, "cel.compiler"),
        ({"routes": [{"path": CHAT, "backend": "b", "sticky": "user.id + 'a'"}]}, "cel.compiler"),
        ({"backends": [{"name": "b", "provider": "anthropic", "apiKey": "k"}]}, "dialect.anthropic_chat"),
        ({"backends": [{"name": "b", "provider": "gemini", "apiKey": "k"}]}, "dialect.gemini"),
        ({"backends": [{"name": "b", "provider": "bedrock", "region": "eu-west-1", "apiKey": "k"}]}, "dialect.converse"),
    ],
    ids=["messages", "any-path", "responses", "condition", "sticky", "anthropic", "gemini", "bedrock"],
)  # fmt: skip
def test_what_a_configuration_uses_is_loaded_with_it(changes, needed):
    assert needed in loaded(**changes)


@pytest.mark.parametrize(("suffix", "parser"), [("toml", "tomllib"), ("yaml", "yaml"), ("json", "yaml")])
def test_a_parser_is_loaded_for_a_file_that_it_reads(tmp_path, suffix, parser):
    file = tmp_path / f"llmgw.{suffix}"
    file.write_text('"$schema" = "x"\n' if suffix == "toml" else json.dumps(PLAIN))
    found = modules(
        f"from llmgw_middleware.config.load import load; load({str(file)!r}, env={{}}, serving=True)"
    )
    assert found & {"tomllib", "yaml"} == {parser}


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/responses", "/v1/embeddings", "/v1/anything"])
def test_a_request_waits_for_no_module(path):
    program = Path(__file__).with_name("first_request.py").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True, timeout=60
    )
    status, *loaded = done.stdout.split()
    assert (status, loaded) == ("200", [])
