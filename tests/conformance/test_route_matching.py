"""The route matching table of agentgateway, with its precedence put into priorities."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.route import FieldTest, Match, PathTest, Route, ValueTest
from tests.fixtures import fixture_json, fixture_params
from tests.match.asking import facts

TABLE = "agentgateway/routing/route_matching.json"

LEFT_OUT = {
    "hostname": (6, "rules have no condition on the host in this version"),
    "pseudo-headers": (
        8,
        "rules have no condition on :authority and :scheme; method and path have their own keys",
    ),
}
"""Suites that are not run: how many cases each has, and why."""

KINDS = {"Exact": "exact", "PathPrefix": "prefix", "RegularExpression": "regex"}


@dataclass(frozen=True)
class Case:
    """One request against the routes of a suite."""

    routes: tuple[Route, ...]
    asked: dict[str, Any]
    expect: str


def routes_of(suite: dict[str, Any]) -> tuple[Route, ...]:
    """Return a suite's rules, ranked as the Gateway API ranks them."""
    ranked = sorted(suite["routes"], key=precedence)
    return tuple(replace(to_route(route), priority=rank) for rank, route in enumerate(ranked))


def precedence(route: dict[str, Any]) -> tuple[Any, ...]:
    """An exact host, then exact path, longer path, method, more headers, more query parameters, name."""
    [match] = route["matches"]
    wild = any("*" in host for host in route.get("hostnames", ()))
    return (
        wild,
        match["path"]["type"] != "Exact",
        -len(match["path"]["value"]),
        "method" not in match,
        -len(match.get("headers", ())),
        -len(match.get("queryParams", ())),
        route["name"],
    )


def to_route(route: dict[str, Any]) -> Route:
    [match] = route["matches"]
    path = PathTest(kind=KINDS[match["path"]["type"]], value=match["path"]["value"])  # type: ignore[arg-type]  # a table
    return Route(
        name=route["name"],
        target="backend",
        matches=(
            Match(
                paths=(path,),
                methods=(match["method"],) if "method" in match else (),
                headers=tuple(map(to_field, match.get("headers", ()))),
                query=tuple(map(to_field, match.get("queryParams", ()))),
            ),
        ),
    )


def to_field(field: dict[str, str]) -> FieldTest:
    exact = field["type"] == "Exact"
    test = ValueTest(exact=field["value"]) if exact else ValueTest(regex=field["value"])
    return FieldTest(name=field["name"], test=test)


def cases(path: Path) -> Iterator[tuple[str, Case]]:
    for suite in json.loads(path.read_bytes())["suites"]:
        if suite["name"] not in LEFT_OUT:
            for number, case in enumerate(suite["cases"], 1):
                yield f"{suite['name']}-{number}-{case['expect']}", to_case(suite, case)


def to_case(suite: dict[str, Any], case: dict[str, Any]) -> Case:
    hosts = {host for route in suite["routes"] for host in route.get("hostnames", ())}
    assert all(case["host"].endswith(host.lstrip("*")) for host in hosts), "here a host would decide"
    headers = tuple((name, value) for name, value in case["headers"])
    asked = {"method": case["method"], "path": case["path"], "query": case["query"], "headers": headers}
    return Case(routes_of(suite), asked, case["expect"])


@pytest.mark.parametrize("case", fixture_params(TABLE, cases))
def test_the_expected_route_wins(case):
    chosen = RouteTable(case.routes).select(facts(**case.asked)).route
    assert (chosen.name if chosen else None) == case.expect


def test_what_is_left_out_is_known_case_by_case():
    suites = {suite["name"]: len(suite["cases"]) for suite in fixture_json(TABLE)["suites"]}
    assert {name: suites[name] for name in LEFT_OUT} == {name: count for name, (count, _) in LEFT_OUT.items()}
