"""What a word declares of each of its keys, beside the type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llmgw_middleware.config.tree import camel
from llmgw_middleware.config.words.takes import Kind, Takes, bare, metadata, takes

NEEDED: Any = object()
"""Stands for the default of a key that has to be written."""


class Field:
    """What stands in the annotation: the manual's sentence, the key's own spelling, what makes a default."""

    __slots__ = ("alias", "default_factory", "description")

    def __init__(
        self, *, description: str, alias: str | None = None, default_factory: Callable[[], Any] | None = None
    ) -> None:
        self.description = description
        self.alias = alias
        self.default_factory = default_factory


class Manual:
    """What the reference table shows for a field: the kind of its value, the default where code has it elsewhere."""

    __slots__ = ("default", "kind")

    def __init__(self, *, kind: str | None = None, default: str | None = None) -> None:
        self.kind = kind
        self.default = default


class Key:
    """One key of a word. ``textual``: a variable that is not set leaves it with a text, which then is refused.

    ``kind`` and ``standing`` are what the manual says of its value and its default, where that is not seen in
    ``takes`` and ``default``.
    """

    __slots__ = (
        "default",
        "default_factory",
        "description",
        "kind",
        "name",
        "spelled",
        "standing",
        "takes",
        "textual",
    )

    def __init__(self, name: str, annotation: Any, default: Any) -> None:
        said = metadata(annotation)
        field = next(part for part in said if isinstance(part, Field))
        manuals = list(_manuals(annotation))
        self.name = name
        self.spelled = field.alias or camel(name)
        self.description = field.description
        self.default_factory = field.default_factory
        self.default = default
        self.takes: Takes = takes(annotation)
        self.textual = bare(annotation) is str
        self.kind = next((m.kind for m in manuals if m.kind is not None), None)
        self.standing = next((m.default for m in manuals if m.default is not None), None)

    @property
    def needed(self) -> bool:
        """Whether it has to be written."""
        return self.default is NEEDED and self.default_factory is None


def _manuals(annotation: Any) -> Iterator[Manual]:
    """Find what a field and its type say of themselves, through ``| None``; the field's own words come first."""
    for part in reversed(metadata(annotation)):
        if isinstance(part, Manual):
            yield part
        elif isinstance(part, Kind):
            yield Manual(kind=part.noun)
    for part in getattr(bare(annotation), "__args__", ()):
        if metadata(part) and getattr(bare(annotation), "__origin__", None) not in (tuple, dict):
            yield from _manuals(part)
