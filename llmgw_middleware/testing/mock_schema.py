"""Values that fit a JSON schema: arguments of the mock's tool calls, and its structured answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 8
"""Levels of a schema that are followed; what is deeper is null."""

_BY_TYPE: Mapping[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "null": None}


def sample_of(schema: Any, word: str, *, defs: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """Return a value that fits ``schema``; ``word`` is what texts say.

    Known are type, properties, items, enum, const, default, anyOf, oneOf, allOf (its first) and local ``$ref``.
    """
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    defs = schema.get("$defs") or schema.get("definitions") or defs or {}
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    other = _elsewhere(schema, defs)
    if other is not None:
        return sample_of(other, word, defs=defs, depth=depth + 1)
    return _by_type(schema, word, defs, depth)


def _elsewhere(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Any:
    if isinstance(schema.get("$ref"), str):
        return defs.get(schema["$ref"].rpartition("/")[2])
    return next((schema[name][0] for name in ("anyOf", "oneOf", "allOf") if schema.get(name)), None)


def _by_type(schema: Mapping[str, Any], word: str, defs: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: sample_of(part, word, defs=defs, depth=depth + 1) for name, part in properties.items()}
    if kind == "array":
        return [sample_of(schema.get("items"), word, defs=defs, depth=depth + 1)]
    return _BY_TYPE.get(kind, word)
