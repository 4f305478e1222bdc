"""What a key takes, worked out once from its annotation: a kind of value, a list, a mapping, or one of several forms.

A ``Word`` is one too. Whatever takes a value has a method ``take``; it returns what became of the value, or raises
``Refused`` with everything that is wrong in it, each with its path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Protocol, Union, get_args, get_origin

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Table
from llmgw_middleware.config.words.refused import Refusal, Refused, refuse, wrong


class Takes(Protocol):
    """What a key can take."""

    def take(self, value: Any, report: Report) -> Any:
        """Return what ``value`` means. Raises Refused."""
        ...


class Kind:
    """A single value. ``noun`` is what the reference table calls it, ``schema`` its JSON Schema."""

    __slots__ = ("noun", "read", "schema")

    def __init__(self, read: Callable[[Any], Any], schema: Mapping[str, Any], noun: str) -> None:
        self.read = read
        self.schema = schema
        self.noun = noun

    def take(self, value: Any, report: Report) -> Any:  # noqa: ARG002 - as all that take
        """Return what the kind's reader makes of ``value``. Raises Refused."""
        return self.read(value)


class ListOf:
    """A list, read to a tuple."""

    __slots__ = ("item",)

    def __init__(self, item: Takes) -> None:
        self.item = item

    def take(self, value: Any, report: Report) -> tuple[Any, ...]:
        """Return every item. Raises Refused with what is wrong in any of them."""
        if not isinstance(value, Items):
            wrong("a list", value)
        found: list[Any] = []
        refusals: list[Refusal] = []
        for index, item in enumerate(value):
            try:
                found.append(self.item.take(item, report))
            except Refused as refused:
                refusals += refused.under(index)
        if refusals:
            raise Refused(*refusals)
        return tuple(found)


class MapOf:
    """A mapping with keys of the writer's own; ``key`` None: of any text."""

    __slots__ = ("key", "value")

    def __init__(self, key: Takes | None, value: Takes) -> None:
        self.key = key
        self.value = value

    def take(self, value: Any, report: Report) -> dict[str, Any]:
        """Return every entry. Raises Refused with what is wrong in any of them, or with their keys."""
        if not isinstance(value, Table):
            wrong("a mapping", value)
        found: dict[str, Any] = {}
        refusals: list[Refusal] = []
        for written, entry in value.items():
            key = written
            try:
                key = written if self.key is None else self.key.take(written, report)
            except Refused as refused:
                refusals += refused.under(written, of_key=True)
            try:
                found[key] = self.value.take(entry, report)
            except Refused as refused:
                refusals += refused.under(written)
        if refusals:
            raise Refused(*refusals)
        return found


class Forms:
    """One of several forms; ``form_of`` tells a value's tag. ``wanted`` completes "This takes …"."""

    __slots__ = ("form_of", "members", "wanted")

    def __init__(
        self, form_of: Callable[[Any], str], wanted: str, members: Mapping[str, Takes] | None = None
    ) -> None:
        self.form_of = form_of
        self.wanted = wanted
        self.members = members or {}

    def take(self, value: Any, report: Report) -> Any:
        """Return what the form that ``value`` has makes of it. Raises Refused, also where it has none of them."""
        member = self.members.get(self.form_of(value))
        if member is None:
            refuse("bad_value", f"This takes {self.wanted}.")
        return member.take(value, report)


class Judged:
    """What is looked at before it is read; ``judge`` may refuse it."""

    __slots__ = ("judge", "then")

    def __init__(self, judge: Callable[[Any], None], then: Takes) -> None:
        self.judge = judge
        self.then = then

    def take(self, value: Any, report: Report) -> Any:
        """Judge ``value``, and return what it means. Raises Refused."""
        self.judge(value)
        return self.then.take(value, report)


class Before:
    """Stands in the annotation of what is judged before it is read."""

    __slots__ = ("judge",)

    def __init__(self, judge: Callable[[Any], None]) -> None:
        self.judge = judge


class Tag:
    """Stands in the annotation of a form, and says which values have it."""

    __slots__ = ("tag",)

    def __init__(self, tag: str) -> None:
        self.tag = tag


def takes(annotation: Any) -> Takes:
    """Return what an annotation says is taken. ``| None`` says nothing: a key without a value is not given."""
    plain = bare(annotation)
    for part in metadata(annotation):
        if isinstance(part, Kind):
            return part
        if isinstance(part, Forms):
            return Forms(part.form_of, part.wanted, {_tag(form): takes(form) for form in _members(plain)})
        if isinstance(part, Before):
            return Judged(part.judge, takes(plain))
    return _plain(plain)


def _plain(annotation: Any) -> Takes:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return ListOf(takes(inner[0]))
    if origin is dict:
        return MapOf(None if inner[0] is str else takes(inner[0]), takes(inner[1]))
    word: Takes = annotation
    members = _members(annotation)
    return takes(members[0]) if members else word


def metadata(annotation: Any) -> tuple[Any, ...]:
    """Return what stands beside the type in ``Annotated``."""
    found: tuple[Any, ...] = getattr(annotation, "__metadata__", ())
    return found


def bare(annotation: Any) -> Any:
    """Return the type without what stands beside it."""
    return annotation.__origin__ if metadata(annotation) else annotation


def _members(annotation: Any) -> list[Any]:
    """Return the types of a union but for None; none for any other type."""
    if get_origin(annotation) not in (Union, UnionType):
        return []
    return [member for member in get_args(annotation) if member is not NoneType]


def _tag(form: Any) -> str:
    return next(part.tag for part in metadata(form) if isinstance(part, Tag))
