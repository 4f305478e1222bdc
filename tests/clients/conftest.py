"""A site with a gateway in front of every provider that the gateway can speak to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from llmgw_middleware.asgi import LLMGatewayMiddleware
from llmgw_middleware.build import build_gateway
from llmgw_middleware.errors import ConfigError
from tests.clients.providers import Providers
from tests.e2e.gateways import host
from tests.e2e.servers import serve_asgi

BACKENDS: dict[str, dict[str, Any]] = {
    "openai": {"provider": "openai", "url": "{}/v1", "apiKey": "sk-upstream"},
    "responses": {"provider": "openai", "api": "responses", "url": "{}/v1", "apiKey": "sk-upstream"},
    "anthropic": {"provider": "anthropic", "url": "{}/v1", "apiKey": "sk-upstream"},
    "gemini": {"provider": "gemini", "url": "{}/v1beta", "apiKey": "sk-upstream"},
    "bedrock": {"provider": "bedrock", "region": "eu-central-1", "url": "{}", "apiKey": "sk-upstream"},
}
"""Backends by the dialect they speak. The first part of a path chooses one: ``/gemini/v1/chat/completions``."""


@dataclass
class Site:
    """A site whose gateway sends everything to the providers."""

    port: int
    providers: Providers
    dialects: tuple[str, ...]

    def url(self, dialect: str, path: str = "/v1", *, lenient: bool = False) -> str:
        """Return the address below which requests go to the provider of that dialect.

        ``lenient``: what that dialect has no word for is left out, and no error.
        """
        if dialect not in self.dialects:
            pytest.skip(f"this version has no {dialect} backends")
        return f"http://127.0.0.1:{self.port}/{'lenient/' if lenient else ''}{dialect}{path}"


@pytest.fixture(scope="session")
def providers() -> Providers:
    return Providers()


@pytest.fixture(scope="session")
def site(providers: Providers) -> Iterator[Site]:
    with serve_asgi(providers, lifespan="off") as upstream:
        named = dict(spoken(f"http://127.0.0.1:{upstream}"))
        gateway = build_gateway(
            {
                "gateway": {"paths": ["/lenient/*", *(f"/{name}/*" for name in named)]},
                "routes": [*routes(named)],
                "backends": list(named.values()),
            },
            env={},
        )
        with serve_asgi(LLMGatewayMiddleware(host, gateway=gateway)) as port:
            yield Site(port, providers, tuple(named))


def routes(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        yield {"name": name, "path": f"/{name}/*", "backend": name}
        yield {
            "name": f"lenient-{name}",
            "path": f"/lenient/{name}/*",
            "backend": name,
            "onUnsupported": "drop",
        }


def spoken(url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the backends that this version knows."""
    for name, words in BACKENDS.items():
        backend = {**words, "name": name, "url": words["url"].format(url)}
        route = {"path": "/v1/*", "backend": name}
        with suppress(ConfigError):
            build_gateway({"routes": [route], "backends": [backend]}, env={})
            yield name, backend


@pytest.fixture(params=[*BACKENDS])
def dialect(request: pytest.FixtureRequest) -> str:
    """Return each dialect that an upstream may speak."""
    named: str = request.param
    return named


@pytest.fixture(autouse=True)
def fresh(providers: Providers) -> None:
    providers.seen.clear()
    providers.asked.clear()
