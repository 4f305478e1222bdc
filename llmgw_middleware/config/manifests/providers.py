"""The LLM provider of an ``AgentgatewayBackend`` as a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from llmgw_middleware.config.manifests.credentials import speaks_tls
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Scalar, Table
from llmgw_middleware.config.writing import put_first, table, value
from llmgw_middleware.dialect.provider import PROFILES


@dataclass(frozen=True, slots=True)
class _Row:
    """Our provider, and our key for each of theirs."""

    provider: str
    keys: Mapping[str, str]


_MODEL = {"model": "model"}
_ROWS: Mapping[str, _Row] = {
    "openai": _Row("openai", _MODEL),
    "anthropic": _Row("anthropic", _MODEL),
    "gemini": _Row("gemini", _MODEL),
    "vertexai": _Row("gemini", _MODEL | {"projectId": "project", "region": "location"}),
    "bedrock": _Row("bedrock", _MODEL | {"region": "region"}),
    "azureopenai": _Row("azure", {"deploymentName": "deployment", "apiVersion": "apiVersion"}),
    "custom": _Row("openai-compatible", _MODEL),
}
_CHAT_PATHS = {
    "openai": "/chat/completions",
    "openai-compatible": "/chat/completions",
    "anthropic": "/messages",
}
_FORMATS = {"Completions": "openai-compatible", "Messages": "anthropic"}
_UNVERSIONED = "v1"


def backend_of(name: Scalar, provider: Node) -> Table | None:
    """Return the backend of a ``provider`` mapping; None where it names none that we know."""
    given = [key for key in provider.keys if key in _ROWS]
    if len(given) != 1:
        if given or provider.has("backendRef") or not _other(provider):
            provider.refuse(given[1] if given else "", "exactly one provider must be set.")
        return None
    kind = given[0]
    own = provider.node(kind)
    if own is None:
        return None
    row = _ROWS[kind]
    backend = table(own.at(), name=name, provider=value(row.provider, own.at()))
    for theirs, ours in row.keys.items():
        if (found := own.scalar(theirs)) is not None:
            backend.put(ours, found, found.at)
    if kind == "custom":
        _custom(own, provider, backend)
    if kind == "azureopenai":
        _azure(own, backend)
    _address(provider, backend)
    return backend


def _other(provider: Node) -> bool:
    """Whether a provider is named that we do not know; it is reported as a field that is left out."""
    return bool(set(provider.keys) - {"name", "host", "port", "path", "pathPrefix", "policies"})


def _custom(own: Node, provider: Node, backend: Table) -> None:
    """Take the format that a provider of one's own speaks; its first one that we speak too."""
    formats = own.nodes("formats")
    if not formats:
        own.refuse("formats", f"{own.path('formats')} is needed.")
    for one in formats:
        path = one.text("path")
        if path is not None and not path.startswith("/"):
            one.refuse("path", f"{one.path('path')}: path must start with /.")
        if path is not None and (provider.has("path") or provider.has("pathPrefix")):
            one.refuse("path", "path, pathPrefix, and custom format paths are mutually exclusive.")
    spoken = [one for one in formats if one.text("type") in _FORMATS]
    for one in formats:
        if one not in spoken[:1]:
            one.leave_out("type", why="is a format beside the one that is spoken")
    if spoken:
        backend.put("provider", value(_FORMATS[spoken[0].text("type") or ""], own.at()), own.at())
        if (given := spoken[0].scalar("path")) is not None:
            _full_path(spoken[0], "path", given, backend)
    _reference(own, backend)


def _reference(own: Node, backend: Table) -> None:
    ref = own.node("backendRef")
    if ref is None:
        return
    if ref.text("kind") not in (None, "Service", "InferencePool"):
        ref.refuse("kind", "custom provider backendRef may target only Service or InferencePool.")
    ref.skip("group", "name", "namespace", "port")
    own.note(
        "unsupported_field",
        "backendRef",
        f"{own.path('backendRef')} is known to a cluster only: the backend has no address.",
        f"write its url under backends: {{name: {backend['name']!r}}}",
    )


def _azure(own: Node, backend: Table) -> None:
    version = own.text("apiVersion")
    if version not in (None, _UNVERSIONED) and not own.has("deploymentName"):
        own.refuse("apiVersion", "deploymentName is required for this apiVersion.")
    endpoint = own.scalar("endpoint")
    if endpoint is not None:
        text = endpoint.text if "://" in endpoint.text else f"https://{endpoint.text}"
        backend.put("url", value(text, endpoint.at), endpoint.at)


def _address(provider: Node, backend: Table) -> None:
    """Take an address of its own. ``pathPrefix`` stands for the provider's usual one, such as ``/v1``."""
    host, port = provider.scalar("host"), provider.whole("port")
    prefix, path = provider.scalar("pathPrefix"), provider.scalar("path")
    if (host is None) != (port is None):
        provider.refuse("host" if host else "port", "both host and port must be set together.")
    elif host is not None:
        scheme = "https" if speaks_tls(provider.node("policies"), port) else "http"
        where = prefix.text if prefix is not None else _usual_path(backend)
        backend.put("url", value(f"{scheme}://{host.text}:{port}{where.rstrip('/')}", host.at), host.at)
    elif prefix is not None:
        put_first(backend, "url", value(_usual_origin(backend) + prefix.text.rstrip("/"), prefix.at))
    if path is not None:
        _full_path(provider, "path", path, backend)


def _full_path(node: Node, key: str, path: Scalar, backend: Table) -> None:
    """Take a whole path as the backend's, if it ends as the operation's own does."""
    end = _CHAT_PATHS.get(_text(backend, "provider"), "/")
    if not path.text.endswith(end):
        node.leave_out(key, why=f"does not end in {end}, which this gateway appends to a backend's url")
        return
    origin = _origin(_text(backend, "url")) or _usual_origin(backend)
    if origin:
        backend.put("url", value(origin + path.text.removesuffix(end), path.at), path.at)


def _usual_path(backend: Table) -> str:
    return urlsplit(_usual_url(backend)).path or "/v1"


def _usual_origin(backend: Table) -> str:
    return _origin(_usual_url(backend))


def _usual_url(backend: Table) -> str:
    profile = PROFILES.get(_text(backend, "provider"))
    return (profile.url if profile is not None else None) or ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _text(backend: Table, key: str) -> str:
    found = backend.get(key)
    return found.text if isinstance(found, Scalar) else ""
