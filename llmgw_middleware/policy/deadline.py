"""How long a request and each of its attempts may take."""

from __future__ import annotations

from llmgw_middleware.model.policy import Timeouts


class Deadline:
    """The end of a request, over all its attempts, waiting included. ``at`` is on the clock that ``now`` is read from."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at

    def __repr__(self) -> str:
        return f"<Deadline at {self.at:g}>"

    @classmethod
    def after(cls, seconds: float | None, *, now: float) -> Deadline:
        """Start the clock; None is never."""
        return cls(float("inf") if seconds is None else now + seconds)

    def over(self, *, now: float) -> bool:
        """Whether no time is left."""
        return now >= self.at

    def attempt(self, own_read: float | None, *, now: float) -> float:
        """Return the end of one attempt: a backend's own ``read`` only shortens."""
        return self.at if own_read is None else min(self.at, now + own_read)

    def first_content(self, attempt_end: float, timeouts: Timeouts, *, now: float) -> float:
        """Return the time by which a stream's first content must have come."""
        return attempt_end if timeouts.first_token is None else min(attempt_end, now + timeouts.first_token)

    def limits(
        self, own_read: float | None, timeouts: Timeouts, *, stream: bool, now: float
    ) -> tuple[float, float]:
        """Return the end of one attempt, and the time by which it must have begun to say something."""
        end = self.attempt(own_read, now=now)
        return end, self.first_content(end, timeouts, now=now) if stream else end
