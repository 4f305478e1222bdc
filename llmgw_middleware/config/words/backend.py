"""Words for upstreams and pools of them."""

from typing import Annotated, Any, ClassVar, Literal

from llmgw_middleware.config.tree import Table
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import (
    Api,
    Auth,
    Dollars,
    Duration,
    Flag,
    Keys,
    Name,
    OnUnsupported,
    Part,
    Preset,
    Priority,
    Provider,
    Size,
    Text,
    Times,
    Tokens,
    UrlPath,
    Weight,
    choice,
)
from llmgw_middleware.config.words.quirks import CapabilitiesWord, QuirksWord
from llmgw_middleware.config.words.refused import refuse
from llmgw_middleware.config.words.takes import Before, Forms, Tag
from llmgw_middleware.config.words.timeout import TimeoutWord
from llmgw_middleware.config.words.traffic import Results, RetryWord
from llmgw_middleware.config.words.word import Word

_STRATEGIES = ("round-robin", "weighted", "latency", "cost", "least-connections", "p2c", "sticky")
_Strategy = Annotated[
    Literal["round-robin", "weighted", "latency", "cost", "least-connections", "p2c", "sticky"],
    choice("strategy", *_STRATEGIES),
]
_Pool = Annotated[Literal["pool"], choice("type", "pool")]


class PriceWord(Word):
    """US dollars per token."""

    noun: ClassVar[str] = "price"

    input: Annotated[Dollars, Field(description="Per token of the request.")]
    output: Annotated[Dollars, Field(description="Per token of the answer.")]
    cached_input: Annotated[
        Dollars | None,
        Field(description="Per token read from the provider's cache."),
        Manual(default="input's"),
    ] = None
    cache_write: Annotated[
        Dollars | None,
        Field(description="Per token written to the provider's cache."),
        Manual(default="input's"),
    ] = None
    cache_write_hour: Annotated[
        Dollars | None,
        Field(description="Per token written to be kept for an hour."),
        Manual(default="cacheWrite's"),
    ] = None


class HealthCheckWord(Word):
    """Active probing of a pool's members."""

    noun: ClassVar[str] = "health check"

    interval: Annotated[Duration, Field(description="Time between two checks."), Manual(default="30s")] = 30.0
    timeout: Annotated[
        Duration, Field(description="A slower answer counts as none."), Manual(default="5s")
    ] = 5.0
    path: Annotated[UrlPath, Field(description="Asked with GET, below the backend's URL.")] = "/models"
    unhealthy_after: Annotated[
        Times, Field(description="Bad checks in a row until a member is left out.")
    ] = 3
    healthy_after: Annotated[Times, Field(description="Good checks in a row until it is used again.")] = 2


class BackendWord(Word):
    """One upstream. With neither `url` nor a provider that has one it is only named, and nothing can be served by it."""

    noun: ClassVar[str] = "backend"

    name: Annotated[Name, Field(description="By which routes and pools call it.")]
    provider: Annotated[
        Provider | None,
        Field(description="Whose API it speaks, and where it is if `url` is absent."),
        Manual(default="openai-compatible"),
    ] = None
    url: Annotated[
        Text | None,
        Field(
            description="Where it is. Operations are appended to its path; without a path the caller's own path and "
            "query are sent."
        ),
        Manual(kind="URL or host:port", default="the provider's"),
    ] = None
    api_keys: Annotated[
        Keys,
        Field(
            alias="apiKey",
            description="The credential; write it as `${VARIABLE}` or `${file:/path}`. Of a list the keys are used in "
            "turn, and one that is limited or refused rests.",
        ),
    ] = ()
    models: Annotated[
        dict[str, Text],
        Field(
            default_factory=dict,
            description="What is sent for a model's alias, exact or with `*` for any text; the longest "
            "one that fits. A `*` in what is sent is that text.",
        ),
        Manual(kind="mapping of alias to model"),
    ]
    model: Annotated[
        Text | None, Field(description="The model that is always sent."), Manual(default="what was asked for")
    ] = None
    cost_per_token: Annotated[Dollars | None, Field(description="One price for input and output.")] = None
    price: Annotated[PriceWord | None, Field(description="Separate prices; not beside costPerToken.")] = None
    on_unsupported: Annotated[
        OnUnsupported,
        Field(
            description="What becomes of fields that its dialect has no word for: error refuses the request, drop "
            "leaves them out and names them in x-llmgw-dropped. A route's own word goes before it."
        ),
    ] = "error"
    max_tokens: Annotated[
        Tokens,
        Field(
            description="The limit of an answer where its dialect needs one and the caller gives none; never above "
            "what the model can."
        ),
    ] = 8192
    max_event_size: Annotated[
        Size,
        Field(description="The longest event of a stream; inline images need more."),
        Manual(default="1MiB"),
    ] = 1024 * 1024
    max_in_flight: Annotated[
        Results | None, Field(description="Requests at once, streams until their end; more go elsewhere.")
    ] = None
    context_window: Annotated[
        Results | None,
        Field(
            description="In tokens: a prompt too long elsewhere may be moved to a backend with a larger one."
        ),
    ] = None
    preset: Annotated[
        Preset | None,
        Field(
            description="A known server that speaks OpenAI's dialect: its address and what differs there. For "
            "`provider: openai-compatible`."
        ),
    ] = None
    api: Annotated[
        Api | None,
        Field(description="Which of a provider's interfaces is spoken."),
        Manual(default="the provider's first"),
    ] = None
    api_version: Annotated[
        Part | None,
        Field(
            description="Anthropic: the `anthropic-version` of every request, else the caller's, or 2023-06-01 for "
            "translated ones. Azure: the `api-version` of the older paths by deployment; without it the v1 paths are "
            "used. Gemini: the first segment of the path."
        ),
        Manual(default="the provider's"),
    ] = None
    auth: Annotated[
        Auth | None, Field(description="How the credential is sent."), Manual(default="the provider's")
    ] = None
    region: Annotated[Part | None, Field(description="Bedrock: the AWS region.")] = None
    project: Annotated[
        Part | None,
        Field(
            description="Gemini: the Google Cloud project, which makes it Vertex AI. Of a preset: the account."
        ),
    ] = None
    location: Annotated[
        Part | None, Field(description="Gemini with a project: where it runs."), Manual(default="global")
    ] = None
    deployment: Annotated[
        Part | None,
        Field(description="Azure with apiVersion: the deployment in the path."),
        Manual(default="the model that is sent"),
    ] = None
    quirks: Annotated[QuirksWord, Field(description="What this server does differently.")] = QuirksWord()
    capabilities: Annotated[
        dict[str, CapabilitiesWord],
        Field(
            default_factory=dict,
            description="What single models can do, by name or a pattern with `*`; laid over what is known of them.",
        ),
        Manual(kind="mapping of model to capabilities"),
    ]
    timeout: Annotated[TimeoutWord, Field(description="Limits of time for this backend.")] = TimeoutWord()
    retry: Annotated[RetryWord, Field(description="Repetition on this backend.")] = RetryWord()
    headers: Annotated[
        dict[str, Text],
        Field(default_factory=dict, description="Sent with every request."),
        Manual(kind="mapping of name to value"),
    ]


class MemberWord(BackendWord):
    """A member of a pool: a backend above by its name, or a whole definition here."""

    noun: ClassVar[str] = "pool member"

    weight: Annotated[Weight, Field(description="Its share under `strategy: weighted`.")] = 1.0
    priority: Annotated[
        Priority, Field(description="Lower first: the next group serves only when none of the first can.")
    ] = 0


def _no_pool(value: Any) -> None:
    if isinstance(value, Table) and "type" in value:
        refuse("pool_in_pool", "A pool cannot be a member of a pool; name its backends here.")


Member = Annotated[MemberWord, Before(_no_pool)]


class PoolWord(Word):
    """Backends that answer for one another."""

    noun: ClassVar[str] = "pool"

    name: Annotated[Name, Field(description="By which routes call it.")]
    type: Annotated[_Pool, Field(description="Says that this is a pool.")]
    strategy: Annotated[_Strategy, Field(description="How the next backend is picked.")] = "round-robin"
    fallback: Annotated[Flag, Field(description="true: on an error the next backend is tried.")] = False
    health_check: Annotated[HealthCheckWord | None, Field(description="Active checks of the members.")] = None
    backends: Annotated[tuple[Member, ...], Field(description="The members.")]


def _kind(value: Any) -> str:
    return "pool" if isinstance(value, Table) and "type" in value else "backend"


Target = Annotated[
    Annotated[BackendWord, Tag("backend")] | Annotated[PoolWord, Tag("pool")],
    Forms(_kind, "a backend or a pool"),
    Manual(kind="backend or pool"),
]
