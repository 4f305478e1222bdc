"""Words for rules."""

import re
from typing import Annotated, Any, ClassVar, Literal

from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.words.condition import Alternative, Conditions
from llmgw_middleware.config.words.enabled import Enabled
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import (
    Flag,
    Name,
    OnUnsupported,
    Priority,
    Share,
    Status,
    Text,
    UrlPath,
    Weight,
    choice,
    forms,
    header_fault,
    text_of,
)
from llmgw_middleware.config.words.refused import refuse, wrong
from llmgw_middleware.config.words.takes import Kind, Tag
from llmgw_middleware.config.words.timeout import TimeoutWord
from llmgw_middleware.config.words.traffic import Commit, RetryWord
from llmgw_middleware.config.words.transform import RouteTransformWord
from llmgw_middleware.config.words.word import Word
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.route import Sticky

_STICKY = ("user", "session", "ip", "header:NAME", "cookie:NAME", "none", "a CEL expression")
_BY_NAME = re.compile(r"(header|cookie):([^\s\"();,=]+)")


def _sticky(value: Any) -> Sticky:
    text = text_of(value, f"one of {', '.join(_STICKY)}").strip()
    if text in ("user", "session", "ip", "none"):
        return Sticky(kind=text)  # type: ignore[arg-type]  # one of the four
    if match := _BY_NAME.fullmatch(text):
        fault = header_fault(match[2]) if match[1] == "header" else None
        if fault:
            refuse("bad_header", fault)
        name = match[2].lower() if match[1] == "header" else match[2]
        return Sticky(kind=match[1], name=name)  # type: ignore[arg-type]  # header or cookie
    if re.search(r"[.()\"'\[\]+]", text):
        return Sticky(kind="expression", expression=Expression(text=text, where=str(value.at)))
    return wrong(
        f"one of {', '.join(_STICKY)}",
        value,
        did_you_mean(text, ("user", "session", "ip", "header:", "cookie:")),
    )


_OnContentFilter = Annotated[Literal["stop", "next"], choice("onContentFilter", "stop", "next")]
_OnDisconnect = Annotated[Literal["cancel", "drain"], choice("onDisconnect", "cancel", "drain")]
StickyKey = Annotated[
    Sticky,
    Kind(
        _sticky,
        {"type": "string"},
        " | ".join(_STICKY),
    ),
]
Fallback = Annotated[
    Annotated[Flag, Tag("one")] | Annotated[tuple[Text, ...], Tag("list")],
    forms("a list of backends or pools, or true"),
    Manual(kind="list of names, or true"),
]


class SideWord(Word):
    """One side of a split."""

    noun: ClassVar[str] = "split side"

    backend: Annotated[Name, Field(description="A backend or pool, or an address.")]
    weight: Annotated[Weight, Field(description="Its share, relative to the other sides' weights.")] = 1.0
    headers: Annotated[
        dict[str, Text],
        Field(default_factory=dict, description="Set on what is sent to this side."),
        Manual(kind="mapping of name to value"),
    ]


class RespondWord(Word):
    """An answer without any backend."""

    noun: ClassVar[str] = "respond"

    status: Annotated[Status, Field(description="HTTP status, 400 to 599.")] = 403
    code: Annotated[Text, Field(description="The error's code.")] = "blocked"
    message: Annotated[Text, Field(description="The error's text.")] = "This request is not allowed."


class MirrorWord(Word):
    """Shadow traffic: copies for another backend, whose answers nobody gets. They are counted, and never repeated."""

    noun: ClassVar[str] = "mirror"

    backend: Annotated[Name, Field(description="A backend or pool, or an address.")]
    percent: Annotated[
        Share, Field(description="The share of the requests that are copied."), Manual(default="100%")
    ] = 1.0


class RewriteWord(Word):
    """Changes to what the upstream is sent."""

    noun: ClassVar[str] = "rewrite"

    model: Annotated[Text | None, Field(description="The model that is sent upstream.")] = None
    path: Annotated[UrlPath | None, Field(description="The path that is sent upstream.")] = None
    prefix: Annotated[
        UrlPath | None,
        Field(
            description="What is sent upstream instead of the prefix that the route's path names; the rest of the "
            "caller's path stays. Not beside `path`."
        ),
    ] = None


class StreamWord(Word):
    """When a streamed answer is handed on."""

    noun: ClassVar[str] = "stream"

    commit: Annotated[
        Commit | None,
        Field(
            description="When an answer is the caller's for good: at the first content; after a window of it, in which "
            "a stream that dies is replaced unseen; or when it is whole. Latency for safety."
        ),
        Manual(default="firstToken"),
    ] = None


class RouteWord(Conditions):
    """A rule. The first whose every condition holds is applied: by priority, then as written."""

    noun: ClassVar[str] = "route"

    name: Annotated[
        Name | None, Field(description="Shown wherever a decision is."), Manual(default="route-1, route-2, …")
    ] = None
    description: Annotated[Text, Field(description="For people.")] = ""
    match: Annotated[
        tuple[Alternative, ...],
        Field(description="Alternatives, each with the condition keys above; one of them has to hold."),
        Manual(kind="list of conditions"),
    ] = ()
    priority: Annotated[Priority, Field(description="Lower numbers are considered first.")] = 100
    default: Annotated[
        Flag, Field(description="true: for what no other route takes; without conditions.")
    ] = False
    backend: Annotated[
        Text | None,
        Field(
            description="A backend or pool by name, or `host:port` or a URL of an OpenAI-compatible upstream. "
            "One of `backend`, `backends` and `respond` is needed."
        ),
    ] = None
    backends: Annotated[
        tuple[SideWord, ...], Field(description="A split: several backends or pools, each with a weight.")
    ] = ()
    sticky: Annotated[
        StickyKey | None,
        Field(description="What keeps a caller on one side of a split; `none`: every request is drawn anew."),
        Manual(default="user, else session, else chance"),
    ] = None
    fallback: Annotated[
        Fallback,
        Field(
            description="Tried in order when the first choice fails before any content; true: a split's other sides."
        ),
    ] = ()
    models: Annotated[
        tuple[Text, ...],
        Field(
            description="Models that callers may ask for, with a trailing `*`; others get 403 `model_not_allowed`."
        ),
        Manual(kind="list of names", default="all"),
    ] = ()
    respond: Annotated[RespondWord | None, Field(description="Answer at once instead: a deny rule.")] = None
    passthrough: Annotated[
        Flag,
        Field(
            description="true: forward operations that have no dialect as they are; needs an explicit path."
        ),
    ] = False
    rewrite: Annotated[RewriteWord, Field(description="What the upstream is sent instead.")] = RewriteWord()
    transform: Annotated[
        RouteTransformWord,
        Field(description="Changes to what is sent upstream, and to the answer's headers. See cel.md."),
    ] = RouteTransformWord()
    timeout: Annotated[TimeoutWord, Field(description="Limits of time on this route.")] = TimeoutWord()
    retry: Annotated[RetryWord, Field(description="Repetition on this route.")] = RetryWord()
    replay_safe: Annotated[
        Flag | None,
        Field(description="Whether a request that may have been worked on can be sent again."),
        Manual(default="true, but for `store: true` and operations without a dialect"),
    ] = None
    on_content_filter: Annotated[
        _OnContentFilter,
        Field(description="next: what one provider's filter refuses is put to the next backend."),
    ] = "stop"
    on_unsupported: Annotated[
        OnUnsupported | None,
        Field(
            description="What becomes of fields that a backend's dialect has no word for: error refuses the request, "
            "drop leaves them out and names them in x-llmgw-dropped."
        ),
        Manual(default="the backend's"),
    ] = None
    on_disconnect: Annotated[
        _OnDisconnect,
        Field(
            description="drain: when the caller leaves a stream, the upstream is read to its end for the account."
        ),
    ] = "cancel"
    stream: Annotated[StreamWord, Field(description="How streams are relayed.")] = StreamWord()
    mirror: Annotated[MirrorWord | None, Field(description="Copies of the requests for another backend.")] = (
        None
    )
    enabled: Annotated[
        Enabled,
        Field(
            description="false: as if it were not written. With `flag` it is there for those for whom the flag is on, "
            "with `from` and `until` at that time."
        ),
    ] = True
