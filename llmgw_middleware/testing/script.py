"""What a scripted upstream does with one request: a list of small actions, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes and wait until the kernel has taken all of them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Let that many real seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on once ``upstream.release(event)`` was called; at once if it was called before."""

    event: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection after what was sent. Actions behind it are not played."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection with a TCP reset. Actions behind it are not played."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Do nothing until the caller leaves."""


Action = Send | Pause | Wait | Close | Reset | Silence


@dataclass(frozen=True, slots=True)
class Script:
    """The actions that answer one request, in order. Two scripts add up to a longer one.

    When the last action is done the connection is kept for the next request. ``early``: begin when the request's
    head has arrived, without waiting for its body.
    """

    actions: tuple[Action, ...] = ()
    early: bool = False

    def __add__(self, other: Script) -> Script:
        return replace(self, actions=self.actions + other.actions)


def raw(*actions: Action | bytes, early: bool = False) -> Script:
    """Return a script of low-level actions; plain bytes mean ``Send``."""
    return Script(tuple(Send(step) if isinstance(step, bytes) else step for step in actions), early)
