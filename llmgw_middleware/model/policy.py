"""Rules of traffic: limits of time, repetition, breaking. Seconds; None where nothing was said at this level."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The keys of ``timeout:``, key by key: the route's over the backend's over the gateway's.

    ``pool``: wait for a free connection · ``connect``: TCP and TLS · ``write``: no progress while sending ·
    ``first_token``: until the first content event · ``stream_idle``: silence between events · ``caller_stall``: the
    caller takes nothing · ``read``: the deadline of the request over all attempts · ``idle``: keep-alive of pooled
    connections · ``stream_total``: a committed stream from its first byte to its end.
    """

    pool: float | None = None
    connect: float | None = None
    write: float | None = None
    first_token: float | None = None
    stream_idle: float | None = None
    caller_stall: float | None = None
    read: float | None = None
    idle: float | None = None
    stream_total: float | None = None

    def over(self, lower: Timeouts) -> Timeouts:
        """Return these timeouts, with ``lower``'s where nothing was said."""
        return Timeouts(
            **{
                f.name: getattr(lower, f.name) if (mine := getattr(self, f.name)) is None else mine
                for f in fields(self)
            }
        )


DEFAULT_TIMEOUTS = Timeouts(
    pool=1.0,
    connect=5.0,
    write=10.0,
    first_token=60.0,
    stream_idle=60.0,
    caller_stall=60.0,
    read=120.0,
    idle=300.0,
)
"""Seed 004's figures where it has them (connect, write, read, idle); the rest as ``docs/`` explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """The keys of ``retry:``, key by key: the route's over the backend's over the policy's (seed 004).

    ``max_attempts`` is the total for one target. ``retry_on`` governs repeats on the same backend. ``budget_ratio`` and
    ``budget_minimum`` bound a backend's retries: the ratio of the requests of the last ten seconds, or so many per
    second.
    """

    max_attempts: int | None = None
    backoff: Literal["constant", "linear", "exponential"] | None = None
    initial_interval: float | None = None
    max_interval: float | None = None
    jitter: bool | None = None
    retry_on: frozenset[int] | None = None
    budget_ratio: float | None = None
    budget_minimum: float | None = None

    @property
    def complete(self) -> bool:
        """Whether every key has a value."""
        return (
            self.max_attempts is not None
            and self.backoff is not None
            and self.initial_interval is not None
            and self.max_interval is not None
            and self.jitter is not None
            and self.retry_on is not None
            and self.budget_ratio is not None
            and self.budget_minimum is not None
        )

    def over(self, lower: RetryRules) -> RetryRules:
        """Return these rules, with ``lower``'s where nothing was said."""
        return RetryRules(
            **{
                f.name: getattr(lower, f.name) if (mine := getattr(self, f.name)) is None else mine
                for f in fields(self)
            }
        )


DEFAULT_RETRY = RetryRules(
    max_attempts=2,
    backoff="exponential",
    initial_interval=0.2,
    max_interval=5.0,
    jitter=True,
    retry_on=frozenset({429, 500, 502, 503, 504, 529}),
    budget_ratio=0.2,
    budget_minimum=10.0,
)
"""What holds where no ``retry`` is configured: seed 004's intervals and codes, and one retry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowCalls:
    """A share of calls above which a backend counts as failing: those whose first token took over ``duration``."""

    threshold: float
    duration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """The keys of ``circuitBreaker:`` with seed 004's figures as defaults.

    It opens when more than ``threshold`` of at least ``min_requests`` results within ``window`` failed, stays open for
    ``sleep`` (doubled at each reopening, up to ``max_sleep``), then lets ``probe_requests`` through.
    """

    enabled: bool = True
    threshold: float = 0.5
    min_requests: int = 20
    window: float = 60.0
    sleep: float = 30.0
    probe_requests: int = 5
    max_sleep: float = 300.0
    slow_calls: SlowCalls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRules:
    """When an answer is given to the caller: at its first content, after a ``window`` of it, or whole (``full``)."""

    kind: Literal["first_token", "window", "full"] = "first_token"
    window: float = 0.0
