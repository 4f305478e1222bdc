"""Canaries and experiments as the operator wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmgw_middleware.model.route import Sticky


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRules:
    """When a canary is taken back. Rates and increases are shares: 0.05 is 5 %; None asks nothing.

    ``max_error_rate_increase`` is in points over stable's rate, ``max_latency_increase`` relative to stable's p90.
    ``signals`` gives for each signal by how many points its rate may exceed stable's. ``min_requests`` are the
    requests on the canary that a stage needs before it is promoted.
    """

    max_error_rate: float | None = None
    max_error_rate_increase: float | None = 0.01
    max_latency_increase: float | None = None
    min_requests: int = 50
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A new backend that gets a growing share of a route.

    ``stages`` are shares in (0, 1], each lasting ``stage_duration`` seconds at least. ``notify`` (``module:function``)
    hears of every change.
    """

    name: str
    route: str
    stable: str
    canary: str
    stages: tuple[float, ...]
    stage_duration: float
    rollback: RollbackRules = RollbackRules()
    sticky: Sticky | None = None
    notify: str | None = None
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One arm of an experiment: its name, where it goes, and its relative weight."""

    name: str
    target: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A comparison of variants on a route. The first one is what the others are compared with."""

    name: str
    route: str
    variants: tuple[Variant, ...]
    sticky: Sticky | None = None
    where: str = ""
