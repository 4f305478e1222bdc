"""What a manifest says of a backend's credential, TLS and models, wherever it says so."""

from __future__ import annotations

from dataclasses import replace

from llmgw_middleware.config.manifests.secrets import Secrets, variable_of
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Scalar, Table
from llmgw_middleware.config.writing import put_first

_GUARDS = ("promptGuard",)
_CLOUDS = ("aws", "azure", "gcp")
_HTTPS = 443


class BackendPolicies:
    """Lays policies on backends. What was laid first stays: call it for the narrowest place first."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def lay(self, policies: Node | None, backend: Table, namespace: str) -> None:
        """Read ``policies`` and put on ``backend`` what it lacks."""
        if policies is None:
            return
        if auth := policies.node("auth"):
            self._auth(auth, backend, namespace)
        if ai := policies.node("ai"):
            _models(ai, backend)
        if tls := policies.node("tls"):
            _verified(tls)

    def _auth(self, auth: Node, backend: Table, namespace: str) -> None:
        for cloud in _CLOUDS:
            if own := auth.node(cloud):
                _cloud(cloud, own, auth, backend)
        given = self._credential(auth, backend, namespace)
        if given is None:
            return
        location = auth.node("location")
        header = location.node("header") if location is not None else None
        if header is not None:
            _in_header(header, given, backend)
        elif "headers" not in backend:
            put_first(backend, "apiKey", given)

    def _credential(self, auth: Node, backend: Table, namespace: str) -> Scalar | None:
        ref = auth.node("secretRef")
        if ref is not None:
            return self._secrets.named(ref, namespace)
        inline, name = auth.scalar("key"), backend.get("name")
        if inline is None or not isinstance(name, Scalar):
            return None
        # It stays inline, and is warned of; whatever is written down shows a variable instead.
        return replace(inline, source=f"${{{variable_of(f'{name.text}-api-key')}}}")


def _in_header(header: Node, given: Scalar, backend: Table) -> None:
    """Send a credential under a name of its own."""
    name, prefix = header.scalar("name"), header.text("prefix") or ""
    if name is None or "apiKey" in backend or "headers" in backend:
        return
    text = Scalar(
        value=f"{prefix}{given.text}",
        text=f"{prefix}{given.text}",
        source=f"{prefix}{given.source}",
        at=given.at,
        loose=given.loose,
        missing=given.missing,
    )
    headers = Table(name.at)
    headers.put(name.text, text, name.at)
    put_first(backend, "headers", headers)


def _cloud(cloud: str, own: Node, auth: Node, backend: Table) -> None:
    """Take AWS's own chain of credentials, which a Bedrock backend without a key uses anyway."""
    region = own.scalar("region")
    if cloud == "aws" and "apiKey" not in backend and not set(own.keys) - {"region", "serviceName"}:
        if region is not None and "region" not in backend:
            put_first(backend, "region", region)
        own.skip("serviceName")
        return
    auth.leave_out(cloud)


def _models(ai: Node, backend: Table) -> None:
    aliases = ai.table("modelAliases")
    if aliases is not None:
        put_first(backend, "models", aliases)
    for override in ai.nodes("overrides"):
        field, given = override.text("field"), override.scalar("value")
        if field == "model" and given is not None:
            backend.put("model", given, given.at)
        elif field is not None:
            override.leave_out("value", why=f"sets {field}, which this gateway sends as the caller gave it")
    ai.leave_guard_out(*_GUARDS)


def _verified(tls: Node) -> None:
    """Certificates are verified against the system's authorities; a manifest may not loosen that unseen."""
    tls.skip("sni")


def speaks_tls(policies: Node | None, port: int | None) -> bool:
    """Whether a backend is spoken to over TLS: where a policy says so, and on its well-known port."""
    return port == _HTTPS or (policies is not None and policies.has("tls"))
