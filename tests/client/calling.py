"""A gateway that tells users apart, for calls from inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llmgw_middleware.build import build_gateway
from llmgw_middleware.extensions import Extensions
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.testing.upstream import ScriptedUpstream

CHAT = "/v1/chat/completions"
ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = {**ASKED, "stream": True}
BASE = "http://llmgw/v1"


@dataclass
class User:
    """A user object as an application has it."""

    pk: int = 7
    tier: str = "premium"
    is_authenticated: bool = True


def config(url: str, **top: Any) -> dict[str, Any]:
    """Premium users have the large model, everybody else the small one; interns have none."""
    backends = [
        {"name": name, "url": f"{url}/v1", "apiKey": "sk-x", "model": name} for name in ("large", "small")
    ]
    return {
        "routes": [
            {
                "name": "interns",
                "path": CHAT,
                "user": {"tier": "intern"},
                "respond": {"status": 403, "message": "Ask your mentor."},
            },
            {"name": "premium", "path": "/v1/*", "user": {"tier": "premium"}, "backend": "large"},
            {"name": "free", "path": "/v1/*", "backend": "small"},
        ],
        "backends": backends,
        "identity": {"attributes": {"tier": "user.tier"}, "default": {"tier": "free"}},
        **top,
    }


@contextmanager
def serving(source: dict[str, Any], **extensions: Any) -> Iterator[Gateway]:
    """Build a gateway, and end its thread afterwards."""
    gateway = build_gateway(source, env={}, extensions=Extensions(**extensions))
    try:
        yield gateway
    finally:
        gateway.thread.stop()


def models_sent(upstream: ScriptedUpstream) -> list[str]:
    return [seen.json["model"] for seen in upstream.requests]
