"""Time and chance as arguments."""

from __future__ import annotations

import random


class FakeClock:
    """A clock that stands still until it is told to move. Seconds, from ``now`` on.

    The instance is a callable, so it fits wherever ``time.monotonic`` or ``loop.time`` is asked for.
    """

    __slots__ = ("_now",)

    def __init__(self, now: float = 0.0) -> None:
        self._now = float(now)

    def now(self) -> float:
        """Return the time it is."""
        return self._now

    __call__ = now

    def advance(self, seconds: float) -> float:
        """Move on by ``seconds`` (0 or more) and return the new time. Raises ValueError for a step back."""
        if not seconds >= 0:
            raise ValueError(f"a clock cannot go back: advance({seconds!r}); make a new FakeClock instead")
        self._now += seconds
        return self._now

    def __repr__(self) -> str:
        return f"<FakeClock {self._now:g} s>"


def seeded_rng(seed: int = 0) -> random.Random:
    """Return a random generator that gives the same numbers in every run: chance for tests, never for secrets."""
    return random.Random(seed)  # noqa: S311 -- repeatable numbers are its purpose
