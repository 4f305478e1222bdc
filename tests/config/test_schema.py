import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it has no stubs of its own
import pytest
import yaml

from llmgw_middleware.config.compose import documents
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.schema import json_schema
from llmgw_middleware.config.tree import plain
from llmgw_middleware.config.unavailable import KEYS

SEEDS = Path(__file__).parent.parent / "seeds"
DOCS = Path(__file__).parent.parent.parent / "docs"
EXAMPLES = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in sorted(DOCS.glob("configuration.md"))
    for number, block in enumerate(
        re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def values(text: str) -> Any:
    return plain(documents(text, "x.yaml", Report())[0])


@pytest.mark.parametrize("name", ["000-rules", "000-rule-types", "004-routes", "004-pool", "004-timeouts"])
def test_the_seeds_examples_are_valid(validator, name):
    validator.validate(values((SEEDS / f"{name}.yaml").read_text()))


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_pages_examples_are_valid_and_load(validator, load_text, text):
    validator.validate(values(text))
    assert load_text(text, env={"OPENAI_API_KEY": "sk-1"}, serving=True).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "gateway: {maxBodySize: '${SIZE}', debugHeaders: '${DEBUG}', timeout: {read: 5, idle: 1m30s}}",
        "routes: [{path: [/a, {prefix: /b}], country: {present: true}, fallback: [a], backend: b}]",
        "routes: [{headers: {A: true, B: 10, C: {oneOf: [a, 1]}}, fallback: true, backends: [{backend: b, weight: 80%}]}]",
        "backends: [{name: p, type: pool, backends: [{name: a, url: 'http://a', weight: 2}]}]",
        "$schema: x.json",
    ],
)
def test_what_loads_is_valid(validator, load_text, text):
    validator.validate(values(text))
    assert load_text(text, env={"SIZE": "1MB", "DEBUG": "true"}).errors == ()


@pytest.mark.parametrize(
    "text",
    [
        "routs: []",
        "gateway: {maxBodySize: 20XB}",
        "gateway: {timeout: {read: soon}}",
        "routes: [{path: /a, mirror: {}}]",
        "routes: [{enabled: {flga: x}}]",
        "routes: [{headers: {A: [b]}}]",
        "backends: [{name: a, provider: antropic}]",
        "backends: [{name: a, type: pool}]",
        "backends: [{name: p, type: pool, strategy: fastest, backends: []}]",
        "backends: [{name: a, supports_prefill: true}]",
    ],
)
def test_what_is_refused_is_not_valid(validator, load_text, text):
    assert not validator.is_valid(values(text))
    assert load_text(text).errors


def test_only_what_works_is_listed():
    definitions = json_schema()["$defs"]
    assert not KEYS["route"] & set(definitions["RouteWord"]["properties"])
    assert not KEYS["backend"] & set(definitions["BackendWord"]["properties"])


def test_keys_are_camel_case_and_described():
    schema = json_schema()
    for word in (schema, *schema["$defs"].values()):
        for key, value in word["properties"].items():
            described = value if "description" in value else schema["$defs"][value["$ref"].rpartition("/")[2]]
            assert re.fullmatch(r"\$?[a-z][A-Za-z]*", key)
            assert described["description"].endswith(".")


def test_the_schema_is_plain_json():
    assert yaml.safe_load(yaml.safe_dump(json_schema())) == json_schema()
