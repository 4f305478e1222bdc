"""JSON Schemas for backends that know a part of the language: what they lack is said in words."""

from __future__ import annotations

from typing import Any

import msgspec

from llmgw_middleware.errors import BadRequest

LACKING = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "minProperties", "maxProperties",
)  # fmt: skip
"""Keywords that Anthropic's structured output refuses; ``minItems`` above 1 as well."""

_NESTED_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_NESTED_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_NESTED = ("items", "not", "additionalProperties")


def worded(schema: msgspec.Raw, param: str) -> Any:
    """Return the schema with its lacking keywords moved into the descriptions, and its objects closed.

    ``{"type": "integer", "minimum": 1}`` becomes ``{"type": "integer", "description": "{minimum: 1}"}``. An object that
    says nothing on ``additionalProperties`` is closed, as strict output needs it. Raises BadRequest if the schema is no
    object.
    """
    try:
        found = msgspec.json.decode(schema)
        if isinstance(found, dict):
            return _worded(found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadRequest(f"{param!r} is no JSON Schema that can be read.", param=param) from problem
    raise BadRequest(f"{param!r} has to be a JSON Schema.", param=param)


def _worded(node: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    lost: list[str] = []
    for key, value in node.items():
        if key in LACKING or (key == "minItems" and isinstance(value, int) and value > 1):
            lost.append(f"{key}: {msgspec.json.encode(value).decode()}")
        else:
            out[key] = _nested(key, value)
    if lost:
        said = out.get("description")
        words = "{" + ", ".join(lost) + "}"
        out["description"] = f"{said}\n\n{words}" if isinstance(said, str) and said else words
    if out.get("type") == "object" or "properties" in out:
        out.setdefault("additionalProperties", False)
    return out


def _nested(key: str, value: Any) -> Any:
    if key in _NESTED_MAPS and isinstance(value, dict):
        return {name: _worded(one) if isinstance(one, dict) else one for name, one in value.items()}
    if key in _NESTED_LISTS and isinstance(value, list):
        return [_worded(one) if isinstance(one, dict) else one for one in value]
    if key in _NESTED and isinstance(value, dict):
        return _worded(value)
    return value
