"""What the providers of these tests say: the same in every dialect, so that a test asks the same of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOWN, NUMBER = "Paris", 7
"""What tools are called with, and structured answers are filled with: texts and whole numbers."""
THOUGHT = "I think of the user first."
SIGNATURE = "c2lnbmVkIGJ5IHRoZSBwcm92aWRlcg=="
INPUT, OUTPUT = 11, 5
"""Tokens of every answer."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that was offered."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, read from its dialect.

    ``results`` are what tools gave, in their order, since the user spoke last; ``schema`` that of a structured answer;
    ``carried`` the signatures of thoughts that came back.
    """

    text: str
    tools: tuple[Tool, ...] = ()
    forced: str | None = None
    results: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    thinks: bool = False
    carried: tuple[str, ...] = ()
    stream: bool = False
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool's call."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer: thoughts, a text or calls of tools."""

    thought: str = ""
    text: str = ""
    calls: tuple[Call, ...] = field(default=())

    @property
    def words(self) -> list[str]:
        """The text in the pieces of a stream."""
        return [f"{word} " for word in self.text.split(" ")[:-1]] + self.text.split(" ")[-1:]


def answer_to(asked: Asked) -> Said:
    """Return what any of the providers says."""
    thought = THOUGHT if asked.thinks else ""
    if asked.results:
        return Said(thought=thought, text=f"The tool says: {asked.results[-1]}")
    if asked.tools:
        tool = next((each for each in asked.tools if each.name == asked.forced), asked.tools[0])
        call = Call(id="call_1", name=tool.name, arguments=filled(tool.schema, tool.schema))
        return Said(thought=thought, calls=(call,))
    if asked.schema is not None:
        return Said(thought=thought, text=json.dumps(filled(asked.schema, asked.schema)))
    return Said(thought=thought, text=f"You said: {asked.text}")


_OF_A_TYPE: Mapping[str, Any] = {"string": TOWN, "integer": NUMBER, "number": NUMBER + 0.5, "boolean": True}


def filled(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Any:
    """Return a value that fits ``schema``, a part of ``whole``."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return filled((whole.get("$defs") or whole.get("definitions") or {})[name], whole)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return filled(next(each for each in schema[key] if each.get("type") != "null"), whole)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = str(schema.get("type", "object")).lower()
    if kind == "array":
        return [filled(schema.get("items", {"type": "string"}), whole)]
    if kind in _OF_A_TYPE:
        return _OF_A_TYPE[kind]
    return {name: filled(each, whole) for name, each in schema.get("properties", {}).items()}


def plain(content: Any) -> str:
    """Return the text of a message's content: text, or a list of parts with a ``text``."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or () if isinstance(part, Mapping))
