"""What rules may see of a request. Nothing is decoded before a rule asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.place import Place


class Missing(Enum):
    """The type of ``MISSING``: nothing stands there. JSON's null is a value and something else."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return self.name


MISSING = Missing.MISSING

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


_UNREAD = object()
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
        if self._doubled is None:
            self._doubled = _doubled_keys(self._raw, self.fields)
        if key in self._doubled:
            raise BadRequest(
                f"The request body has the key {key!r} more than once in one object, and a rule reads it. Send it once.",
                code="duplicate_key",
                param=dotted,
            )
        return raw


class _Array:
    """The items of one JSON array, undecoded."""

    __slots__ = ("_items",)

    def __init__(self, raw: msgspec.Raw) -> None:
        self._items = _ITEMS.decode(raw)

    def at(self, key: str, _dotted: str) -> msgspec.Raw | None:
        if not (key.isascii() and key.isdecimal() and len(key) < 10):  # noqa: PLR2004 - no array is that long
            return None
        index = int(key)
        return self._items[index] if index < len(self._items) else None


def _doubled_keys(raw: bytes | msgspec.Raw, fields: Mapping[str, msgspec.Raw]) -> frozenset[str]:
    """Return the keys that one level of an object has more than once.

    Written without a space, the fields that were found take a known length; if the object is no longer than that,
    nothing else can stand in it. The same if it is what Python's ``json.dumps`` writes of them. Else every key of the
    level is looked at.
    """
    tight = sum(map(len, fields)) + sum(map(len, fields.values())) + 4 * len(fields) + 1
    if len(raw) == tight:
        return frozenset()
    if len(raw) == tight + 2 * len(fields) - 1 and _is_spaced(bytes(raw), fields):
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

    __slots__ = ("_failure", "_levels", "_top", "_values", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._top: _Object | None = None
        self._levels: dict[tuple[str, ...], _Object | _Array | None] | None = None
        self._values: dict[tuple[str, ...], Any] = {}
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

    def get(self, path: tuple[str, ...]) -> Any:
        """Return the decoded value at ``path`` (``("messages", "0", "role")``), or ``MISSING``.

        Raises ``BadRequest`` as ``fields`` does, and ``duplicate_key`` if a key on the way stands twice in its object.
        """
        value = self._values.get(path, _UNREAD)
        if value is not _UNREAD:
            return value
        top = self._top or self._object()
        try:
            raw = top.at(path[0], path[0]) if len(path) == 1 else self._raw_at(top, path)
            value = MISSING if raw is None else _decoded_value(raw)
        except (ValueError, RecursionError) as error:
            raise self._fail(error) from error
        self._values[path] = value
        return value

    def text(self, name: str) -> str | None:
        """Return a top-level field if it is a string."""
        value = self.get((name,))
        return value if isinstance(value, str) else None

    def true(self, name: str) -> bool:
        """Whether a top-level field is JSON's ``true``."""
        return self.get((name,)) is True

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


def _opened(raw: msgspec.Raw) -> _Object | _Array | None:
    opening = bytes(memoryview(raw)[:1])
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


class Locates(Protocol):
    """Finds out where a caller is: ``geo.Locator``."""

    def __call__(self, request: Request, identity: Identity) -> Place:
        """Return the caller's country and regions."""
        ...

    def address(self, request: Request) -> str | None:
        """Return the caller's address as far as it can be trusted."""
        ...


class Facts:
    """What rules may see of one request. Everything is worked out when first asked for, and then kept.

    Headers whose names contain ``_`` are never visible: some servers cannot tell them from names with ``-``, so a
    caller could pass for a trusted proxy.
    """

    __slots__ = (
        "_address",
        "_body",
        "_cookies",
        "_lines",
        "_locate",
        "_pairs",
        "_place",
        "_texts",
        "identity",
        "request",
    )

    def __init__(self, request: Request, identity: Identity, locate: Locates) -> None:
        self.request = request
        self.identity = identity
        self._locate = locate
        self._body: Body | None = None
        self._place: Place | None = None
        self._address: str | Missing | None = MISSING
        self._lines: dict[bytes, list[bytes]] | None = None
        self._texts: dict[bytes, list[str]] = {}
        self._pairs: dict[str, str] | None = None
        self._cookies: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Facts of {self.request.method} {self.request.path}>"

    @property
    def body(self) -> Body:
        """The body, read as far as asked."""
        if self._body is None:
            self._body = Body(self.request.body)
        return self._body

    @property
    def body_failed(self) -> bool:
        """Whether the body was asked for and cannot be read."""
        return self._body is not None and self._body.failed

    @property
    def place(self) -> Place:
        """Where the caller is."""
        if self._place is None:
            self._place = self._locate(self.request, self.identity)
        return self._place

    @property
    def host(self) -> str:
        """The host that was asked for, in lower case and without its port; empty if none was named."""
        lines = self.headers(b"host")
        if not lines:
            return ""
        host = lines[0].strip().lower()
        name, colon, port = host.rpartition(":")
        return name if colon and port.isdigit() else host.removesuffix(":")

    @property
    def address(self) -> str | None:
        """The caller's address; behind trusted proxies the first untrusted hop."""
        if isinstance(self._address, Missing):
            self._address = self._locate.address(self.request)
        return self._address

    def headers(self, name: bytes) -> list[str]:
        """Return every line of the header ``name`` (lower case), in order.

        ``:authority``, ``:method``, ``:path`` and ``:scheme`` are what HTTP/2 calls the parts of a request so.
        """
        texts = self._texts.get(name)
        if texts is None:
            lines = self._index().get(name, ()) if name[:1] != b":" else self._pseudo(name)
            texts = self._texts[name] = [line.decode("latin-1") for line in lines]
        return texts

    def query(self, name: str) -> str | None:
        """Return the first value of a query parameter, percent-decoded, ``+`` being a space."""
        if self._pairs is None:
            self._pairs = _pairs(self.request.query)
        value = self._pairs.get(name)
        return None if value is None else _decoded(value)

    def cookie(self, name: str) -> str | None:
        """Return the first cookie of that name, without the quotes around its value."""
        if self._cookies is None:
            self._cookies = _cookies(self.headers(b"cookie"))
        return self._cookies.get(name)

    def attribute(self, name: str) -> Any:
        """Return ``id``, ``authenticated`` or what the host says of the user; a dotted name walks into mappings.

        ``MISSING`` if there is none: also for None, and for the id of a caller who has none.
        """
        if name == "id":
            return self.identity.id or MISSING
        if name == "authenticated":
            return self.identity.authenticated
        value: Any = self.identity.attributes.get(name)
        if value is None and "." in name:
            value = _walk(self.identity.attributes, name)
        return MISSING if value is None else value

    def _pseudo(self, name: bytes) -> list[bytes]:
        request = self.request
        if name == b":authority":
            return self._index().get(b"host", [])[:1]
        if name == b":path":
            whole = request.path.encode("latin-1", "replace")
            return [b"%b?%b" % (whole, request.query) if request.query else whole]
        part = {b":method": request.method, b":scheme": request.scheme}.get(name)
        return [] if part is None else [part.encode("latin-1", "replace")]

    def _index(self) -> dict[bytes, list[bytes]]:
        if self._lines is None:
            self._lines = {}
            for name, value in self.request.headers:
                if b"_" not in name:
                    self._lines.setdefault(name, []).append(value)
        return self._lines


def _decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="replace")


def _pairs(query: bytes) -> dict[str, str]:
    """Return the first, still encoded value of each parameter."""
    pairs: dict[str, str] = {}
    for pair in query.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if pair:
            pairs.setdefault(_decoded(name), value)
    return pairs


def _cookies(lines: list[str]) -> dict[str, str]:
    """Return the first value of each cookie (RFC 6265, section 5.4: the more specific one is sent first)."""
    cookies: dict[str, str] = {}
    for line in lines:
        for pair in line.split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                cookies.setdefault(name.strip(), value.strip().strip('"'))
    return cookies


def _walk(value: Any, name: str) -> Any:
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
