"""Words for what holds for every request: the gateway, who calls, from where."""

from typing import Annotated, ClassVar, Literal

from llmgw_middleware.config.words.condition import Country, PathPattern
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import (
    Data,
    Duration,
    Flag,
    HeaderName,
    Lifetime,
    Network,
    Size,
    Text,
    choice,
    count,
)
from llmgw_middleware.config.words.timeout import TimeoutWord
from llmgw_middleware.config.words.traffic import Results
from llmgw_middleware.config.words.transform import GatewayTransformWord
from llmgw_middleware.config.words.word import Word
from llmgw_middleware.model.plan import MEGABYTE

_OnNoRoute = Annotated[Literal["error", "pass"], choice("onNoRoute", "error", "pass")]

_Store = Annotated[Literal["memory", "file"], choice("store", "memory", "file")]
Waiting = Annotated[int, count(0, 1_000_000)]


class GatewayWord(Word):
    """What holds for every request."""

    noun: ClassVar[str] = "gateway"

    paths: Annotated[
        tuple[PathPattern, ...] | None,
        Field(
            description="What is intercepted; every other path stays the host's. A route without a path adds "
            "/v1/chat/completions and /v1/embeddings; beside a chat path comes its /models."
        ),
        Manual(kind="list of paths", default="the paths of all routes"),
    ] = None
    max_body_size: Annotated[
        Size, Field(description="A longer body is answered with 413."), Manual(default="20MB")
    ] = 20 * MEGABYTE
    timeout: Annotated[TimeoutWord, Field(description="Limits of time for every request.")] = TimeoutWord()
    max_in_flight: Annotated[
        Results | None,
        Field(description="Requests at once, streams until their end."),
        Manual(default="no limit"),
    ] = None
    max_pending: Annotated[
        Waiting,
        Field(description="Requests beyond `maxInFlight` that wait; more get 503 `overloaded` at once."),
    ] = 0
    queue_timeout: Annotated[
        Duration, Field(description="How long they wait, at most 1s."), Manual(default="1s")
    ] = 1.0
    drain_timeout: Annotated[
        Duration,
        Field(description="How long streams may go on once `gateway.drain()` was called."),
        Manual(default="30s"),
    ] = 30.0
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Field(description="Peers whose X-Forwarded-For and country header are believed."),
        Manual(kind="list of networks"),
    ] = ()
    debug_headers: Annotated[
        Flag, Field(description="Adds x-llmgw-route, -backend, -attempts and more to every answer.")
    ] = False
    transform: Annotated[
        GatewayTransformWord,
        Field(description="Changes to every request before routing, and to every answer."),
    ] = GatewayTransformWord()
    on_no_route: Annotated[
        _OnNoRoute,
        Field(description="Without a matching route: 404 `no_route`, or the host application answers."),
    ] = "error"


class IdentityWord(Word):
    """What is asked of the host's user."""

    noun: ClassVar[str] = "identity"

    require: Annotated[Flag, Field(description="true: anonymous callers get 401.")] = False
    attributes: Annotated[
        dict[str, Text],
        Field(
            default_factory=dict,
            description="Attributes for rules: a dotted path into the host's user or session object, such as "
            "`user.profile.tier`, or `module:function`.",
        ),
        Manual(kind="mapping of name to path"),
    ]
    default: Annotated[
        dict[str, Data],
        Field(default_factory=dict, description="Attributes of callers who lack them."),
        Manual(kind="mapping of name to value"),
    ]
    cache: Annotated[
        Lifetime,
        Field(
            description="How long a user's attributes are kept: what paths from `user` and `module:function` gave. "
            "Who calls is asked for each request all the same."
        ),
        Manual(default="0"),
    ] = 0.0


class StateWord(Word):
    """Where it is kept how far canaries have come."""

    noun: ClassVar[str] = "state"

    store: Annotated[
        _Store,
        Field(
            description="memory: in each process, for as long as it lives; file: in a folder that processes share and that "
            "outlives them."
        ),
    ] = "memory"
    path: Annotated[Text | None, Field(description="The folder of `store: file`."), Manual(kind="folder")] = (
        None
    )


class FlagsWord(Word):
    """Where feature flags are looked up, for `enabled: {flag: …}` and `flag("…")` in expressions."""

    noun: ClassVar[str] = "flags"

    lookup: Annotated[
        Text | None,
        Field(
            description="A function, `module:function`, of the flag's name and the caller's identity, that returns whether "
            "it is on. A plain function runs on a worker thread, an `async def` on the event loop. One that fails: off."
        ),
    ] = None


class GeoWord(Word):
    """How a caller's country is found, where the identity does not tell it."""

    noun: ClassVar[str] = "geo"

    header: Annotated[
        HeaderName | None, Field(description="A header with the country, believed only from a trusted proxy.")
    ] = None
    database: Annotated[
        Text | None,
        Field(description="An .mmdb file from addresses to countries (extra `geo`)."),
        Manual(kind="file"),
    ] = None
    regions: Annotated[
        dict[str, tuple[Country, ...]],
        Field(default_factory=dict, description="Regions of your own, added to the built-in ones."),
        Manual(kind="mapping of name to countries"),
    ]
