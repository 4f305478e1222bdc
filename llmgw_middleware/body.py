"""A request's body, decoded no further than rules ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import msgspec

from llmgw_middleware.errors import BadRequest


class Missing(Enum):
    """The type of ``MISSING``: nothing stands there. JSON's null is a value and something else."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return self.name


MISSING = Missing.MISSING

_UNSEEN: Final = object()
_MOST_LOOKED_AT: Final = 10_000
"""Values that are looked at for the name of a doubled key."""

_MARK, _NUMBERED, _BACKSLASHES = b'"', rb"\u0022", rb"\\"

_SCALARS: Final = frozenset({str, int, float, bool, type(None), Missing})

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_decoded_value = msgspec.json.Decoder().decode


class _Key:
    """A key that equals nothing but itself, so that a dictionary keeps a doubled one twice."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _key(_: type[_Key], text: str) -> _Key:
    return _Key(text)


_PAIRS = msgspec.json.Decoder(dict[_Key, msgspec.Raw], dec_hook=_key)


class _Object:
    """One level of one JSON object."""

    __slots__ = ("_doubled", "_raw", "fields")

    def __init__(self, raw: bytes | msgspec.Raw) -> None:
        self.fields = _FIELDS.decode(raw)
        self._raw = raw
        self._doubled: frozenset[str] | None = None

    def at(self, key: str, dotted: str) -> msgspec.Raw | None:
        """Return the value of ``key``; a doubled one shows one value to us and perhaps another to the upstream."""
        raw = self.fields.get(key)
        if raw is None:
            return None
        if key in self.doubled():
            raise BadRequest(
                f"The request body has the key {key!r} more than once in one object, and a rule reads it. Send it once.",
                code="duplicate_key",
                param=dotted,
            )
        return raw

    def doubled(self) -> frozenset[str]:
        """Return the keys that stand in it more than once."""
        if self._doubled is None:
            self._doubled = _doubled_keys(self._raw, self.fields)
        return self._doubled


class _Array:
    """The items of one JSON array, undecoded."""

    __slots__ = ("items",)

    def __init__(self, raw: bytes | msgspec.Raw) -> None:
        self.items = _ITEMS.decode(raw)

    def at(self, key: str, _dotted: str) -> msgspec.Raw | None:
        if not (key.isascii() and key.isdecimal() and len(key) < 10):  # noqa: PLR2004 - no array is that long
            return None
        index = int(key)
        return self.items[index] if index < len(self.items) else None


def _doubled_keys(raw: bytes | msgspec.Raw, fields: Mapping[str, msgspec.Raw]) -> frozenset[str]:
    """Return the keys that one level of an object has more than once.

    Written without a space, the fields that were found take a known length; if the object is no longer than that,
    nothing else can stand in it. The same if it is what Python's ``json.dumps`` writes of them. Else quotation marks are
    counted, of which a doubled key has two at least; and if there are too many, every key of the level is looked at.
    """
    tight = sum(map(len, fields)) + sum(map(len, fields.values())) + 4 * len(fields) + 1
    if len(raw) == tight:
        return frozenset()
    if len(raw) == tight + 2 * len(fields) - 1 and _is_spaced(bytes(raw), fields):
        return frozenset()
    if _marks(bytes(raw)) == _marks(b" ".join(fields.values())) + 2 * len(fields) + "".join(fields).count(
        '"'
    ):
        return frozenset()
    counts = Counter(key.text for key in _PAIRS.decode(raw))
    return frozenset(key for key, count in counts.items() if count > 1)


def _is_spaced(raw: bytes, fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether ``raw``, as long as that, has these fields in turn with a space after each comma and colon."""
    at = 1
    for key, value in fields.items():
        name = b'"%b": ' % key.encode()
        if not (raw.startswith(name, at) and raw.startswith(value, at + len(name))):
            return False
        at += len(name) + len(value) + 2
    return True


class Body:
    """A request's body, read as a JSON object as far as rules ask.

    ``failed`` says that it was asked for and cannot be read. Once a part turns out to be no JSON, the whole is
    unreadable: text that one parser refuses another might take for something else.
    """

    __slots__ = ("_examined", "_failure", "_levels", "_top", "_values", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._top: _Object | None = None
        self._levels: dict[tuple[str, ...], _Object | _Array | None] | None = None
        self._values: dict[tuple[str, ...], Any] = {}
        self._examined: frozenset[tuple[str, ...]] = frozenset()
        self._failure: tuple[str, str] | None = None

    def __repr__(self) -> str:
        state = "unread" if self._top is None else "read"
        return f"<Body {len(self.raw)} bytes, {'unreadable' if self.failed else state}>"

    @property
    def failed(self) -> bool:
        """Whether reading was tried in vain."""
        return self._failure is not None

    @property
    def readable(self) -> bool:
        """Whether ``fields`` would succeed."""
        if self._top is not None:
            return True
        try:
            self._object()
        except BadRequest:
            return False
        return True

    def fields(self) -> dict[str, msgspec.Raw]:
        """Return the top-level fields, undecoded; of a doubled key the last.

        Raises ``BadRequest``: ``invalid_json`` (also when the top level is no object), ``json_too_deep``.
        """
        return (self._top or self._object()).fields

    @property
    def single(self) -> bool:
        """Whether it can be read, and no key of its top level stands there twice."""
        return self._top is not None and not self._top.doubled()

    def get(self, path: tuple[str, ...]) -> Any:
        """Return the decoded value at ``path`` (``("messages", "0", "role")``), or ``MISSING``.

        Raises ``BadRequest`` as ``fields`` does, and ``duplicate_key`` if a key on the way stands twice in its object.
        """
        value = self._values.get(path, _UNSEEN)
        if value is not _UNSEEN:
            return value
        top = self._top or self._object()
        try:
            raw = top.at(path[0], path[0]) if len(path) == 1 else self._raw_at(top, path)
            value = MISSING if raw is None else _decoded_value(raw)
        except (ValueError, RecursionError) as error:
            raise self._fail(error) from error
        self._values[path] = value
        return value

    def whole(self, path: tuple[str, ...]) -> Any:
        """Return what ``get`` returns, and refuse a key that stands twice in an object anywhere below ``path``.

        The empty path is the whole body. For rules that look into what they read.
        """
        value = self._values.get(path, _UNSEEN)
        if type(value) in _SCALARS or path in self._examined:
            return value
        top = self._object()
        if path:
            value = self.get(path)
            raw = None if type(value) in _SCALARS else self._raw_at(top, path)
        else:
            raw = msgspec.Raw(self.raw)
            value = self._values[path] = self._decoded(self.raw)
        if raw is not None:
            self._examine(raw, value)
        self._examined |= {path}
        return value

    def _decoded(self, raw: bytes) -> Any:
        try:
            return _decoded_value(raw)
        except (ValueError, RecursionError) as error:
            raise self._fail(error) from error

    def _examine(self, raw: msgspec.Raw, value: Any) -> None:
        if has_doubled_key(raw, value):
            key = doubled_key(raw)
            which = "a key" if key is None else f"the key {key!r}"
            raise BadRequest(
                f"The request body has {which} more than once in one object, and a rule reads it. Send it once.",
                code="duplicate_key",
                param=key,
            )

    def text(self, name: str) -> str | None:
        """Return a top-level field if it is a string."""
        value = self.get((name,))
        return value if isinstance(value, str) else None

    def true(self, name: str) -> bool:
        """Whether a top-level field is JSON's ``true``."""
        return name in self.fields() and self.get((name,)) is True

    def _object(self) -> _Object:
        if self._top is not None:
            return self._top
        if self._failure is not None:
            raise BadRequest(self._failure[0], code=self._failure[1])
        try:
            self._top = _Object(self.raw)
        except (ValueError, RecursionError) as error:
            raise self._fail(error) from error
        return self._top

    def _raw_at(self, top: _Object, path: tuple[str, ...]) -> msgspec.Raw | None:
        level = self._level(top, path[:-1])
        return None if level is None else level.at(path[-1], ".".join(path))

    def _level(self, top: _Object, path: tuple[str, ...]) -> _Object | _Array | None:
        if not path:
            return top
        if self._levels is None:
            self._levels = {}
        if path not in self._levels:
            raw = self._raw_at(top, path)
            self._levels[path] = None if raw is None else _opened(raw)
        return self._levels[path]

    def _fail(self, error: ValueError | RecursionError) -> BadRequest:
        self._top = None
        self._failure = _reason(error, self.raw)
        return BadRequest(self._failure[0], code=self._failure[1])


def has_doubled_key(raw: msgspec.Raw, value: Any) -> bool:
    """Whether a key stands twice in one object, however deep. ``value`` is what ``raw`` decodes to.

    Of a doubled key one value is lost in decoding, and with it at least the marks around the key.
    """
    return _marks(bytes(raw)) != _marks(msgspec.json.encode(value))


def _marks(text: bytes) -> int:
    """Count quotation marks in JSON: around texts, and in them, where they may be escaped by their number."""
    count = text.count(_MARK)
    if _NUMBERED in text:
        # What is left without the pairs of backslashes is no text any more, but its escapes are the real ones.
        count += text.replace(_BACKSLASHES, b"").count(_NUMBERED)
    return count


def doubled_key(raw: msgspec.Raw) -> str | None:
    """Return a key that stands twice in one object, if it is found among the first ones: looking takes time."""
    waiting = [raw]
    for _ in range(_MOST_LOOKED_AT):
        if not waiting:
            break
        found = _opened(waiting.pop())
        if isinstance(found, _Object):
            doubled = found.doubled()
            if doubled:
                return min(doubled)
            waiting.extend(found.fields.values())
        elif found is not None:
            waiting.extend(found.items)
    return None


def _opened(raw: msgspec.Raw) -> _Object | _Array | None:
    opening = bytes(memoryview(raw)[:16]).lstrip()[:1] or bytes(raw).lstrip()[:1]
    if opening == b"{":
        return _Object(raw)
    return _Array(raw) if opening == b"[" else None


def _reason(error: ValueError | RecursionError, raw: bytes) -> tuple[str, str]:
    if isinstance(error, RecursionError):
        return "The request body is nested too deeply to be read.", "json_too_deep"
    if not raw.strip():
        return "The request has no body; send a JSON object.", "invalid_json"
    if isinstance(error, msgspec.ValidationError) and str(error).startswith("Expected `object`"):
        return "The request body is JSON but no object; send a JSON object.", "invalid_json"
    return f"The request body is no JSON that can be read: {error}.", "invalid_json"
