"""Words for what happens when a backend fails: repetition, breaking, and when an answer is the caller's for good."""

from typing import Annotated, Any, ClassVar, Literal

from llmgw_middleware.config import quantity
from llmgw_middleware.config.tree import Items, Scalar, Table
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import (
    REFERENCE,
    Duration,
    Flag,
    Name,
    Number,
    Share,
    choice,
    count,
    scalar,
)
from llmgw_middleware.config.words.refused import refuse, wrong
from llmgw_middleware.config.words.takes import Kind
from llmgw_middleware.config.words.word import Word
from llmgw_middleware.model.policy import CommitRules

_COMMIT = "firstToken, full, or {window: 2s}"
_Backoff = Annotated[
    Literal["constant", "linear", "exponential"], choice("backoff", "constant", "linear", "exponential")
]
Attempts = Annotated[int, count(1, 20)]
Results = Annotated[int, count(1, 1_000_000)]
RetryStatus = Annotated[int, count(400, 599)]


def _commit(value: Any) -> CommitRules:
    if isinstance(value, Table):
        return _window(value)
    text = scalar(value, _COMMIT).text
    if text == "firstToken":
        return CommitRules()
    return CommitRules(kind="full") if text == "full" else wrong(_COMMIT, value)


def _window(table: Table) -> CommitRules:
    unknown = [key for key in table if key != "window"]
    given = table.get("window")
    if unknown or not isinstance(given, Scalar):
        refuse("bad_value", f"stream.commit takes {_COMMIT}.")
    try:
        typed = given.typed
        written = typed if isinstance(typed, int | float) and not isinstance(typed, bool) else given.text
        return CommitRules(kind="window", window=quantity.duration(written))
    except ValueError as error:
        wrong(str(error), given)


def _statuses(value: Any) -> tuple[int, ...]:
    if not isinstance(value, Items):
        wrong("a list of status codes", value)
    found = []
    for item in value:
        code = item.typed if isinstance(item, Scalar) else None
        if not isinstance(code, int) or isinstance(code, bool) or not 400 <= code <= 599:  # noqa: PLR2004 - errors
            wrong("status codes from 400 to 599", item)
        found.append(code)
    return tuple(found)


Commit = Annotated[
    CommitRules,
    Kind(
        _commit,
        {
            "anyOf": [
                {"type": "string", "enum": ["firstToken", "full"]},
                {
                    "type": "object",
                    "properties": {"window": {"type": ["string", "number"]}},
                    "required": ["window"],
                    "additionalProperties": False,
                },
            ]
        },
        "firstToken \\| full \\| {window: duration}",
    ),
]
Statuses = Annotated[
    tuple[int, ...],
    Kind(
        _statuses,
        {
            "type": "array",
            "items": {"anyOf": [{"type": "integer", "minimum": 400, "maximum": 599}, REFERENCE]},
        },
        "list of status codes",
    ),
]


class RetryBudgetWord(Word):
    """A bound on the retries of one backend, over the last ten seconds: the larger of the two."""

    noun: ClassVar[str] = "retry budget"

    ratio: Annotated[
        Share | None, Field(description="Retries, as a share of its requests."), Manual(default="20%")
    ] = None
    min_per_second: Annotated[
        Number | None, Field(description="So many per second in any case."), Manual(default="10")
    ] = None


class RetryWord(Word):
    """How often and when a failed attempt is repeated. Keys that are absent are taken from the next wider place."""

    noun: ClassVar[str] = "retry"

    max_attempts: Annotated[
        Attempts | None,
        Field(description="Attempts in all for one target, the first included."),
        Manual(default="2"),
    ] = None
    backoff: Annotated[
        _Backoff | None, Field(description="How the wait grows."), Manual(default="exponential")
    ] = None
    initial_interval: Annotated[
        Duration | None, Field(description="The first wait."), Manual(default="200ms")
    ] = None
    max_interval: Annotated[
        Duration | None,
        Field(description="The longest wait, and the longest hint that is waited out."),
        Manual(default="5s"),
    ] = None
    jitter: Annotated[
        Flag | None, Field(description="A random wait between zero and that."), Manual(default="true")
    ] = None
    retry_on: Annotated[
        Statuses | None,
        Field(description="Statuses after which the same backend is asked again."),
        Manual(default="429, 500, 502, 503, 504, 529"),
    ] = None
    budget: Annotated[RetryBudgetWord, Field(description="A bound on retries.")] = RetryBudgetWord()


class PerRouteWord(RetryWord):
    """The same keys for one route; a route's own `retry` comes before them."""

    noun: ClassVar[str] = "perRoute"

    route: Annotated[Name, Field(description="The route's name.")]


class RetryPolicyWord(RetryWord):
    """Repetition for every route."""

    per_route: Annotated[
        tuple[PerRouteWord, ...], Field(description="Other figures for single routes, key by key.")
    ] = ()


class SlowCallWord(Word):
    """Slow answers count against a backend too."""

    noun: ClassVar[str] = "slow call"

    threshold: Annotated[Share, Field(description="Share of slow calls above which the circuit opens.")]
    duration: Annotated[Duration, Field(description="A first token later than this is slow.")]


class CircuitBreakerWord(Word):
    """When a backend that fails is left alone (per backend; seed 004)."""

    noun: ClassVar[str] = "circuit breaker"

    enabled: Annotated[Flag, Field(description="false: never left alone.")] = True
    threshold: Annotated[
        Share,
        Field(description="It opens when more than this share of results are failures."),
        Manual(default="0.5"),
    ] = 0.5
    min_requests: Annotated[Results, Field(description="Results in the window before it may open.")] = 20
    window_duration: Annotated[Duration, Field(description="The rolling window."), Manual(default="60s")] = (
        60.0
    )
    sleep_duration: Annotated[
        Duration, Field(description="How long it stays open at first."), Manual(default="30s")
    ] = 30.0
    probe_requests: Annotated[Results, Field(description="Requests let through half-open.")] = 5
    max_sleep_duration: Annotated[
        Duration,
        Field(description="The sleep doubles at each reopening, up to this."),
        Manual(default="5m"),
    ] = 300.0
    slow_call: Annotated[SlowCallWord | None, Field(description="Slow answers as failures.")] = None


class PoliciesWord(Word):
    """What holds for every backend and route."""

    noun: ClassVar[str] = "policies"

    retry: Annotated[RetryPolicyWord, Field(description="Repetition.")] = RetryPolicyWord()
    circuit_breaker: Annotated[CircuitBreakerWord, Field(description="Leaving failing backends alone.")] = (
        CircuitBreakerWord()
    )
