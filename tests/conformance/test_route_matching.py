"""The route matching table of agentgateway, through manifests as a user would write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.config.load import load
from llmgw_middleware.facts import Facts
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.model.identity import ANONYMOUS
from tests.fixtures import fixture_json, fixture_params
from tests.match.asking import Here, request

TABLE = "agentgateway/routing/route_matching.json"
ALIASES = "agentgateway/routing/model_aliases.json"
CASES = 48


@dataclass(frozen=True)
class Case:
    """One request against the routes of a suite."""

    suite: dict[str, Any]
    asked: dict[str, Any]
    expect: str


def manifest(route: dict[str, Any]) -> dict[str, Any]:
    """Return a suite's route as an HTTPRoute."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": route["name"]},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "hostnames": route.get("hostnames", []),
            "rules": [{"matches": route["matches"], "backendRefs": [{"name": "service", "port": 80}]}],
        },
    }


def cases(path: Path) -> Iterator[tuple[str, Case]]:
    for suite in json.loads(path.read_bytes())["suites"]:
        for number, case in enumerate(suite["cases"], 1):
            yield f"{suite['name']}-{number}-{case['expect']}", Case(suite, case, case["expect"])


def asked(case: dict[str, Any]) -> Facts:
    headers = (("host", case["host"]), *((name, value) for name, value in case["headers"]))
    plain = request(case["method"], case["path"], query=case["query"], headers=headers)
    return Facts(replace(plain, scheme=case["scheme"]), ANONYMOUS, Here())


@pytest.mark.parametrize("case", fixture_params(TABLE, cases))
def test_the_expected_route_wins(case):
    plan = load(list(map(manifest, case.suite["routes"])), env={}, serving=False).plan
    assert plan is not None
    chosen = RouteTable(plan.routes).select(asked(case.asked)).route
    assert (chosen.name if chosen else None) == case.expect


def test_every_case_of_the_table_is_run():
    assert sum(len(suite["cases"]) for suite in fixture_json(TABLE)["suites"]) == CASES


def aliases(path: Path) -> Iterator[tuple[str, tuple[dict[str, str], str, str | None]]]:
    table = json.loads(path.read_bytes())
    for model, resolved in table["cases"]:
        yield model, (table["aliases"], model, resolved)


@pytest.mark.parametrize("case", fixture_params(ALIASES, aliases))
def test_the_expected_model_is_sent(case):
    known, model, resolved = case
    assert Backend(name="b", models=known).model_for(model) == (resolved or model)
