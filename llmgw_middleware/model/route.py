"""Rules: what they ask of a request and where they send it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.policy import CommitRules, RetryRules, Timeouts
from llmgw_middleware.model.transform import NO_TRANSFORM, Transform


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueTest:
    """What a header, query, body or user value must be. Every part that is set must hold.

    ``exact`` is compared as text for headers and query; in a body or an identity a number or boolean is compared as
    such, and text that spells it (``"true"``, ``"10"``) equals it. ``present: False`` asks for absence.
    """

    exact: Any = None
    regex: str | None = None
    prefix: str | None = None
    one_of: tuple[Any, ...] | None = None
    present: bool | None = None
    contains: Any = None
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTest:
    """A path: ``exact``, a ``prefix`` by whole segments (no trailing slash), or a ``regex`` of the whole path."""

    kind: Literal["exact", "prefix", "regex"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTest:
    """A named value and what it must be. Header names are lower case; body names are dotted paths."""

    name: str
    test: ValueTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Conditions that must all hold. Empty tuples and None ask nothing.

    ``paths`` are alternatives, and so are ``hosts``: exact, or ``*.example.com`` for every name below; lower case.
    ``priority`` (None: the route's) is the place of this alternative among all rules. ``country`` and ``region`` list what is accepted; ``country_known`` is
    ``{present: …}``. ``when`` are expressions that all have to be true.
    """

    paths: tuple[PathTest, ...] = ()
    hosts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[FieldTest, ...] = ()
    query: tuple[FieldTest, ...] = ()
    body: tuple[FieldTest, ...] = ()
    user: tuple[FieldTest, ...] = ()
    country: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    country_known: bool | None = None
    when: tuple[Expression, ...] = ()
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a split: a backend or pool, and its relative weight.

    ``name`` is a canary's or a variant's; ``headers`` are set on what goes to this side.
    """

    target: str
    weight: float
    name: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """What keeps a caller on one side of a split. ``name`` is the header's (lower case) or the cookie's.

    ``none``: nothing does, each request is drawn anew. ``expression``: the value of ``expression``.
    """

    kind: Literal["user", "session", "ip", "header", "cookie", "none", "expression"]
    name: str = ""
    expression: Expression | None = None

    def __str__(self) -> str:
        if self.expression is not None:
            return self.expression.text
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A deny rule's answer at once, without any backend."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What the upstream is sent instead: a model, a path.

    ``prefix`` stands for the first of ``prefixes`` (the route's, the longest first) that the caller's path lies under.
    """

    model: str | None = None
    path: str | None = None
    prefix: str | None = None
    prefixes: tuple[str, ...] = ()

    def path_for(self, path: str) -> str | None:
        """Return the path to send for the caller's ``path``; None where it is not rewritten."""
        if self.prefix is None:
            return self.path
        under = next((p for p in self.prefixes if path == p or path.startswith(f"{p}/")), None)
        return None if under is None else (self.prefix + path[len(under) :]) or "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Shadow traffic: a backend or pool that gets copies of a share of the requests, in (0, 1]."""

    target: str
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A rule. Exactly one of ``target``, ``split`` and ``answer`` says where a matching request goes.

    ``matches`` are alternatives (OR of ANDs). ``fallback`` names the targets tried after the chosen one; for a split
    ``fallback_sides`` means its other sides. ``models`` limits what callers may ask for: exact, or with a
    trailing ``*``. ``replay_safe`` None: true but for requests that keep state (``store: true``) and operations that
    the gateway does not know. ``sticky`` None on a split: by user, else session, else at random. ``trial`` is the canary or
    experiment that divides it. ``where`` is ``file:line``.
    """

    name: str
    matches: tuple[Match, ...] = (Match(),)
    priority: int = 100
    default: bool = False
    target: str | None = None
    split: tuple[Side, ...] = ()
    answer: Answer | None = None
    sticky: Sticky | None = None
    fallback: tuple[str, ...] = ()
    fallback_sides: bool = False
    models: tuple[str, ...] = ()
    passthrough: bool = False
    rewrite: Rewrite = Rewrite()
    transform: Transform = NO_TRANSFORM
    timeouts: Timeouts = Timeouts()
    retry: RetryRules = RetryRules()
    replay_safe: bool | None = None
    on_content_filter: Literal["stop", "next"] = "stop"
    on_unsupported: Literal["error", "drop"] | None = None
    on_disconnect: Literal["cancel", "drain"] = "cancel"
    commit: CommitRules = CommitRules()
    trial: str | None = None
    mirror: Copies | None = None
    description: str = ""
    where: str = ""
