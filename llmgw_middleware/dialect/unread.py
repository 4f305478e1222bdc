"""A caller's JSON object, read field by field: what is wrong is told by its path, what nobody takes is left over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from llmgw_middleware.errors import BadRequest

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_NULL = b"null"


def wrong(param: str, wanted: str) -> BadRequest:
    """Return the error for a field that is not what it has to be."""
    return BadRequest(f"{param!r} has to be {wanted}.", param=param)


class Unread:
    """One object of a request's body. JSON's null counts as absent.

    Each ``take…`` removes a field and returns its value, or None; it raises BadRequest naming the dotted path if the
    value is of another type. ``left`` collects what was never taken.
    """

    __slots__ = ("_fields", "at")

    def __init__(self, fields: Mapping[str, msgspec.Raw], at: str = "") -> None:
        self._fields = dict(fields)
        self.at = at

    def __repr__(self) -> str:
        return f"<Unread {self.at or 'body'}: {', '.join(self._fields)}>"

    def path(self, name: str | int) -> str:
        """Return the dotted path of a field here."""
        return f"{self.at}.{name}" if self.at else str(name)

    def take(self, name: str) -> msgspec.Raw | None:
        """Take a field undecoded."""
        raw = self._fields.pop(name, None)
        return None if raw is None or is_null(raw) else raw

    def skip(self, *names: str) -> None:
        """Take fields that mean nothing to any upstream."""
        for name in names:
            self._fields.pop(name, None)

    def value(self, name: str) -> Any:
        """Take a field, decoded."""
        raw = self.take(name)
        return None if raw is None else _decoded(_ANY, raw, self.path(name), "JSON that can be read")

    def text(self, name: str) -> str | None:
        """Take a string."""
        value = self.value(name)
        if value is None or isinstance(value, str):
            return value
        raise wrong(self.path(name), "a string")

    def needed(self, name: str) -> str:
        """Take a string that must be there and not be empty."""
        value = self.text(name)
        if not value:
            raise wrong(self.path(name), "a string that is not empty")
        return value

    def whole(self, name: str, *, least: int | None = None) -> int | None:
        """Take an integer, at least ``least``."""
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(self.path(name), "an integer")
        if least is not None and value < least:
            raise wrong(self.path(name), f"at least {least}")
        return value

    def number(self, name: str) -> int | float | None:
        """Take a number, as it was written."""
        value = self.value(name)
        if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
            raise wrong(self.path(name), "a number")
        return value

    def flag(self, name: str) -> bool | None:
        """Take a boolean."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong(self.path(name), "true or false")

    def strings(self, name: str, *, or_one: bool = False) -> list[str]:
        """Take a list of strings; ``or_one``: or a single one."""
        value = self.value(name)
        if value is None:
            return []
        if or_one and isinstance(value, str):
            return [value]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise wrong(self.path(name), "a list of strings")

    def object(self, name: str) -> Unread | None:
        """Take an object, to be read in turn."""
        raw = self.take(name)
        return None if raw is None else opened(raw, self.path(name))

    def items(self, name: str) -> list[tuple[str, msgspec.Raw]]:
        """Take a list: each item undecoded, with its path. Absent: empty."""
        raw = self.take(name)
        if raw is None:
            return []
        at = self.path(name)
        found = _decoded(_LIST, raw, at, "a list")
        return [(f"{at}.{index}", item) for index, item in enumerate(found)]

    def objects(self, name: str) -> list[Unread]:
        """Take a list of objects."""
        return [opened(raw, at) for at, raw in self.items(name)]

    def left(self, into: dict[str, msgspec.Raw]) -> None:
        """Add what was never taken, by its path; nulls say nothing."""
        for name, raw in self._fields.items():
            if not is_null(raw):
                into[self.path(name)] = raw


def opened(raw: msgspec.Raw, at: str) -> Unread:
    """Return the object ``raw``; raises BadRequest if it is none."""
    return Unread(_decoded(_OBJECT, raw, at, "an object"), at)


def is_null(raw: msgspec.Raw) -> bool:
    """Whether a value is null. Values may be large: only a short one is copied to be looked at."""
    return len(raw) == len(_NULL) and bytes(raw) == _NULL


def is_text(raw: msgspec.Raw) -> bool:
    """Whether a value is a string."""
    return bytes(memoryview(raw)[:1]) == b'"'


def is_object(raw: msgspec.Raw) -> bool:
    """Whether a value is an object."""
    return bytes(memoryview(raw)[:1]) == b"{"


def text_of(raw: msgspec.Raw, at: str) -> str:
    """Return a value that has to be a string."""
    value = _decoded(_ANY, raw, at, "a string")
    if not isinstance(value, str):
        raise wrong(at, "a string")
    return value


def _decoded(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw, at: str, wanted: str) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as problem:
        raise wrong(at, wanted) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"{at!r} is no JSON that can be read.", code="invalid_json", param=at) from problem
    except RecursionError as problem:
        raise BadRequest(
            f"{at!r} is nested too deeply to be read.", code="json_too_deep", param=at
        ) from problem
