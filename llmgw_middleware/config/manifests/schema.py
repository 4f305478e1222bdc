"""What agentgateway's own schema refuses, as rows: the key of a mapping, and a rule that it has to keep.

A manifest that a cluster would not take is not taken here either, also where it speaks of what is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.quantity import duration
from llmgw_middleware.config.tree import Items, Scalar, Table, Tree

Rule = Callable[[Table], str | None]
"""Says what is wrong with a mapping, if anything."""

_TTL = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")
_URL = re.compile(r"https?://[^/?#]+(/.*)?")


def judge_schema(label: str, spec: Table | None, report: Report) -> None:
    """Report whatever breaks a row, at its place."""
    for path, table in _walk(("spec",), spec):
        rules = (rule for depth in _DEPTHS for rule in _ROWS.get(".".join(path[-depth:]), ()))
        for reason in filter(None, (rule(table) for rule in rules)):
            report.error("bad_manifest", table.at, f"{label}: {'.'.join(path)}: {reason}.")


def _walk(path: tuple[str, ...], tree: Tree | None) -> Iterator[tuple[tuple[str, ...], Table]]:
    """Return every mapping with its path; an item of a list has the list's key with ``[]``."""
    if isinstance(tree, Table):
        yield path, tree
        for below, part in tree.items():
            yield from _walk((*path, below), part)
    elif isinstance(tree, Items):
        for part in tree:
            yield from _walk((*path[:-1], f"{path[-1]}[]"), part)


def _given(table: Table, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key in table]


def exactly_one(*keys: str, unless: str | None = None) -> Rule:
    """Ask for exactly one of the keys, but of mappings that have ``unless``."""

    def rule(table: Table) -> str | None:
        if (unless is not None and unless in table) or len(_given(table, keys)) == 1:
            return None
        return f"exactly one of the fields in [{' '.join(keys)}] must be set"

    return rule


def at_most_one(*keys: str) -> Rule:
    """Ask for at most one of the keys."""
    return lambda table: (
        f"at most one of the fields in [{' '.join(keys)}] may be set"
        if len(_given(table, keys)) > 1
        else None
    )


def at_least_one(*keys: str, unless: str | None = None) -> Rule:
    """Ask for at least one of the keys, but of mappings that have ``unless``."""

    def rule(table: Table) -> str | None:
        if (unless is not None and unless in table) or _given(table, keys):
            return None
        return f"at least one of the fields in [{' '.join(keys)}] must be set"

    return rule


def needs(key: str, *, beside: str | None = None, unless: str | None = None) -> Rule:
    """Ask for a key with a value: always, or only ``beside`` another one."""

    def rule(table: Table) -> str | None:
        asked = beside is None or beside in table
        excused = unless is not None and unless in table
        return f"{key} is required" if asked and not excused and not _text(table, key) else None

    return rule


def one_of(key: str, *values: str) -> Rule:
    """Ask that a key, where it is given, is one of the values."""
    return lambda table: (
        f"{key}: Unsupported value, one of {', '.join(values)} is meant"
        if key in table and _text(table, key) not in values
        else None
    )


def fits(key: str, pattern: re.Pattern[str]) -> Rule:
    """Ask that a key, where it is given, matches a pattern."""
    return lambda table: (
        f"{key} in body should match {pattern.pattern}"
        if key in table and not pattern.fullmatch(_text(table, key))
        else None
    )


def text_only(key: str) -> Rule:
    """Ask that a key, where it is given, is a text and no number or boolean."""

    def rule(table: Table) -> str | None:
        found = table.get(key)
        wrong = isinstance(found, Scalar) and found.value is not None and not isinstance(found.value, str)
        return f"{key} in body must be of type string" if wrong else None

    return rule


def at_least(key: str, least: float) -> Rule:
    """Ask that a key, where it is given, is a number, or a time in seconds, of at least ``least``."""

    def rule(table: Table) -> str | None:
        if key not in table:
            return None
        try:
            return None if duration(_text(table, key)) >= least else f"{key} must be at least {least:g}"
        except ValueError:
            return None if _text(table, key)[:1] not in ("", "0") else f"{key} must be at least {least:g}"

    return rule


def only_with(key: str, other: str, value: str) -> Rule:
    """Let a key stand only beside a certain value of another one."""
    return lambda table: (
        f"{key} requires {other} {value}" if key in table and _text(table, other) not in ("", value) else None
    )


def not_beside(key: str, other: str) -> Rule:
    """Let two keys exclude each other."""
    return lambda table: f"{key} may not be set when {other} is set" if {key, other} <= set(table) else None


def _text(table: Table, key: str) -> str:
    found = table.get(key)
    return (
        found.text
        if isinstance(found, Scalar) and found.value is not None
        else ""
        if found is None or isinstance(found, Scalar)
        else "…"
    )


def _path_of(url: str) -> str:
    match = _URL.fullmatch(url)
    return (match[1] or "").strip("/") if match else ""


def _path_needs_http(table: Table) -> str | None:
    grpc = _text(table, "protocol") == "GRPC"
    return "url path is only valid with protocol HTTP" if grpc and _path_of(_text(table, "url")) else None


def _no_path(table: Table) -> str | None:
    return "url must not include a path" if _path_of(_text(table, "url")) else None


def _one_path(table: Table) -> str | None:
    http = table.get("http")
    twice = _path_of(_text(table, "url")) and isinstance(http, Table) and "path" in http
    return "http.path may not be set when url includes a path" if twice else None


def _located(table: Table) -> str | None:
    bare = "location" in table and not _given(table, ("key", "secretRef"))
    return "location may only be set for key or secretRef auth" if bare else None


def _custom_ref(table: Table) -> str | None:
    if "name" in table and not _text(table, "name"):
        return "name: Invalid value"
    if not _given(table, ("group", "kind")) or _is_secret(table):
        return None
    whole = _text(table, "group") and _text(table, "kind")
    return None if whole else "custom credential refs must set both group and kind"


def _is_secret(table: Table) -> bool:
    return not _text(table, "group") and ("kind" not in table or _text(table, "kind") in ("", "Secret"))


def _pseudo(table: Table) -> str | None:
    name = _text(table, "name")
    wrong = name.startswith(":") and name not in _PSEUDO
    return f"pseudo-headers must be one of {', '.join(_PSEUDO)}" if wrong else None


def _last(table: Table) -> str | None:
    entries = table.get("conditional")
    early = isinstance(entries, Items) and any(
        isinstance(entry, Table) and "condition" not in entry for entry in entries[:-1]
    )
    return "conditional entries without condition must be last" if early else None


def _inheritance(table: Table) -> str | None:
    wide = isinstance(table.get("strategy"), Table) and bool(_given(table, ("frontend", "backend")))
    return "strategy.inheritance may only be set on traffic policies" if wide else None


def _targets(table: Table) -> list[Table]:
    lists = (table.get("targetRefs"), table.get("targetSelectors"))
    return [ref for refs in lists if isinstance(refs, Items) for ref in refs if isinstance(ref, Table)]


def _service(table: Table) -> str | None:
    backend = table.get("backend")
    if not isinstance(backend, Table) or not any(_text(ref, "kind") == "Service" for ref in _targets(table)):
        return None
    for key in _given(backend, ("mcp", "ai")):
        return f"backend.{key} may not be used with a Service target"
    odd = [
        ref for ref in _targets(table) if "sectionName" in ref and not _text(ref, "sectionName").isdecimal()
    ]
    return "Service sectionName must be a numeric port from 1 to 65535" if odd else None


def _port(table: Table) -> str | None:
    ported = any("port" in ref for ref in _targets(table))
    wide = ported and _given(table, ("traffic", "backend"))
    return "port may only be set on frontend-only policies" if wide else None


def _listener(table: Table) -> str | None:
    frontend = table.get("frontend")
    of_port = isinstance(frontend, Table) and _given(frontend, ("tls", "tcp", "http", "proxyProtocol"))
    narrow = of_port and any("sectionName" in ref for ref in _targets(table))
    return "it may only target a Gateway or port, not a listener" if narrow else None


_PSEUDO = (":authority", ":method", ":path", ":scheme", ":status")
_UNITS = ("Seconds", "Minutes", "Hours", "Days")
_AUTHS = (
    "key", "secretRef", "passthrough", "aws", "azure", "gcp", "credentials", "jwtSign", "oauthTokenExchange",
    "crossAppAccess",
)  # fmt: skip
_EXT_AUTH = (
    exactly_one("backendRef", "url", unless="conditional"),
    exactly_one("grpc", "http", unless="conditional"),
    one_of("failureMode", "FailClosed", "FailOpen"),
    _one_path,
    _last,
)
_EXT_PROC = (exactly_one("backendRef", "url", unless="conditional"), _last)
_RATE_LIMIT = (at_least_one("global", "local", unless="conditional"), _last)
_DIRECT = (needs("status", unless="conditional"), _last)
_ROWS: Mapping[str, tuple[Rule, ...]] = {
    "spec": (_inheritance, _service, _port, _listener),
    "targetRefs[]": (at_most_one("sectionName", "port"),),
    "auth": (exactly_one(*_AUTHS), _located),
    "secretRef": (_custom_ref,),
    "tls": (at_most_one("verifySubjectAltNames", "insecureSkipVerify"),),
    "caCertificateRefs[]": (one_of("kind", "ConfigMap", "Secret"),),
    "keepalive": (at_least("time", 1), at_least("retries", 1)),
    "buffer": (at_least_one("request", "response"),),
    "timeouts": (at_least_one("request"),),
    "http": (at_least("maxBufferSize", 1), at_least("http1IdleTimeout", 1)),
    "extAuth": _EXT_AUTH,
    "extAuth.conditional[].policy": _EXT_AUTH,
    "extProc": _EXT_PROC,
    "extProc.conditional[].policy": _EXT_PROC,
    "local[]": (exactly_one("requests", "tokens"), one_of("unit", *_UNITS)),
    "descriptors[]": (one_of("unit", "Requests", "Tokens"),),
    "rateLimit": _RATE_LIMIT,
    "rateLimit.conditional[].policy": _RATE_LIMIT,
    "directResponse": _DIRECT,
    "directResponse.conditional[].policy": _DIRECT,
    "jwtAuthentication": (only_with("mcp", "mode", "Strict"),),
    "jwks.remote": (
        exactly_one("backendRef", "url"),
        not_beside("jwksPath", "url"),
        needs("jwksPath", beside="backendRef"),
    ),
    "processors[].remote": (exactly_one("backendRef", "url"), _no_path),
    "tracing": (
        text_only("randomSampling"),
        one_of("protocol", "GRPC", "HTTP"),
        _path_needs_http,
        fits("url", _URL),
    ),
    "otlp": (_path_needs_http, fits("url", _URL)),
    "request.set[]": (_pseudo,),
    "request.add[]": (_pseudo,),
    "response.set[]": (_pseudo,),
    "response.add[]": (_pseudo,),
    "hostRewrite": (one_of("mode", "Auto", "None"),),
    "proxyProtocol": (one_of("version", "V1", "V2", "All", "Optional"),),
    "jwtSign": (
        fits("ttl", _TTL),
        one_of("alg", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"),
    ),
    "signingKeyRef": (needs("name"),),
    "oauthTokenExchange": (not_beside("path", "url"), exactly_one("backendRef", "url")),
}
"""By the last keys of a path; ``[]`` stands for an item of a list."""

_DEPTHS = (1, 2, 3)
"""How many keys a row may name."""
