"""The gateway within reach of views, dependencies and middleware."""

from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from starlette.testclient import TestClient

import llmgw_fastapi
from llmgw_fastapi import LLMGW, LLMGatewayMiddleware, decision, handle
from llmgw_middleware import build_gateway
from tests.doors import CHAT, FakeGateway, passes
from tests.fastapi.shop import door, shop


def read_in_a_view(app: FastAPI, path: str = "/told", **options: Any) -> list[Any]:
    """Return what ``LLMGW`` and ``decision`` are in a view at ``path``."""
    seen: list[Any] = []

    @app.post(path)
    async def told(llmgw: LLMGW, request: Request) -> None:
        seen.extend([llmgw, decision(request)])

    assert TestClient(app).post(path, json={}).status_code == 200
    return seen


def test_a_view_on_a_path_of_its_own_finds_the_gateway_and_no_decision():
    gateway = FakeGateway()
    llmgw, decided = read_in_a_view(shop(door(gateway)))
    assert (llmgw.gateway is gateway, llmgw.decision, decided) == (True, None, None)


def test_a_view_that_the_gateway_passed_to_learns_its_decision():
    llmgw, decided = read_in_a_view(shop(door(FakeGateway(passes))), CHAT)
    assert llmgw.decision is decided
    assert decided.request_id == "r1"


def test_the_real_gateway_says_who_called_and_that_it_passed():
    gateway = build_gateway(
        {
            "gateway": {"paths": ["/v1/*"], "onNoRoute": "pass"},
            "routes": [{"name": "a", "path": "/v1/a", "backend": "http://127.0.0.1:1"}],
        },
        env={},
    )
    _, decided = read_in_a_view(shop(door(gateway)), "/v1/own")
    assert (decided.outcome, decided.path, decided.identity.authenticated) == ("pass", "/v1/own", False)


def test_a_middleware_around_the_gateway_reads_the_decision_after_the_answer():
    app, seen = shop(door()), []

    @app.middleware("http")
    async def audit(request: Request, call_next: Any) -> Any:
        answer = await call_next(request)
        seen.append(decision(request))
        return answer

    client = TestClient(app)
    client.post(CHAT, json={})
    client.get("/goods")
    assert [each and each.request_id for each in seen] == ["r1", None]


def test_a_websocket_finds_the_gateway():
    app, seen = shop(door()), []

    @app.websocket("/talk")
    async def talk(websocket: WebSocket, llmgw: LLMGW) -> None:
        await websocket.accept()
        seen.append(handle(websocket) is llmgw)
        await websocket.close()

    with TestClient(app).websocket_connect("/talk"):
        pass
    assert seen == [True]


def test_the_inner_of_two_gateways_is_the_views():
    inner, outer = FakeGateway(), shop(door())
    app = shop(door(inner))
    outer.mount("/ai", app)
    seen: list[Any] = []

    @app.get("/told")
    async def told(llmgw: LLMGW) -> None:
        seen.append(llmgw.gateway)

    TestClient(outer).get("/ai/told")
    assert seen == [inner]


@pytest.mark.parametrize("added", [(), (door(enabled=False),)], ids=["not-added", "switched-off"])
def test_without_a_gateway_the_handle_says_what_to_look_at(added):
    app = shop(*added)
    seen: list[Any] = []

    @app.get("/told")
    async def told(request: Request) -> None:
        seen.append(decision(request))
        with pytest.raises(LookupError, match="is LLMGatewayMiddleware added"):
            handle(request)

    assert TestClient(app).get("/told").status_code == 200
    assert seen == [None]


def test_the_dependency_is_not_part_of_the_openapi_document():
    app = shop(door())

    @app.get("/told")
    async def told(llmgw: LLMGW) -> None:
        """Tell."""

    operation = TestClient(app).get("/openapi.json").json()["paths"]["/told"]["get"]
    assert "parameters" not in operation


def test_starlette_without_fastapi_has_everything_but_the_dependency(monkeypatch):
    import importlib

    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        patch.delattr(llmgw_fastapi, "LLMGW")
        alone = importlib.reload(llmgw_fastapi)
        names, has = list(alone.__all__), hasattr(alone, "LLMGW")
    importlib.reload(llmgw_fastapi)
    assert (names, has) == (["LLMGatewayMiddleware", "bearer", "decision", "handle"], False)
    assert issubclass(llmgw_fastapi.LLMGatewayMiddleware, LLMGatewayMiddleware)
