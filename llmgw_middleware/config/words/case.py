"""Words for tests of a configuration: what is asked, by whom, and where it should go."""

from typing import Annotated, ClassVar, Literal

from llmgw_middleware.config.words.condition import Country
from llmgw_middleware.config.words.enabled import Moment
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import Data, Name, Share, Text, choice, count, forms
from llmgw_middleware.config.words.takes import Tag
from llmgw_middleware.config.words.word import Word

_OUTCOMES = ("route", "no_route", "pass", "error")
_Outcome = Annotated[Literal["route", "no_route", "pass", "error"], choice("outcome", *_OUTCOMES)]
_Users = Annotated[int, count(1, 1_000_000)]
_Status = Annotated[int, count(100, 599)]


class AskedWord(Word):
    """A request. A text instead is a curl command."""

    noun: ClassVar[str] = "request"

    method: Annotated[
        Text | None, Field(description="The method."), Manual(default="POST with a body, else GET")
    ] = None
    path: Annotated[Text, Field(description="The path, with a query string or without.")] = (
        "/v1/chat/completions"
    )
    headers: Annotated[dict[str, Text], Field(default_factory=dict, description="Headers.")]
    body: Annotated[Data, Field(description="The JSON body; a text is sent as it is.")] = None


class ExpectWord(Word):
    """What should come of it. Only what is written is looked at."""

    noun: ClassVar[str] = "expect"

    outcome: Annotated[_Outcome | None, Field(description="Whether a route takes it.")] = None
    route: Annotated[Text | None, Field(description="The route.")] = None
    backend: Annotated[Text | None, Field(description="The backend that is asked first.")] = None
    pool: Annotated[Text | None, Field(description="The pool.")] = None
    model: Annotated[Text | None, Field(description="The model that is sent.")] = None
    side: Annotated[Text | None, Field(description="The split's side, or the experiment's variant.")] = None
    plan: Annotated[
        tuple[Text, ...] | None, Field(description="The backends in the order in which they would be asked.")
    ] = None
    status: Annotated[_Status | None, Field(description="The status of an answer without any backend.")] = (
        None
    )
    code: Annotated[Text | None, Field(description="Its error code.")] = None
    shares: Annotated[
        dict[str, Share],
        Field(default_factory=dict, description="The share of `users` on each side of the split."),
    ]


class CaseWord(Word):
    """One test."""

    noun: ClassVar[str] = "test"

    name: Annotated[
        Name | None, Field(description="What it promises."), Manual(default="test 1, test 2, …")
    ] = None
    request: Annotated[
        Annotated[AskedWord, Tag("map")] | Annotated[Text, Tag("one")],
        forms("a mapping of method, path, headers and body, or a curl command"),
        Field(description="What is asked."),
    ] = AskedWord()
    user: Annotated[
        dict[str, Data],
        Field(default_factory=dict, description="The caller's attributes; `id` is who it is."),
    ]
    session: Annotated[Text | None, Field(description="The caller's session.")] = None
    ip: Annotated[Text | None, Field(description="The address of the direct peer.")] = None
    country: Annotated[Country | None, Field(description="Where the caller is.")] = None
    flags: Annotated[
        tuple[Text, ...], Field(description="The feature flags that are on."), Manual(kind="list of names")
    ] = ()
    time: Annotated[Moment | None, Field(alias="at", description="The time."), Manual(default="now")] = None
    users: Annotated[
        _Users, Field(description="How many different callers are asked about for `expect.shares`.")
    ] = 10_000
    tolerance: Annotated[
        Share | None,
        Field(description="How far a share may be off."),
        Manual(default="three standard deviations"),
    ] = None
    expect: Annotated[ExpectWord, Field(description="What should come of it.")]


class CasesWord(Word):
    """A file of tests."""

    noun: ClassVar[str] = "file of tests"

    tests: Annotated[tuple[CaseWord, ...], Field(description="The tests.")]
