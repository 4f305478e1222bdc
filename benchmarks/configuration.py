"""The configuration that is measured: what an application with twenty rules would have."""

from __future__ import annotations

from typing import Any

TEAMS = 12


def configuration(upstream: str) -> dict[str, Any]:
    """Return twenty routes to ``upstream``; a plain chat request is tested against most and taken by the last.

    One rule looks at the user, one into the body, and the last goes to a weighted pool with prices and fallback.
    """
    url = f"{upstream}/v1"
    chat = {"path": "/v1/chat/completions"}
    routes: list[dict[str, Any]] = [
        {"name": f"team-{n}", "path": f"/teams/{n}/v1/chat/completions", "backend": "small"}
        for n in range(TEAMS)
    ]
    routes += [
        {"name": "embeddings", "path": "/v1/embeddings", "backend": "small"},
        {"name": "staging", **chat, "headers": {"x-environment": "staging"}, "backend": "small"},
        {"name": "debug", **chat, "query": {"debug": "1"}, "backend": "small"},
        {"name": "blocked", **chat, "user": {"tier": "blocked"}, "respond": {"status": 403}},
        {"name": "reasoning", **chat, "body": {"model": {"prefix": "o"}}, "backend": "large"},
        {"name": "partners", **chat, "headers": {"x-partner": {"present": True}}, "backend": "large"},
        {"name": "batch", **chat, "methods": ["PUT"], "backend": "small"},
        {"name": "chat", **chat, "backend": "pool"},
    ]
    price = {"input": 0.00000015, "output": 0.0000006}
    return {
        "gateway": {"maxBodySize": "20MB"},
        "identity": {"default": {"tier": "free"}},
        "routes": routes,
        "backends": [
            {"name": "small", "url": url, "apiKey": "sk-bench", "price": price},
            {"name": "large", "url": url, "apiKey": "sk-bench", "price": price},
            {
                "name": "pool",
                "type": "pool",
                "strategy": "weighted",
                "fallback": True,
                "backends": [{"name": "small", "weight": 3}, {"name": "large", "weight": 1}],
            },
        ],
    }


def with_many_routes(upstream: str, count: int, *, own_paths: bool) -> dict[str, Any]:
    """Return ``count`` routes of which the last takes a chat request.

    The others have a path each (``own_paths``), or every other one stands on the path of chat and looks at a header.
    """
    full = configuration(upstream)
    chat = "/v1/chat/completions"
    routes: list[dict[str, Any]] = []
    for n in range(count - 1):
        alone = own_paths or n % 2
        where: dict[str, Any] = {"path": f"/teams/{n}{chat}" if alone else chat}
        if not alone:
            where["headers"] = {"x-team": f"team-{n}"}
        routes.append({"name": f"rule-{n}", **where, "backend": "small"})
    return full | {"routes": [*routes, {"name": "chat", "path": chat, "backend": "pool"}]}
