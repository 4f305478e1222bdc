"""What was chosen for one request, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from llmgw_middleware.model.identity import ANONYMOUS, Identity
from llmgw_middleware.model.place import NOWHERE, Place
from llmgw_middleware.model.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace:
    """One rule as it was considered. ``reason`` names the first condition that failed and, in a dry run, what was seen."""

    name: str
    priority: int
    matched: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitChoice:
    """Which side of a split, and by what. ``bucket`` is 0–9999; ``key`` is None where chance decided.

    ``chosen`` is the backend or pool; ``variant`` what the side is called: an experiment's variant, ``stable`` or
    ``canary``, else the same as ``chosen``.
    """

    name: str
    key: str | None
    bucket: int
    chosen: str
    variant: str = ""


class Attempt(msgspec.Struct, kw_only=True, gc=False):
    """One try at one backend. ``outcome`` is ``served`` or the code of what went wrong; times are seconds.

    ``asked`` false: the answer was an estimate of the gateway's own, and no upstream had a part in it.
    """

    backend: str
    target: str
    started: float
    outcome: str = "pending"
    status: int | None = None
    duration: float | None = None
    first_token: float | None = None
    asked: bool = True


class Decision(msgspec.Struct, kw_only=True):
    """The record of one request, filled as it proceeds; doors, logs and the recorder read it.

    ``started`` is wall time (seconds since the epoch); durations are seconds. ``outcome``: ``served``, ``error``,
    ``pass``, ``cancelled``, ``truncated``; ``code`` is the error's. ``skipped`` names endpoints and why they were not
    tried; ``dropped`` what was left out of the request, or changed in it, for the backend that was asked last.
    """

    request_id: str
    started: float
    method: str = ""
    path: str = ""
    identity: Identity = ANONYMOUS
    place: Place = NOWHERE
    route: str | None = None
    rules: tuple[RuleTrace, ...] = ()
    split: SplitChoice | None = None
    target: str | None = None
    backend: str | None = None
    model_asked: str | None = None
    model_sent: str | None = None
    model_served: str | None = None
    stream: bool = False
    attempts: tuple[Attempt, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()
    usage: Usage | None = None
    cost: float | None = None
    status: int | None = None
    outcome: Literal["pending", "served", "error", "pass", "cancelled", "truncated"] = "pending"
    code: str | None = None
    duration: float | None = None
    first_token: float | None = None
