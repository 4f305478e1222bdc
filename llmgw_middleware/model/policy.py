"""Limits of time. Seconds; None where nothing was said at this level."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The keys of ``timeout:``, key by key: the route's over the backend's over the gateway's.

    ``pool``: wait for a free connection · ``connect``: TCP and TLS · ``write``: no progress while sending ·
    ``first_token``: until the first content event · ``stream_idle``: silence between events · ``caller_stall``: the
    caller takes nothing · ``read``: the deadline of the request over all attempts · ``idle``: keep-alive of pooled
    connections.
    """

    pool: float | None = None
    connect: float | None = None
    write: float | None = None
    first_token: float | None = None
    stream_idle: float | None = None
    caller_stall: float | None = None
    read: float | None = None
    idle: float | None = None

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
