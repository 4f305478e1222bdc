"""Rows of ``model_list`` as backends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmgw_middleware.config.litellm.providers import Home, home_of
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Scalar, Table
from llmgw_middleware.config.writing import put_first, table, value
from llmgw_middleware.dialect.presets import PRESETS

_ENVIRONMENT = "os.environ/"
_KEYS = (
    ("api_version", "apiVersion"),
    ("aws_region_name", "region"),
    ("vertex_project", "project"),
    ("vertex_location", "location"),
    ("max_parallel_requests", "maxInFlight"),
)
_PER_SECOND = "is a price by time, and prices are per token here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One row: the group of models that it serves, its backend, and its weight and order within the group."""

    group: str
    backend: Table
    weight: Scalar | None
    order: Scalar | None


def deployments(rows: Sequence[Node]) -> list[Deployment]:
    """Return the rows that lead somewhere. Of rows of one group each backend is numbered."""
    groups = [row.text("model_name") or "" for row in rows]
    found: list[Deployment] = []
    for place, (group, row) in enumerate(zip(groups, rows, strict=True)):
        number = groups[: place + 1].count(group)
        name = _plain(group) if groups.count(group) == 1 else f"{_plain(group)}-{number}"
        deployment = _deployment(group, name, row)
        if deployment is not None:
            found.append(deployment)
    return found


def reference(scalar: Scalar, variable: str) -> Scalar:
    """Return a credential by reference: its own variable, or for one that stands inline a new one."""
    text = scalar.text
    name = text.removeprefix(_ENVIRONMENT) if text.startswith(_ENVIRONMENT) else variable
    whole = f"${{{name}}}"
    return Scalar(value=whole, text=whole, source=whole, at=scalar.at, loose=True)


def _deployment(group: str, name: str, row: Node) -> Deployment | None:
    params = row.node("litellm_params")
    written = params.scalar("model") if params is not None else None
    if params is None or written is None or not group:
        row.refuse("litellm_params", "model_name and litellm_params.model are needed.")
        return None
    home, model = home_of(written.text, params.text("custom_llm_provider"))
    if home is None:
        params.leave_out("model", why=f"names the provider of {written.text!r}, which is not known here")
        return None
    backend = table(row.at(), name=value(name, row.at()), provider=value(home.provider, written.at))
    _address(params, home, backend)
    _model(group, model, written, backend)
    for theirs, ours in _KEYS:
        if (found := params.scalar(theirs)) is not None:
            backend.put(ours, found, found.at)
    _credential(params, home, name, backend)
    _limits(params, backend)
    _price(params, row.node("model_info"), backend)
    return Deployment(group=group, backend=backend, weight=_weight(params), order=params.scalar("order"))


def _plain(group: str) -> str:
    return group.replace("/*", "").replace("*", "any") or "any"


def _address(params: Node, home: Home, backend: Table) -> None:
    base = params.scalar("api_base") or params.scalar("base_url")
    if base is not None:
        url = (
            reference(base, "")
            if base.text.startswith(_ENVIRONMENT)
            else value(base.text.rstrip("/"), base.at)
        )
        backend.put("url", url, base.at)
        if home.provider == "openai":
            backend.put("provider", value("openai-compatible", base.at), base.at)
    elif home.preset is not None:
        backend.put("preset", value(home.preset, backend.at), backend.at)
    headers = params.table("extra_headers")
    if headers is not None:
        backend.put("headers", headers, headers.at)
    if (organization := params.scalar("organization")) is not None:
        headers = Table(organization.at)
        headers.put("OpenAI-Organization", organization, organization.at)
        put_first(backend, "headers", headers)


def _model(group: str, model: str, written: Scalar, backend: Table) -> None:
    """Send the row's model; a ``*`` in it is what the group's ``*`` stood for."""
    if "*" not in model:
        backend.put("model", value(model, written.at), written.at)
    elif group != model:
        aliases = Table(written.at)
        aliases.put(group, value(model, written.at), written.at)
        backend.put("models", aliases, written.at)


def _credential(params: Node, home: Home, name: str, backend: Table) -> None:
    variable = re.sub(r"\W", "_", f"{name}-api-key").upper()
    key = params.scalar("api_key")
    if key is not None:
        backend.put("apiKey", reference(key, variable), key.at)
        if not key.text.startswith(_ENVIRONMENT):
            params.note(
                "inline_secret", "api_key", f"{params.path('api_key')} stands inline: set {variable} to it."
            )
    elif home.variable is not None and not (home.preset and PRESETS[home.preset].keyless):
        usual = value(_ENVIRONMENT + home.variable, backend.at)
        backend.put("apiKey", reference(usual, variable), backend.at)


def _limits(params: Node, backend: Table) -> None:
    whole, first = params.scalar("timeout"), params.scalar("stream_timeout")
    if whole is not None or first is not None:
        backend.put("timeout", table(backend.at, read=whole, firstToken=first), backend.at)
    retries = params.whole("max_retries")
    if retries is not None:
        backend.put("retry", table(backend.at, maxAttempts=value(retries + 1, backend.at)), backend.at)
    params.leave_out(
        "rpm", "tpm", why="is taken as a weight only: rate limits are not available in this version"
    )


def _price(params: Node, info: Node | None, backend: Table) -> None:
    for node in (params, info):
        if node is None:
            continue
        prices = [node.scalar(f"{side}_cost_per_token") for side in ("input", "output")]
        cached = node.scalar("cache_read_input_token_cost")
        if all(price is not None for price in prices):
            made = table(backend.at, input=prices[0], output=prices[1], cachedInput=cached)
            put_first(backend, "price", made)
        node.leave_out("input_cost_per_second", "output_cost_per_second", why=_PER_SECOND)
    if info is not None:
        window = info.scalar("max_input_tokens")
        if window is not None:
            backend.put("contextWindow", window, window.at)
        info.skip("id", "mode", "base_model", "db_model", "description")


def _weight(params: Node) -> Scalar | None:
    """Return the row's share: its weight, else what it may take per minute, as LiteLLM's simple-shuffle does."""
    return params.scalar("weight") or params.scalar("rpm") or params.scalar("tpm")
