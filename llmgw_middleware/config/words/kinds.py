"""The kinds of values that keys take. Each reads a scalar of the tree and says what it wants instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal

from llmgw_middleware.config import quantity
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Items, Scalar, Table, plain
from llmgw_middleware.config.unavailable import VALUES
from llmgw_middleware.config.words.refused import refuse, unavailable, wrong
from llmgw_middleware.config.words.takes import Forms, Kind
from llmgw_middleware.dialect.presets import PRESETS
from llmgw_middleware.dialect.provider import APIS, PROFILES
from llmgw_middleware.model.backend import Secret
from llmgw_middleware.regex import UnsafePattern, compile_pattern

REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PSEUDO = frozenset({":authority", ":method", ":path", ":scheme"})
_TOKEN = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]+")


def scalar(value: Any, wanted: str) -> Scalar:
    """Return ``value`` if it is a single one."""
    if not isinstance(value, Scalar) or value.value is None:
        wrong(wanted, value)
    return value


def text_of(value: Any, wanted: str = "text") -> str:
    """Return the source text, whatever an unquoted ``true`` or ``10`` would mean elsewhere."""
    return scalar(value, wanted).text


def shape(value: Any) -> str:
    """Return which form of a union a value has."""
    return "map" if isinstance(value, Table) else "list" if isinstance(value, Items) else "one"


def forms(wanted: str) -> Forms:
    """Return what annotates a union whose members are tagged ``one``, ``map`` and ``list``."""
    return Forms(shape, wanted)


def _flag(value: Any) -> bool:
    given = scalar(value, "true or false").typed
    return given if isinstance(given, bool) else wrong("true or false", value)


def _quantity(read: Callable[[quantity.Written], Any], wanted: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        given = scalar(value, wanted)
        if isinstance(given.typed, bool):
            wrong(wanted, given)
        try:
            return read(given.typed if isinstance(given.typed, int | float) else given.text)
        except ValueError as error:
            wrong(str(error), given)

    return convert


def whole(least: int, most: int) -> Callable[[Any], int]:
    """Return a reader of whole numbers."""
    wanted = f"a whole number from {least} to {most}"

    def convert(value: Any) -> int:
        given = scalar(value, wanted).typed
        if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
            wrong(wanted, value)
        return given

    return convert


def _number(value: Any) -> float:
    given = scalar(value, "a number").typed
    if isinstance(given, bool) or not isinstance(given, int | float) or given != given:  # noqa: PLR0124 - NaN
        wrong("a number", value)
    return given


def _price(value: Any) -> float:
    given = _number(value)
    return float(given) if 0 <= given < 1e9 else wrong("dollars per token, zero or more", value)  # noqa: PLR2004


def choice(key: str, *allowed: str) -> Kind:
    """Return what annotates a key that takes one of a few words; the planned ones are refused as such."""

    def read(value: Any) -> str:
        given = scalar(value, f"one of {', '.join(allowed)}")
        if given.text in VALUES.get(key, ()):
            unavailable(f'"{given.text}" for {key}')
        if given.text not in allowed:
            wrong(f"one of {', '.join(allowed)}", given, did_you_mean(given.source, allowed))
        return given.text

    taken = [word for word in allowed if word not in VALUES.get(key, ())]
    return Kind(read, {"type": "string", "enum": taken}, " | ".join(taken))


def _pattern(value: Any) -> str:
    text = text_of(value, "a regular expression")
    try:
        compile_pattern(text)
    except UnsafePattern as error:
        refuse("unsafe_regex", f"This regular expression is refused: {error}")
    return text


def _header_name(value: Any) -> str:
    text = value if isinstance(value, str) else text_of(value, "a header name")  # a key is text already
    reason = header_fault(text)
    if reason:
        refuse("bad_header", reason)
    return text.lower()


def _field_name(value: Any) -> str:
    """Return a header's name, or what HTTP/2 calls a part of a request."""
    return value if value in PSEUDO else _header_name(value)


def header_fault(name: str) -> str | None:
    """Return why no request can carry a header of this name, or None."""
    if "_" in name:
        return f'A header name with "_" never matches: such headers are dropped. Is it "{name.replace("_", "-")}"?'
    return None if _TOKEN.fullmatch(name) else f'"{name}" is no header name.'


def _network(value: Any) -> IPv4Network | IPv6Network:
    text = text_of(value, "an address or network")
    try:
        return ip_network(text)
    except ValueError:
        wrong("an address or network such as 10.0.0.0/8, without host bits", value)


def _secrets(value: Any) -> tuple[Secret, ...]:
    return tuple(_secret(item) for item in value) if isinstance(value, Items) else (_secret(value),)


def _secret(value: Any) -> Secret:
    if not isinstance(value, Scalar) or not isinstance(value.value, str | int | float):
        refuse("bad_value", "This takes a key as text, best as ${VARIABLE}.")
    return Secret(value.text.strip())


def _path(value: Any) -> str:
    text = text_of(value, "a path")
    return text if text.startswith("/") else wrong('a path that starts with "/"', value)


def _name(value: Any) -> str:
    text = text_of(value, "a name").strip()
    return text or wrong("a name", value)


def _part(value: Any) -> str:
    """Return a part of an address, which may hold nothing that ends a host or a segment of a path."""
    text = text_of(value, "a name").strip()
    return text if _PART.fullmatch(text) else wrong("letters, digits, dots, dashes and underscores", value)


def _auth(value: Any) -> str:
    wanted = "bearer, header:<name>, sigv4 or oauth"
    text = text_of(value, wanted).strip()
    kind, colon, name = text.partition(":")
    if colon and kind == "header" and _TOKEN.fullmatch(name):
        return f"header:{name.lower()}"
    words = ("bearer", "sigv4", "oauth", "header")
    return text if text in words[:3] else wrong(wanted, value, did_you_mean(text, words))


def _paths(value: Any) -> tuple[str, ...]:
    return tuple(map(text_of, value)) if isinstance(value, Items) else (text_of(value, "a path or a list"),)


def _expression(value: Any) -> str:
    return text_of(value, "a CEL expression")


def _fact(value: Any) -> Any:
    """Return a value to compare with, typed: a quoted number stays text."""
    return scalar(value, "a value").typed


Text = Annotated[str, Kind(text_of, {"type": ["string", "number", "boolean"]}, "text")]
Name = Annotated[str, Kind(_name, {"type": ["string", "number", "boolean"]}, "text")]
Flag = Annotated[bool, Kind(_flag, {"anyOf": [{"type": "boolean"}, REFERENCE]}, "true or false")]
Number = Annotated[float, Kind(_number, {"anyOf": [{"type": "number"}, REFERENCE]}, "number")]
Dollars = Annotated[
    float, Kind(_price, {"anyOf": [{"type": "number", "minimum": 0}, REFERENCE]}, "dollars per token")
]
Duration = Annotated[
    float,
    Kind(
        _quantity(quantity.duration, "a duration such as 200ms, 5s or 1m30s"),
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^[0-9.hms]+$"},
                REFERENCE,
            ]
        },
        "duration",
    ),
]
Lifetime = Annotated[
    float,
    Kind(
        _quantity(quantity.lifetime, "a duration such as 30s, or 0"),
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9.hms]+$"},
                REFERENCE,
            ]
        },
        "duration",
    ),
]
Size = Annotated[
    int,
    Kind(
        _quantity(quantity.size, "a size such as 20MB or 256KiB"),
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": r"^[0-9.]+ *([KkMmGgTt][Ii]?)?[Bb]$"},
                REFERENCE,
            ]
        },
        "size",
    ),
]
Weight = Annotated[
    float,
    Kind(
        _quantity(quantity.weight, "a weight such as 80 or 80%"),
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9.]+ *%?$"},
                REFERENCE,
            ]
        },
        "weight",
    ),
]
Share = Annotated[
    float,
    Kind(
        _quantity(quantity.share, "a share such as 50% or 0.5"),
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^[0-9.]+ *%?$"},
                REFERENCE,
            ]
        },
        "share",
    ),
]
Cel = Annotated[str, Kind(_expression, {"type": ["string", "boolean"]}, "CEL expression")]
Pattern = Annotated[str, Kind(_pattern, {"type": "string"}, "regular expression")]
FieldName = Annotated[str, Kind(_field_name, {"type": "string"}, "header name")]
HeaderName = Annotated[str, Kind(_header_name, {"type": "string"}, "header name")]
Network = Annotated[IPv4Network | IPv6Network, Kind(_network, {"type": "string"}, "network")]
Keys = Annotated[
    tuple[Secret, ...],
    Kind(
        _secrets,
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        "secret, or a list of them",
    ),
]
Paths = Annotated[
    tuple[str, ...],
    Kind(
        _paths,
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "path, or a list of them",
    ),
]
UrlPath = Annotated[str, Kind(_path, {"type": "string", "pattern": r"^(/|\$\{)"}, "path")]
Fact = Annotated[Any, Kind(_fact, {"type": ["string", "number", "boolean"]}, "text, number or boolean")]
Data = Annotated[Any, Kind(plain, {}, "any value")]


def count(least: int, most: int) -> Kind:
    """Return what annotates a whole number between two, both included."""
    schema = {"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, REFERENCE]}
    return Kind(whole(least, most), schema, "whole number")


Priority = Annotated[int, count(-1_000_000, 1_000_000)]
Times = Annotated[int, count(1, 1000)]
Status = Annotated[int, count(400, 599)]
Part = Annotated[str, Kind(_part, {"type": ["string", "number"]}, "text")]
Auth = Annotated[
    str,
    Kind(
        _auth,
        {"type": "string", "pattern": r"^(bearer|sigv4|oauth|header:.+|\$\{.+\})$"},
        "bearer | header:<name> | sigv4 | oauth",
    ),
]
Api = Annotated[str, choice("api", *dict.fromkeys(api for row in APIS.values() for api in row))]
Preset = Annotated[str, choice("preset", *PRESETS)]
Provider = Annotated[str, choice("provider", *PROFILES)]
OnUnsupported = Annotated[Literal["error", "drop"], choice("onUnsupported", "error", "drop")]
Tokens = Annotated[int, count(1, 10_000_000)]
