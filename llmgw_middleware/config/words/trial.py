"""Words for canaries and experiments."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from llmgw_middleware.config import quantity
from llmgw_middleware.config.tree import Items, Table
from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import (
    REFERENCE,
    Duration,
    Name,
    Share,
    Text,
    Weight,
    count,
    scalar,
    text_of,
)
from llmgw_middleware.config.words.refused import wrong
from llmgw_middleware.config.words.route import StickyKey
from llmgw_middleware.config.words.takes import Kind
from llmgw_middleware.config.words.word import Word

_STAGES = "a list of growing shares such as [1%, 5%, 25%, 100%]"


def _stages(value: Any) -> tuple[float, ...]:
    if not isinstance(value, Items) or not value:
        wrong(_STAGES, value)
    shares = tuple(_share(item) for item in value)
    if any(not 0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
        wrong(_STAGES, value)
    return shares


def _share(value: Any) -> float:
    given = scalar(value, _STAGES)
    typed = given.typed
    try:
        return quantity.share(
            typed if isinstance(typed, int | float) and not isinstance(typed, bool) else given.text
        )
    except ValueError:
        wrong(_STAGES, given)


def _increase(value: Any) -> float:
    """Return an increase as a share: unlike other shares it may be more than the whole."""
    wanted = "an increase such as 50% or 0.5"
    given = scalar(value, wanted)
    text = given.text.strip()
    try:
        found = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        wrong(wanted, given)
    return found if 0 <= found < 1e6 else wrong(wanted, given)  # noqa: PLR2004 - no answer takes so long


def _signals(value: Any) -> dict[str, float]:
    wanted = "a list of signals, or a mapping of signal to the share by which it may be more frequent"
    if isinstance(value, Items):
        return {text_of(item, wanted).strip(): 0.0 for item in value}
    if not isinstance(value, Table):
        wrong(wanted, value)
    return {name: _increase(share) for name, share in value.items()}


Stages = Annotated[
    tuple[float, ...],
    Kind(
        _stages,
        {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "number"}, {"type": "string"}]}},
        "list of shares",
    ),
]
Increase = Annotated[
    float,
    Kind(
        _increase,
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9.]+ *%?$"},
                REFERENCE,
            ]
        },
        "share",
    ),
]
Needed = Annotated[int, count(1, 1_000_000)]
Signals = Annotated[
    Mapping[str, float],
    Kind(
        _signals,
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
            ]
        },
        "list of names, or mapping of name to share",
    ),
]


class RollbackWord(Word):
    """When a canary is taken back by itself: as soon as one of these is certain, at whatever time."""

    noun: ClassVar[str] = "rollback"

    max_error_rate: Annotated[
        Share | None, Field(description="Its share of failed requests is above this.")
    ] = None
    max_error_rate_increase: Annotated[
        Share,
        Field(description="Its share of failed requests is above stable's by more than this, in points."),
        Manual(default="1%"),
    ] = 0.01
    max_latency_increase: Annotated[
        Increase | None,
        Field(
            description="Its P90 (to the first content, else to the whole answer) is longer than stable's by more than this."
        ),
    ] = None
    min_requests: Annotated[
        Needed,
        Field(
            description="Requests on the canary before it is promoted. A rollback waits for certainty, not for a count."
        ),
    ] = 50
    signals: Annotated[
        Signals,
        Field(
            default_factory=dict,
            description="Signals of the application that speak against it, where more of its requests get one than of stable's (by more than the share given).",
        ),
    ]


class CanaryWord(Word):
    """A new backend that gets a growing share of a route, and none once it turns out to be worse."""

    noun: ClassVar[str] = "canary"

    name: Annotated[Name, Field(description="By which it is shown and commanded.")]
    route: Annotated[Name, Field(description="The route that it takes a share of.")]
    stable: Annotated[
        Name | None,
        Field(description="The backend or pool that has all the rest."),
        Manual(default="the route's backend"),
    ] = None
    canary: Annotated[Name, Field(description="The new backend or pool.")]
    stages: Annotated[
        Stages,
        Field(description="Its shares, one after the other."),
        Manual(default="1%, 5%, 25%, 50%, 100%"),
    ] = (0.01, 0.05, 0.25, 0.5, 1.0)
    stage_duration: Annotated[
        Duration, Field(description="How long each share lasts at least."), Manual(default="30m")
    ] = 1800.0
    rollback: Annotated[RollbackWord, Field(description="When it is taken back.")] = RollbackWord()
    sticky: Annotated[
        StickyKey | None,
        Field(description="What keeps a caller on one side."),
        Manual(default="the route's, else user, else session, else chance"),
    ] = None
    notify: Annotated[
        Text | None, Field(description="A function, `module:function`, that is called with every change.")
    ] = None


class VariantWord(Word):
    """One variant of an experiment."""

    noun: ClassVar[str] = "variant"

    name: Annotated[Name, Field(description="By which it is shown, also to the application.")]
    backend: Annotated[Name, Field(description="A backend or pool, or an address.")]
    weight: Annotated[Weight, Field(description="Its share, relative to the other variants' weights.")] = 1.0


class ExperimentWord(Word):
    """A comparison of several backends on one route. The first variant is what the others are compared with."""

    noun: ClassVar[str] = "experiment"

    name: Annotated[Name, Field(description="By which it is shown.")]
    route: Annotated[Name, Field(description="The route whose requests are dealt out.")]
    variants: Annotated[tuple[VariantWord, ...], Field(description="At least two.")]
    sticky: Annotated[
        StickyKey | None,
        Field(description="What keeps a caller with one variant."),
        Manual(default="the route's, else user, else session, else chance"),
    ] = None
