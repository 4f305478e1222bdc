"""The HTTPRoute conformance tables of the Gateway API, through a whole gateway to upstreams on real sockets."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmgw_middleware.build import build_gateway
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.model.http import Request, Response
from llmgw_middleware.testing.answers import answer
from llmgw_middleware.testing.upstream import Pause, Script, ScriptedUpstream, Seen
from tests.fixtures import FIXTURES, fixture_params, fixture_path

FOLDER = "gateway-api"
BASE = "manifests/_base_gateways_and_backends.yaml"
SERVICES = ("infra-backend-v1", "infra-backend-v2", "infra-backend-v3")
DRAWS = 600
MIRRORED = 400

REDIRECT = "redirects: a gateway for API calls answers them, and sends nobody elsewhere"
LEFT_OUT: Mapping[str, str] = {
    "httproute-303-redirect": REDIRECT,
    "httproute-307-redirect": REDIRECT,
    "httproute-308-redirect": REDIRECT,
    "httproute-backend-request-redirect": REDIRECT,
    "httproute-redirect-host-and-status": REDIRECT,
    "httproute-redirect-scheme": REDIRECT,
    "httproute-request-multiple-mirrors": "a route has one mirror, and a second one is reported",
}
"""Tests whose cases are not run, and why."""

ANOTHER_METHOD = "a path that matches with another method only is answered with 405 and Allow, not with 404"
OTHER_STATUS: Mapping[str, tuple[int, str]] = {
    "httproute-method-matching-3": (200, "HEAD follows GET"),
    "httproute-method-matching-9": (405, ANOTHER_METHOD),
    "httproute-method-matching-10": (405, ANOTHER_METHOD),
}
"""Cases in which another status is answered on purpose, and why."""


@dataclass(frozen=True)
class Case:
    """One request to the gateway that a test's manifests describe."""

    test: str
    manifests: tuple[Path, ...]
    row: Mapping[str, Any]


def cases(folder: Path) -> Iterator[tuple[str, Case]]:
    for file in sorted(folder.glob("httproute-*.json")):
        table = json.loads(file.read_bytes())
        manifests = tuple(folder / name for name in (BASE, *table["manifests"]))
        for number, row in enumerate(table["cases"], 1):
            yield f"{table['test']}-{number}", Case(table["test"], manifests, row)


class Services:
    """The services of the conformance suite as upstreams."""

    def __init__(self, stack: ExitStack) -> None:
        self.by_name = {name: stack.enter_context(ScriptedUpstream()) for name in SERVICES}

    def overlay(self) -> dict[str, Any]:
        return {"backends": [{"name": name, "url": up.url} for name, up in self.by_name.items()]}

    def asked(self) -> list[tuple[str, Seen]]:
        return [(name, seen) for name, up in self.by_name.items() for seen in up.requests]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with ExitStack() as stack:
        yield Services(stack)


@asynccontextmanager
async def running(case: Case, services: Services) -> Any:
    """A gateway for the case's manifests, whose services answer at once, or after the ``delay`` that is asked for."""
    documents = [doc for file in case.manifests for doc in yaml.safe_load_all(file.read_text()) if doc]
    built = build_gateway([*documents, services.overlay()], env={})
    for upstream in services.by_name.values():
        upstream.requests.clear()
        upstream.default(reply)
    try:
        yield built
    finally:
        await built.aclose()


def reply(seen: Seen) -> Script:
    slow = Script((Pause(1.0),)) if "delay=1s" in seen.query else Script()
    return slow + (answer(body=b"") if seen.method == "HEAD" else answer(json={"ok": True}))


def request_of(row: Mapping[str, Any]) -> Request:
    path, _, query = row["Path"].partition("?")
    lines = {"host": row.get("Host", "any.test"), **row.get("Headers", {})}
    return Request(
        method=row.get("Method", "GET"),
        path=path,
        query=query.encode(),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in lines.items()),
    )


async def ask(gateway: Gateway, row: Mapping[str, Any]) -> Response:
    response = await gateway.handle(request_of(row))
    assert isinstance(response, Response)
    if response.stream is not None:
        async for _ in response.stream:
            pass
    return response


def wanted_status(case: Case) -> int:
    said = case.row.get("Response", {})
    return int(said.get("StatusCode") or said.get("StatusCodes", [200])[0])


@pytest.mark.parametrize("case", fixture_params(FOLDER, cases))
async def test_the_request_is_answered_as_the_table_says(case, services, request):
    if case.test in LEFT_OUT:
        pytest.xfail(LEFT_OUT[case.test])
    async with running(case, services) as gateway:
        response = await ask(gateway, case.row["Request"])
        status, why = OTHER_STATUS.get(request.node.callspec.id, (wanted_status(case), ""))
        assert response.status == status
        if why:
            pytest.xfail(why)
        for mirror in case.row.get("MirroredTo", ()):
            await mirrored(case, mirror, services, gateway)
        if "Backend" in case.row:
            arrived = [seen for name, seen in services.asked() if name == case.row["Backend"]]
            assert len(arrived) == 1 or "MirroredTo" in case.row
            arrived_as(case.row, arrived[0])


async def mirrored(case: Case, mirror: Mapping[str, Any], services: Services, gateway: Gateway) -> None:
    """Wait for the copy of what was asked; of a share, ask until it can be told from another one."""
    copies = services.by_name[mirror["BackendRef"]["Name"]]
    if "Percent" not in mirror:
        await asyncio.to_thread(copies.wait_request)
        assert copies.requests[0].path == case.row["Request"]["Path"]
        return
    for _ in range(MIRRORED - 1):
        await ask(gateway, case.row["Request"])
    wanted = MIRRORED * mirror["Percent"] / 100
    await asyncio.to_thread(copies.wait_request, int(wanted - 5 * math.sqrt(wanted)), 20.0)
    assert len(copies.requests) < wanted + 5 * math.sqrt(wanted)


def arrived_as(row: Mapping[str, Any], seen: Seen) -> None:
    """Compare what arrived with what was to arrive: by default what was sent."""
    expected = row.get("ExpectedRequest", {})
    wanted = expected.get("Request", row["Request"])
    assert "?".join(filter(None, (seen.path, seen.query))) == wanted["Path"]
    assert seen.method == row["Request"].get("Method", "GET")
    for name, value in expected.get("Request", {}).get("Headers", {}).items():
        lines = [line.decode() for key, line in seen.headers if key == name.lower().encode()]
        assert ",".join(lines) == value
    assert all(seen.header(name) is None for name in expected.get("AbsentHeaders", ()))


def weighted(test: str) -> Case:
    folder = fixture_path(FOLDER)
    table = json.loads((folder / f"{test}.json").read_bytes())
    return Case(test, tuple(folder / name for name in (BASE, *table["manifests"])), table["cases"][0])


async def test_weights_are_kept_over_many_requests(services):
    case = weighted("httproute-weight")
    async with running(case, services) as gateway:
        for _ in range(DRAWS):
            await ask(gateway, case.row["Request"])
    shares = Counter(name for name, _ in services.asked())
    assert shares["infra-backend-v3"] == 0
    assert abs(shares["infra-backend-v1"] / DRAWS - 0.7) < 0.08


async def test_each_side_of_a_split_is_sent_its_own_headers(services):
    case = weighted("httproute-request-header-modifier-backend-weights")
    async with running(case, services) as gateway:
        for _ in range(30):
            await ask(gateway, case.row["Request"])
    assert len(services.asked()) == 30
    assert all(seen.header("backend") == name for name, seen in services.asked())


def test_what_is_left_out_is_known_by_name():
    fixture_path(FOLDER)
    assert all((FIXTURES / FOLDER / f"{name}.json").exists() for name in LEFT_OUT)
