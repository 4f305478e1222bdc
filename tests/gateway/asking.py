"""A gateway before scripted upstreams, and requests to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from llmgw_middleware.build import build_gateway
from llmgw_middleware.extensions import Extensions
from llmgw_middleware.facts import Facts
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.model.http import Pass, Request, Response, Stream
from llmgw_middleware.model.identity import ANONYMOUS, Identity
from llmgw_middleware.policy.endpoint import Endpoint

PATH = "/v1/chat/completions"
ALICE = Identity(id="alice", attributes={"tier": "free"}, source="session", session_key="s-1")
BOB = Identity(id="bob", attributes={"tier": "premium"}, source="session", session_key="s-2")


@asynccontextmanager
async def gateway(config: Mapping[str, Any], **extensions: Any) -> AsyncIterator[Gateway]:
    """Build, and close at the end."""
    built = build_gateway(config, env={}, extensions=Extensions(**extensions))
    try:
        yield built
    finally:
        await built.aclose()


def backend(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "url": f"{url}/v1", "apiKey": f"sk-{name}", **more}


def pool(*members: dict[str, Any], fallback: bool = True, strategy: str = "round-robin") -> dict[str, Any]:
    return {
        "name": "pool",
        "type": "pool",
        "strategy": strategy,
        "fallback": fallback,
        "backends": list(members),
    }


def chat_config(
    *backends: dict[str, Any], route: Mapping[str, Any] | None = None, **top: Any
) -> dict[str, Any]:
    """One chat route: to the pool if there is one, else to the first backend."""
    first = next((b["name"] for b in backends if b.get("type") == "pool"), backends[0]["name"])
    return {
        "routes": [{"name": "chat", "path": PATH, "backend": first, **(route or {})}],
        "backends": list(backends),
        **top,
    }


def request(
    body: Any = None,
    *,
    path: str = PATH,
    method: str = "POST",
    stream: bool = False,
    headers: Mapping[str, str] | None = None,
    who: Identity = ANONYMOUS,
    peer: str | None = None,
    query: bytes = b"",
) -> Request:
    if body is None:
        body = {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "hi"}],
            **({"stream": True} if stream else {}),
        }

    async def identify() -> Identity:
        return who

    lines = {"content-type": "application/json", **(headers or {})}
    return Request(
        method=method,
        path=path,
        query=query,
        headers=tuple((name.lower().encode(), value.encode()) for name, value in lines.items()),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        peer=peer,
        identify=identify,
    )


async def ask(gw: Gateway, **asked: Any) -> Response:
    answer = await gw.handle(request(**asked))
    assert not isinstance(answer, Pass)
    return answer


async def said(answer: Response) -> bytes:
    """Everything a caller receives."""
    if answer.stream is None:
        return answer.body
    return b"".join([chunk async for chunk in answer.stream])


def error_of(answer: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found


def stream_of(answer: Response) -> Stream:
    assert answer.stream is not None
    return answer.stream


def endpoint_of(gw: Gateway) -> Endpoint:
    """The first endpoint of the only route."""
    [chooser] = gw.snapshot.choosers.values()
    return chooser.choose(Facts(request(), ANONYMOUS, gw.locator), chance=0.0).targets[0].endpoints[0]


def header(answer: Response, name: str) -> str | None:
    return next((value.decode() for key, value in answer.headers if key == name.encode()), None)
