"""A rest after a 429: the upstream works, and asks to be left alone for a while."""

from __future__ import annotations

FIRST = 1.0
"""Seconds of the first rest where the upstream gives no hint."""

LONGEST_UNTOLD = 30.0
"""Seconds that a rest without a hint grows to, doubled each time."""

LONGEST = 3600.0
"""Seconds after which a hint is doubted and one request asks again: a wrong date must not shut a backend out for good."""

LONG = 600.0
"""Seconds of rest after a 429 that cannot recover soon (quota, billing), and of a key that is refused beside others."""

NEVER = float("-inf")


class Cooldown:
    """The rest of one credential at one backend. A later, longer wish extends it, a shorter one never shortens it."""

    __slots__ = ("_untold", "until")

    def __init__(self) -> None:
        self._untold = 0
        self.until = NEVER
        """When the rest is over."""

    def __repr__(self) -> str:
        return f"<Cooldown {'none' if self.until == NEVER else f'until {self.until:g}'}, {self._untold} without a hint>"

    def active(self, now: float) -> bool:
        """Whether it rests still."""
        return now < self.until

    def cool(self, now: float, hint: float | None) -> float:
        """Rest for ``hint`` seconds, else for 1 s doubled up to 30 s; return the end.

        Several answers to requests that were under way together are one refusal: only one after the rest doubles it.
        """
        if hint is None:
            if self._untold == 0 or not self.active(now):
                self._untold += 1
            rest = min(LONGEST_UNTOLD, FIRST * 2.0 ** min(self._untold - 1, 30))
        else:
            rest = min(hint, LONGEST)
        self.until = max(self.until, now + rest)
        return self.until

    def cool_long(self, now: float) -> float:
        """Rest for ten minutes; return the end."""
        self.until = max(self.until, now + LONG)
        return self.until

    def succeeded(self) -> None:
        """Begin again at 1 s next time. The rest that is asked for stays."""
        self._untold = 0

    def clear(self) -> None:
        """End the rest and forget."""
        self._untold, self.until = 0, NEVER
