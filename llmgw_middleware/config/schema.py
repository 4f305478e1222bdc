"""The language as JSON Schema, for editors and for programs that write configurations."""

from __future__ import annotations

import inspect
from typing import Any

from llmgw_middleware.config.words.configuration import Configuration
from llmgw_middleware.config.words.field import Key
from llmgw_middleware.config.words.takes import Forms, Judged, Kind, ListOf, MapOf, Takes
from llmgw_middleware.config.words.word import Word

DRAFT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a configuration: only what works in this version, in camelCase."""
    definitions: dict[str, Schema] = {}
    whole = _of_word(Configuration, definitions)
    return {
        "$schema": DRAFT,
        "$defs": dict(sorted(definitions.items())),
        **whole,
        "title": "llmgw-middleware",
    }


def _of_word(word: type[Word], definitions: dict[str, Schema]) -> Schema:
    found: Schema = {
        "additionalProperties": False,
        "description": inspect.getdoc(word),
        "properties": {key.spelled: _of_key(key, definitions) for key in word.fields.values()},
        "type": "object",
    }
    needed = [key.spelled for key in word.fields.values() if key.needed]
    return {**found, "required": needed} if needed else found


def _of_key(key: Key, definitions: dict[str, Schema]) -> Schema:
    found = {**_of(key.takes, definitions), "description": key.description}
    default = list(key.default) if isinstance(key.default, tuple) else key.default
    return {**found, "default": default} if _tells(default) else found


def _tells(default: Any) -> bool:
    """Whether a default says something by itself; an empty list does not, nor what the parts of a word say."""
    return isinstance(default, str | int | float) or (isinstance(default, list) and bool(default))


def _of(takes: Takes, definitions: dict[str, Schema]) -> Schema:
    match takes:
        case Kind():
            return dict(takes.schema)
        case ListOf():
            return {"type": "array", "items": _of(takes.item, definitions)}
        case MapOf():
            return {"type": "object", "additionalProperties": _of(takes.value, definitions)}
        case Forms():
            return {"oneOf": [_of(member, definitions) for member in takes.members.values()]}
        case Judged():
            return _of(takes.then, definitions)
    return _reference(takes, definitions)


def _reference(word: Any, definitions: dict[str, Schema]) -> Schema:
    if word.__name__ not in definitions:
        definitions[word.__name__] = _of_word(word, definitions)
    return {"$ref": f"#/$defs/{word.__name__}"}
