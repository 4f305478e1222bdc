"""The demo's switchboard: asks the mock providers to fail, so that one can watch what the gateway does about it."""

from __future__ import annotations

import httpx

# What each mock provider serves, in the words of llmgw.yaml.
PROVIDERS = {
    "openai": ("OpenAI", "free-backend, premium-backend, embeddings"),
    "azure": ("Azure", "eu-backend, spare-azure"),
    "anthropic": ("Anthropic", "spare-anthropic"),
}

STATES = ("up", "slow", "down", "cut")


def states(url: str) -> list[dict[str, str]]:
    """Return the providers as the page shows them. Raises httpx.HTTPError when the mocks are not running."""
    current = httpx.get(f"{url}/states", timeout=2).raise_for_status().json()
    return [
        {"name": name, "label": label, "serves": serves, "state": current[name]}
        for name, (label, serves) in PROVIDERS.items()
    ]


def change(url: str, name: str, state: str) -> None:
    """Put one provider into a state. Raises httpx.HTTPError when the mocks are not running."""
    httpx.put(f"{url}/states/{name}", json={"state": state}, timeout=2).raise_for_status()
