"""Words for what a request has to be."""

import re
from typing import Annotated, Any, ClassVar

from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Items
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import (
    Cel,
    Fact,
    FieldName,
    Flag,
    Number,
    Pattern,
    Priority,
    Text,
    UrlPath,
    forms,
    text_of,
)
from llmgw_middleware.config.words.refused import wrong
from llmgw_middleware.config.words.takes import Kind, Tag
from llmgw_middleware.config.words.word import Word

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_COUNTRY = re.compile(r"[A-Z]{2}")
_NO_PLACES = frozenset({"XX", "T1", "ZZ"})


def _method(value: Any) -> str:
    text = text_of(value, "an HTTP method").upper()
    if text not in _METHODS:
        wrong(f"one of {', '.join(_METHODS)} (OPTIONS stays the host's)", value, did_you_mean(text, _METHODS))
    return text


def _country(value: Any) -> str:
    text = text_of(value, "a country").upper()
    if not _COUNTRY.fullmatch(text) or text in _NO_PLACES:
        wrong("a country's two letters by ISO 3166-1 such as DE", value)
    if text == "UK":
        wrong("a country's two letters by ISO 3166-1", value, 'did you mean "GB"?')
    return text


Method = Annotated[str, Kind(_method, {"type": "string"}, "method")]
Country = Annotated[str, Kind(_country, {"type": "string", "pattern": "^[A-Za-z]{2}$"}, "country")]


_HOST = re.compile(
    r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-f:.]+\]"
)


def _hosts(value: Any) -> tuple[str, ...]:
    return tuple(_host(part) for part in (value if isinstance(value, Items) else (value,)))


def _host(value: Any) -> str:
    wanted = "a host such as api.example.com, or *.example.com for every name below"
    text = text_of(value, wanted).lower()
    return text if _HOST.fullmatch(text) else wrong(wanted, value)


Hosts = Annotated[
    tuple[str, ...],
    Kind(
        _hosts,
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "host, or a list of them",
    ),
]


class PathForm(Word):
    """A path by prefix or by regular expression; one of the two."""

    noun: ClassVar[str] = "path"

    regex: Annotated[
        Pattern | None, Field(description="Must match the whole path, as the caller spelled it.")
    ] = None
    prefix: Annotated[
        UrlPath | None,
        Field(description="By whole segments: /api/chat matches itself and /api/chat/x, not /api/chatx."),
    ] = None


class TextForm(Word):
    """What a header or query value must be; every key that is given has to hold."""

    noun: ClassVar[str] = "value form"

    regex: Annotated[Pattern | None, Field(description="Must match the whole value.")] = None
    prefix: Annotated[Text | None, Field(description="The value starts with this.")] = None
    one_of: Annotated[
        tuple[Text, ...] | None, Field(description="The value is one of these."), Manual(kind="list of texts")
    ] = None
    present: Annotated[Flag | None, Field(description="false: it must be absent; true: any value.")] = None


class ValueForm(Word):
    """What a body field or user attribute must be; every key that is given has to hold."""

    noun: ClassVar[str] = "value form"

    regex: Annotated[Pattern | None, Field(description="Must match the whole text.")] = None
    prefix: Annotated[Text | None, Field(description="The text starts with this.")] = None
    one_of: Annotated[
        tuple[Fact, ...] | None,
        Field(description="The value is one of these."),
        Manual(kind="list of values"),
    ] = None
    present: Annotated[Flag | None, Field(description="false: it must be absent; true: any value.")] = None
    contains: Annotated[Fact, Field(description="An item of the list, or a part of the text.")] = None
    gt: Annotated[Number | None, Field(description="A number greater than this.")] = None
    gte: Annotated[Number | None, Field(description="A number greater than or equal to this.")] = None
    lt: Annotated[Number | None, Field(description="A number less than this.")] = None
    lte: Annotated[Number | None, Field(description="A number less than or equal to this.")] = None


class Presence(Word):
    """Whether the caller's country is known at all."""

    noun: ClassVar[str] = "country"

    present: Annotated[Flag, Field(description="true: the country is known; false: it is not.")]


PathPattern = Annotated[
    Annotated[Text, Tag("one")] | Annotated[PathForm, Tag("map")],
    forms("a path, {prefix: …} or {regex: …}"),
    Manual(kind="path, {prefix: …} or {regex: …}"),
]
PathPatterns = Annotated[
    Annotated[Text, Tag("one")]
    | Annotated[PathForm, Tag("map")]
    | Annotated[tuple[PathPattern, ...], Tag("list")],
    forms("a path, {prefix: …}, {regex: …} or a list of those"),
    Manual(kind="path, {prefix: …}, {regex: …}, or a list of those"),
]
TextTest = Annotated[
    Annotated[Text, Tag("one")] | Annotated[TextForm, Tag("map")],
    forms("a text, {regex: …}, {prefix: …}, {oneOf: […]} or {present: …}"),
]
FactTest = Annotated[
    Annotated[Fact, Tag("one")] | Annotated[ValueForm, Tag("map")],
    forms("a value or a form such as {oneOf: […]}, {contains: …} or {present: …}"),
]
Countries = Annotated[
    Annotated[tuple[Country, ...], Tag("list")] | Annotated[Presence, Tag("map")],
    forms("a list of countries such as [DE, FR], or {present: …}"),
    Manual(kind="list of ISO 3166-1 codes, or {present: …}"),
]


class Conditions(Word):
    """What a request has to be: every key that is given has to hold."""

    noun: ClassVar[str] = "match"

    path: Annotated[
        PathPatterns | None,
        Field(
            description="Exact, as sent and case-sensitive; `/api/chat/*` is a prefix by whole segments. "
            "Any path of a list will do."
        ),
    ] = None
    host: Annotated[
        Hosts,
        Field(
            description="The host that is asked for, without its port: exact, or `*.example.com` for every name below. "
            "It is the caller's word: it chooses, it does not protect.",
        ),
    ] = ()
    methods: Annotated[
        tuple[Method, ...],
        Field(description="HTTP methods. A path that matches with another method only is answered with 405."),
        Manual(kind="list of methods"),
    ] = ()
    headers: Annotated[
        dict[FieldName, TextTest],
        Field(
            default_factory=dict,
            description="By name, in any case: exact text, or `{regex}`, `{prefix}`, `{oneOf}`, `{present}`. "
            "`:authority`, `:method`, `:path` (with its query) and `:scheme` are parts of the request.",
        ),
        Manual(kind="mapping of name to value or form"),
    ]
    query: Annotated[
        dict[str, TextTest],
        Field(
            default_factory=dict,
            description="By parameter name; the first of repeated ones counts. Forms as for headers.",
        ),
        Manual(kind="mapping of name to value or form"),
    ]
    body: Annotated[
        dict[str, FactTest],
        Field(
            default_factory=dict,
            description="By dotted path into the JSON body, such as `metadata.team` or `messages.0.role`. Forms as for "
            "headers, and `{gt, gte, lt, lte}` on numbers and `{contains}` on lists and texts.",
        ),
        Manual(kind="mapping of path to value or form"),
    ]
    user: Annotated[
        dict[str, FactTest],
        Field(
            default_factory=dict,
            description="By attribute of who is logged in: `id`, `authenticated`, `tier`, … Forms as for the body.",
        ),
        Manual(kind="mapping of attribute to value or form"),
    ]
    country: Annotated[
        Countries | None,
        Field(
            description="Where the caller is. A caller whose country is unknown matches `{present: false}` only."
        ),
    ] = None
    when: Annotated[
        Cel | None,
        Field(
            description="An expression in CEL over request, body and user, which has to be true besides: "
            '`user.tier == "premium" && body.model.startsWith("gpt-")`. See cel.md.'
        ),
    ] = None
    region: Annotated[
        tuple[Text, ...],
        Field(
            description="Regions the caller's country lies in: continents, EU, EEA, EMEA, APAC, LATAM, US, or your own."
        ),
        Manual(kind="list of region names"),
    ] = ()


class Alternative(Conditions):
    """One alternative of `match`."""

    priority: Annotated[
        Priority | None,
        Field(description="Its own place among all rules and alternatives."),
        Manual(default="the route's"),
    ] = None
