"""The configuration that most tests use."""

from __future__ import annotations

from typing import Any


def config(url: str, **gateway: Any) -> dict[str, Any]:
    """Return a configuration: premium users and everybody else, told apart upstream by the path."""
    return {
        "gateway": gateway,
        "identity": {"attributes": {"tier": "user.profile.tier"}, "default": {"tier": "free"}},
        "routes": [
            {
                "name": "premium",
                "path": "/v1/chat/completions",
                "methods": ["POST"],
                "user": {"tier": "premium"},
                "backend": "premium",
            },
            {"name": "everyone", "path": "/v1/chat/completions", "methods": ["POST"], "backend": "free"},
        ],
        "backends": [
            {"name": "free", "url": f"{url}/free/v1", "apiKey": "key-free"},
            {"name": "premium", "url": f"{url}/premium/v1", "apiKey": "key-premium"},
        ],
    }
