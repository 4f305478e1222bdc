"""The demo's switchboard: asks the mock providers to fail, so that one can watch what the gateway does about it."""

from __future__ import annotations

import os

import httpx

# What each mock provider serves, in the words of llmgw.yaml.
PROVIDERS = {
    "openai": ("OpenAI", "free-backend, premium-backend, embeddings"),
    "azure": ("Azure", "eu-backend, spare-azure"),
    "anthropic": ("Anthropic", "spare-anthropic"),
}


def address() -> str:
    """Return where they listen. The gateway is told by llmgw.yaml, which reads the same variable."""
    return os.environ.get("MOCK_PROVIDERS_URL", "http://127.0.0.1:8001")


async def states() -> list[dict[str, str]]:
    """Return the providers as the page shows them. Raises httpx.HTTPError when the mocks are not running."""
    async with httpx.AsyncClient(base_url=address(), timeout=2) as client:
        current = (await client.get("/states")).raise_for_status().json()
    return [
        {"name": name, "label": label, "serves": serves, "state": current[name]}
        for name, (label, serves) in PROVIDERS.items()
    ]


async def change(name: str, state: str) -> None:
    """Put one provider into a state. Raises httpx.HTTPError when the mocks are not running."""
    async with httpx.AsyncClient(base_url=address(), timeout=2) as client:
        (await client.put(f"/states/{name}", json={"state": state})).raise_for_status()
