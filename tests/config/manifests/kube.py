"""Manifests in few words."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from llmgw_middleware.config.load import Loaded, load
from llmgw_middleware.model.plan import Plan

CHAT = "/v1/chat/completions"


def resource(
    kind: str, name: str, spec: Mapping[str, Any], *, namespace: str = "shop", **metadata: Any
) -> dict[str, Any]:
    group = {"HTTPRoute": "gateway.networking.k8s.io/v1", "Gateway": "gateway.networking.k8s.io/v1"}
    return {
        "apiVersion": group.get(kind, "agentgateway.dev/v1alpha1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def http_route(name: str, *rules: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An HTTPRoute on the gateway ``proxy``; ``hostnames`` and ``parentRefs`` go into its spec."""
    placed: dict[str, Any] = {key: more.pop(key) for key in ("hostnames", "parentRefs") if key in more}
    return resource(
        "HTTPRoute", name, {"parentRefs": [{"name": "proxy"}], "rules": list(rules), **placed}, **more
    )


def rule(*matches: Mapping[str, Any], to: str | Mapping[str, int] = "llm", **more: Any) -> dict[str, Any]:
    weights = {to: 1} if isinstance(to, str) else to
    refs = [
        {"group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": name, "weight": weight}
        for name, weight in weights.items()
    ]
    return {"matches": list(matches), "backendRefs": refs, **more}


def under(prefix: str, **more: Any) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": prefix}, **more}


def openai(
    name: str = "llm", *, model: str | None = None, secret: str | None = None, **more: Any
) -> dict[str, Any]:
    provider = {} if model is None else {"model": model}
    spec: dict[str, Any] = {"ai": {"provider": {"openai": provider, **more}}}
    if secret is not None:
        spec["policies"] = {"auth": {"secretRef": {"name": secret}}}
    return resource("AgentgatewayBackend", name, spec)


def secret(name: str, text: str, *, key: str = "Authorization", plain: bool = False) -> dict[str, Any]:
    entry = {key: text} if plain else {key: base64.b64encode(text.encode()).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "shop"},
        "stringData" if plain else "data": entry,
    }


def policy(name: str, *, target: str = "proxy", kind: str = "Gateway", **spec: Any) -> dict[str, Any]:
    group = "agentgateway.dev" if kind == "AgentgatewayBackend" else "gateway.networking.k8s.io"
    refs = [{"group": group, "kind": kind, "name": target}]
    return resource("AgentgatewayPolicy", name, {"targetRefs": refs, **spec})


def loaded(
    *documents: Mapping[str, Any], env: Mapping[str, str] | None = None, serving: bool = False
) -> Loaded:
    return load(list(documents), env=env or {}, serving=serving)


def plan(*documents: Mapping[str, Any], **how: Any) -> Plan:
    found = loaded(*documents, **how)
    assert found.plan is not None, "\n".join(map(str, found.problems))
    return found.plan


def codes(*documents: Mapping[str, Any], **how: Any) -> list[str]:
    return [problem.code for problem in loaded(*documents, **how).problems]
