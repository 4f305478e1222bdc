"""A typed project with the FastAPI adapter, as a user writes one. It is checked, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

import httpx
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.middleware import Middleware

from llmgw_fastapi import LLMGW, LLMGatewayMiddleware, bearer, decision, handle
from llmgw_middleware import Decision, Gateway, Handle, HostRequest, Identity, build_gateway

app = FastAPI()


def decode(token: str) -> dict[str, Any]:
    return {"sub": token}


async def lookup(token: str) -> Identity | None:
    return Identity(id=token, source="token")


class Keys:
    async def __call__(self, token: str) -> Mapping[str, object]:
        return {"sub": token}


def identify(request: HostRequest) -> Identity | None:
    name = request.headers.get("x-name")
    return None if name is None else Identity(id=name, attributes={"tier": "free"}, source="token")


async def identify_waiting(request: HostRequest) -> Identity:
    return Identity(id=request.path)


app.add_middleware(LLMGatewayMiddleware, config="llmgw.yaml", trusted_origins=["https://app.example"])
app.add_middleware(LLMGatewayMiddleware, config={"routes": []}, identify=bearer(decode))
app.add_middleware(
    LLMGatewayMiddleware, config=["a.yaml", "b.yaml"], identify=bearer(lookup, invalid=ValueError)
)
app.add_middleware(
    LLMGatewayMiddleware, gateway=build_gateway("llmgw.yaml"), identify=bearer(Keys(), subject="id")
)
app.add_middleware(LLMGatewayMiddleware, config="llmgw.yaml", identify=identify, user_key="uid")
app.add_middleware(LLMGatewayMiddleware, config="llmgw.yaml", identify=identify_waiting, enabled=False)
app.add_middleware(LLMGatewayMiddleware, config="llmgw.yaml", identify="shop.auth:identify")
site = Starlette(middleware=[Middleware(LLMGatewayMiddleware, config="llmgw.yaml")])
wrapped = LLMGatewayMiddleware(app, config="llmgw.yaml")


@app.get("/told")
async def told(llmgw: LLMGW, request: Request) -> str:
    assert_type(llmgw, Handle[Gateway])
    assert_type(llmgw.gateway, Gateway)
    assert_type(handle(request).decision, Decision | None)
    decided = decision(request)
    assert_type(decided, Decision | None)
    async with llmgw.gateway.client(httpx.AsyncClient, user="alice") as client:
        assert_type(client, httpx.AsyncClient)
    return decided.route or "" if decided is not None else ""


class Ours(LLMGatewayMiddleware):
    """A user may derive from it."""
