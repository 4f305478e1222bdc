"""A circuit breaker: when a backend fails too often it is left alone for a while, then tried with care.

Theory
======

Everything that decides whether a backend may be asked *because of how it has answered* is in this file. (How fast it
may be asked is a cooldown's business, whether it answers checks a health verdict's.) Time is an argument of every
method and never goes backwards; luck is a function given once. Nothing happens between two calls: what time alone
changes is worked out when somebody asks.

There are three states, and four ways from one to another:

    from       to         when                                                 what else
    ---------  ---------  ---------------------------------------------------  ------------------------------------
    closed     open       at least minRequests results in the window, of which  sleep: sleepDuration; doubled within a
                          more than threshold failed (or were slow)            minute of the last closing
    open       half-open  a request comes once the sleep is over               all permits are there again
    half-open  closed     the verdict: failures within the threshold           the window is empty
    half-open  open       the verdict: more failures than that                 sleep: doubled, up to maxSleepDuration,
                                                                               and jittered

**Results.** A request takes a permit before it is sent and reports once: ``record`` (it worked, it failed), or
``release`` (the caller left, or the answer blames nobody), which counts nowhere. A stream reports when it commits.
Should it break off later, ``late_failure`` turns its success into a failure that happens then: one request is one
result. How many failures a request may contribute over several attempts is not known here; its trail knows
(``trail.py``).

**The window** has ten buckets. A bucket is forgotten as a whole, so that the window holds between nine and ten tenths
of ``windowDuration``. Strictly more than the threshold opens: of 20 results 11 failures do, 10 do not.

**Openings are numbered,** and a permit carries the number under which it was given. A result that comes from before
the last opening is void: it says what the backend was like before anybody knew, and must neither reopen the circuit nor
close it.

**Half-open.** ``probeRequests`` permits, not one more and not one less, in whatever order answers come: the verdict
falls when all have reported, not as soon as it is foreseeable. Three things must not hold it up:

1. A caller that leaves: ``release`` puts its permit back, and another request takes it.
2. A request that is lost without a word: its permit is a lease of two minutes. After that another request may have it;
   until one does, a report that comes after all still counts.
3. Too little traffic: after another ``sleepDuration`` permits that nobody asked for are waited for no longer. Those
   that reported decide, once none is out. If none has, it stays half-open: nothing is known yet, and
   nothing is lost by asking.

**The sleep** doubles at each reopening and starts afresh after a minute of health (closed). The first is exactly
``sleepDuration``; later ones are shortened by up to a fifth at random, so that many processes do not probe at once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from llmgw_middleware.model.policy import BreakerRules
from llmgw_middleware.policy.permit import Permit
from llmgw_middleware.policy.window import RollingWindow

PROBE_LEASE = 120.0
"""Seconds after which a permit that nobody reported on may be given to another request."""

HEALTHY_AFTER = 60.0
"""Seconds closed after which the sleep starts afresh."""

JITTER = 0.2
"""Share of a doubled sleep that luck may take off."""

PROBING = 1.0
"""Seconds to wait where the probes are out and have not reported."""

_DOUBLINGS = 30
_RESULTS, _FAILURES, _SLOW = 0, 1, 2


class BreakerState(Enum):
    """Whether requests go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


_CLOSED, _OPEN, _HALF_OPEN = BreakerState


class CircuitBreaker:
    """One per backend; see the top of this file. ``chance`` returns a number in [0, 1), for the jitter of reopenings."""

    __slots__ = (
        "_chance", "_half_open_at", "_opened", "_out", "_probes", "_reopened", "_rules", "_state", "_until", "_window",
        "closed", "closed_at",
    )  # fmt: skip

    def __init__(self, rules: BreakerRules = BreakerRules(), *, chance: Callable[[], float]) -> None:
        self._rules = rules
        self._chance = chance
        self._state = _CLOSED
        self.closed = True
        """Whether the state is closed: every request is admitted."""
        self._window = RollingWindow(rules.window, counters=3)
        self._opened = 0
        self._reopened = 0
        self._until = self._half_open_at = float("-inf")
        self._out: dict[Permit, None] = {}
        self._probes = [0, 0, 0]
        self.closed_at = float("-inf")
        """When it last closed; minus infinity if it never opened."""

    def __repr__(self) -> str:
        if not self._rules.enabled:
            return "<CircuitBreaker off>"
        if self._state is _OPEN:
            return f"<CircuitBreaker open until {self._until:g} [opened {self._opened} times]>"
        if self._state is _HALF_OPEN:
            reported, failed, _ = self._probes
            return (
                f"<CircuitBreaker half-open [{reported} of {self._rules.probe_requests} probes reported,"
                f" {failed} failed, {len(self._out)} out]>"
            )
        results, failed, _ = self._window.totals
        return f"<CircuitBreaker closed [{failed} of {results} failed]>"

    def admit(self, now: float) -> Permit | None:
        """Return a permit for one request, or None when it must not be sent."""
        if self.closed:
            return Permit(self._opened, now + PROBE_LEASE)
        if not self.would_admit(now):
            return None
        if self._state is _OPEN:
            self._half_open(now)
        permit = Permit(self._opened, now + PROBE_LEASE)
        if self._state is _HALF_OPEN:
            if self._all_out():
                del self._out[next(p for p in self._out if p.until <= now)]
            self._out[permit] = None
        return permit

    def would_admit(self, now: float) -> bool:
        """Whether ``admit`` would give a permit."""
        if self._state is _CLOSED:
            return True
        self._settle(now)
        if self._state is _OPEN:
            return now >= self._until
        return self._state is _CLOSED or not self._all_out() or any(p.until <= now for p in self._out)

    def record(self, permit: Permit, *, ok: bool, now: float, slow: bool = False) -> None:
        """Take the one report on ``permit``. ``slow``: its first token took longer than ``slowCall`` allows."""
        if permit.reported is not None:
            return
        permit.reported = False
        if permit.opening != self._opened or not self._rules.enabled:
            return
        if self._state is _HALF_OPEN:
            if permit in self._out:
                del self._out[permit]
                permit.reported = ok
                self._count_probe(ok=ok, slow=slow)
                self._settle(now)
            return
        permit.reported = ok
        permit.slot = self._window.advance(now)
        if ok and not slow:
            self._window.add(_RESULTS)  # the usual one; it makes no share of bad ones grow
        else:
            self._count(ok=ok, slow=slow)
        if self._window.totals[_FAILURES] or self._window.totals[_SLOW]:
            self._trip(now)

    def late_failure(self, permit: Permit, now: float) -> None:
        """Turn the success that was reported on ``permit`` into a failure: its stream ended before its end."""
        if not permit.reported or permit.opening != self._opened:
            return
        permit.reported = False
        if self._state is _HALF_OPEN:
            self._probes[_FAILURES] += 1
            return
        self._window.advance(now)
        self._window.take_back(_RESULTS, permit.slot)
        self._count(ok=False, slow=False)
        self._trip(now)

    def slow(self, first_token: float | None) -> bool:
        """Whether ``slowCall`` counts an answer that took so many seconds to its first content."""
        calls = self._rules.slow_calls
        return calls is not None and first_token is not None and first_token > calls.duration

    def release(self, permit: Permit) -> None:
        """Give ``permit`` back without a result. It does nothing once it was reported on."""
        if permit.reported is None:
            permit.reported = False
            self._out.pop(permit, None)

    def state(self, now: float) -> BreakerState:
        """Return the state. Open stays open until a request comes after the sleep."""
        self._settle(now)
        return self._state

    def retry_after(self, now: float) -> float:
        """Return the seconds after which a request has a chance: the rest of the sleep; 0 when it would be admitted."""
        if self.would_admit(now):
            return 0.0
        return self._until - now if self._state is _OPEN else PROBING

    def _all_out(self) -> bool:
        return len(self._out) + self._probes[_RESULTS] >= self._rules.probe_requests

    def _count(self, *, ok: bool, slow: bool) -> None:
        self._window.add(_RESULTS)
        if not ok:
            self._window.add(_FAILURES)
        if slow:
            self._window.add(_SLOW)

    def _count_probe(self, *, ok: bool, slow: bool) -> None:
        self._probes[_RESULTS] += 1
        self._probes[_FAILURES] += not ok
        self._probes[_SLOW] += slow

    def _trip(self, now: float) -> None:
        """Open when there are results enough, and too many of them are bad."""
        results, failures, slow = self._window.totals
        if results >= self._rules.min_requests and self._bad(results, failures, slow):
            self._open(now)

    def _bad(self, results: int, failures: int, slow: int) -> bool:
        calls = self._rules.slow_calls
        if failures / results > self._rules.threshold:  # seed 004: "open when >50% of requests fail"
            return True
        return calls is not None and slow / results > calls.threshold

    def _settle(self, now: float) -> None:
        """Let the verdict fall if it is due."""
        reported = self._probes[_RESULTS]
        if self._state is not _HALF_OPEN or not reported:
            return
        if reported < self._rules.probe_requests:
            if now < self._half_open_at + self._rules.sleep:
                return
            if any(permit.until > now for permit in self._out):
                return
        if self._bad(*self._probes):
            self._open(now)
        else:
            self._close(now)

    def _open(self, now: float) -> None:
        rules = self._rules
        afresh = self._state is _CLOSED and now - self.closed_at >= HEALTHY_AFTER
        self._reopened = 0 if afresh else self._reopened + 1
        sleep = rules.sleep
        if self._reopened:
            longest = max(rules.sleep, rules.max_sleep)
            sleep = min(longest, sleep * 2.0 ** min(self._reopened, _DOUBLINGS))
            sleep *= 1 - JITTER * self._chance()
        self._state, self._until, self.closed = _OPEN, now + sleep, False
        self._opened += 1
        self._out.clear()

    def _half_open(self, now: float) -> None:
        self._state, self._half_open_at = _HALF_OPEN, now
        self._out.clear()
        self._probes = [0, 0, 0]

    def _close(self, now: float) -> None:
        self._state, self.closed_at, self.closed = _CLOSED, now, True
        self._out.clear()
        self._window.clear()
