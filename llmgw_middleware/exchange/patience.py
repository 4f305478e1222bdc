"""How long a committed stream may be silent before something has to be done about it. Time is an argument."""

from __future__ import annotations

from enum import Enum, auto

from llmgw_middleware.model.policy import Timeouts

FINISH_GRACE = 2.0
"""Seconds that a stream whose end was seen may take to send its terminator."""

PINGS_UNTIL = 10
"""How many times ``streamIdle`` an upstream may live on pings and comments alone."""

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies do not close the caller's connection."""


class Silence(Enum):
    """What silence means now."""

    BEAT = auto()
    FINISHED = auto()
    GIVEN_UP = auto()


class Patience:
    """Watches one stream. ``finished``: its dialect's end was seen, and only a terminator is outstanding."""

    __slots__ = ("_beat", "_content", "_finished", "_heard", "_idle", "_pings", "_step", "_total", "until")

    def __init__(self, timeouts: Timeouts, *, now: float, beat: float | None = None) -> None:
        self._idle = timeouts.stream_idle or float("inf")
        self._pings = PINGS_UNTIL * self._idle
        self._total = now + (timeouts.stream_total or float("inf"))
        self._beat = HEARTBEAT if beat is None else beat
        self._step = min(self._idle, self._beat)
        self._heard = self._content = now
        self._finished: float | None = None
        self.until = min(now + self._step, self._total)
        """Until when to wait for more."""

    def heard(self, *, content: bool, finished: bool, now: float) -> bool:
        """Note that the upstream sent something; return whether a stream that keeps talking has had its whole time."""
        self._heard = now
        if content:
            self._content = now
        if finished:
            if self._finished is None:
                self._finished = now
            self.until = self._finished + FINISH_GRACE
            return False
        until = now + self._step
        if not content:
            until = min(until, self._content + self._pings)
        self.until = min(self._total, until)
        return now >= self._total

    def silence(self, *, now: float) -> Silence:
        """Say what it means that nothing came until now."""
        if self._finished is not None:
            return Silence.FINISHED
        limit = min(self._heard + self._idle, self._content + self._pings, self._total)
        if now >= limit:
            return Silence.GIVEN_UP
        self.until = min(limit, now + self._beat)
        return Silence.BEAT
