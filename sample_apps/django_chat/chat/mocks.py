"""The demo's switchboard: asks the mock providers to fail, so that one can watch what the gateway does about it."""

import httpx
from django.conf import settings

# What each mock provider serves, in the words of llmgw.yaml.
PROVIDERS = {
    "openai": ("OpenAI", "free-backend, premium-backend, embeddings"),
    "azure": ("Azure", "eu-backend, spare-azure"),
    "anthropic": ("Anthropic", "preview-backend, spare-anthropic"),
}

STATES = ("up", "slow", "down", "cut")


def states() -> list[dict[str, str]]:
    """Return the providers as the page shows them. Raises httpx.HTTPError when the mocks are not running."""
    current = httpx.get(f"{settings.MOCK_PROVIDERS_URL}/states", timeout=2).raise_for_status().json()
    return [
        {"name": name, "label": label, "serves": serves, "state": current[name]}
        for name, (label, serves) in PROVIDERS.items()
    ]


def change(name: str, state: str) -> None:
    """Put one provider into a state. Raises httpx.HTTPError when the mocks are not running."""
    url = f"{settings.MOCK_PROVIDERS_URL}/states/{name}"
    httpx.put(url, json={"state": state}, timeout=2).raise_for_status()
