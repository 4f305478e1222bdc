"""Words for changes to requests and answers."""

from typing import Annotated, Any, ClassVar

from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import PSEUDO, Cel, Name, header_fault, text_of
from llmgw_middleware.config.words.refused import refuse
from llmgw_middleware.config.words.takes import Kind
from llmgw_middleware.config.words.word import Word


def _header(value: Any) -> str:
    """Return a header's name in lower case, or that of a part of the request such as ``:path``."""
    name = text_of(value, "a header's name").lower()
    reason = None if name in PSEUDO else header_fault(name)
    if reason:
        refuse("bad_header", reason)
    return name


Header = Annotated[str, Kind(_header, {"type": "string"}, "header name")]


class HeaderWord(Word):
    """A header and its new value."""

    noun: ClassVar[str] = "header"

    name: Annotated[Header, Field(description="The header's name, in any case.")]
    value: Annotated[
        Cel,
        Field(
            description="An expression in CEL: text, a number, true or false, or a list for several lines. Where it has "
            "no value the header is taken away."
        ),
    ]


class BodyFieldWord(Word):
    """A field of the JSON body and its new value."""

    noun: ClassVar[str] = "body field"

    field: Annotated[Name, Field(description="A dotted path into the body: `model`, `metadata.team`.")]
    value: Annotated[
        Cel, Field(description="An expression in CEL. Where it has no value the field is taken away.")
    ]


class ChangesWord(Word):
    """Changes to headers, in the order add, set, remove."""

    noun: ClassVar[str] = "transform"

    metadata: Annotated[
        dict[str, Cel],
        Field(
            default_factory=dict,
            description="Values by a name, for the expressions that come later: `metadata.name`.",
        ),
        Manual(kind="mapping of name to CEL expression"),
    ]
    add: Annotated[tuple[HeaderWord, ...], Field(description="Headers that get a further line.")] = ()
    set: Annotated[tuple[HeaderWord, ...], Field(description="Headers that get a new value.")] = ()
    remove: Annotated[
        tuple[Header, ...],
        Field(description="Headers that are taken away."),
        Manual(kind="list of header names"),
    ] = ()


class RequestChangesWord(ChangesWord):
    """Changes to a request: its headers as above, then its body."""

    body: Annotated[
        Cel | None,
        Field(description="A whole new body: a map, or text. Where it has no value the request is refused."),
    ] = None
    body_set: Annotated[
        tuple[BodyFieldWord, ...], Field(description="Fields of the JSON body that get a new value.")
    ] = ()
    body_remove: Annotated[
        tuple[Name, ...],
        Field(description="Fields of the JSON body that are taken away, as dotted paths."),
        Manual(kind="list of paths"),
    ] = ()


class FirstChangesWord(RequestChangesWord):
    """Changes before routing. Headers that are changed here are so for the rules alone."""

    replace: Annotated[
        Cel | None,
        Field(
            description="A map that takes the place of all headers, before `add`. What is no map changes nothing."
        ),
    ] = None


class RouteTransformWord(Word):
    """What happens on this route to a request on its way upstream, and to the answer."""

    noun: ClassVar[str] = "transform"

    request: Annotated[
        RequestChangesWord,
        Field(description="Changes to what is sent upstream, once for all its attempts."),
    ] = RequestChangesWord()
    response: Annotated[
        ChangesWord,
        Field(description="Changes to an upstream's answer; `response.code`, `response.headers`."),
    ] = ChangesWord()


class GatewayTransformWord(Word):
    """What happens to every request before a route is looked for, and to every answer of an upstream."""

    noun: ClassVar[str] = "transform"

    request: Annotated[
        FirstChangesWord,
        Field(description="Changes to what the rules see. A body that is changed is also sent so."),
    ] = FirstChangesWord()
    response: Annotated[ChangesWord, Field(description="Changes to answers, after those of the route.")] = (
        ChangesWord()
    )
