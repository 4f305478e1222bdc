"""Which of a backend's credentials is sent: in turn, leaving out those that rest."""

from __future__ import annotations

from llmgw_middleware.policy.cooldown import NEVER, Cooldown


class KeyRing:
    """The keys of one backend by their number, each with its own rest. A backend without a key has one, nameless."""

    __slots__ = ("_next", "_rests", "rested")

    def __init__(self, count: int = 1) -> None:
        if count < 1:
            raise ValueError(f"a ring has at least one key, not {count}")
        self._rests = tuple(Cooldown() for _ in range(count))
        self._next = 0
        self.rested = NEVER
        """When the longest rest is over: from then on every key is usable."""

    def __repr__(self) -> str:
        return f"<KeyRing {list(self._rests)}>"

    def __len__(self) -> int:
        return len(self._rests)

    def pick(self, now: float) -> int | None:
        """Return the key whose turn it is; None while all rest."""
        count = len(self._rests)
        if count == 1:
            return 0 if now >= self.rested else None
        for step in range(count):
            index = (self._next + step) % count
            if not self._rests[index].active(now):
                self._next = (index + 1) % count
                return index
        return None

    def usable(self, now: float, *, besides: int | None = None) -> bool:
        """Whether a key, other than ``besides``, does not rest."""
        return any(i != besides and not rest.active(now) for i, rest in enumerate(self._rests))

    def cool(self, index: int, now: float, hint: float | None) -> float:
        """Let one rest, as ``Cooldown.cool``; return the end."""
        return self._rest(self._rests[index].cool(now, hint))

    def cool_long(self, index: int, now: float) -> float:
        """Let one rest for long: its quota is used up, or it is refused. Return the end."""
        return self._rest(self._rests[index].cool_long(now))

    def succeeded(self, index: int) -> None:
        """Note that one was accepted."""
        self._rests[index].succeeded()

    def until(self, now: float) -> float:
        """Return when a key is usable: ``now``, or the end of the shortest rest."""
        return max(now, min(rest.until for rest in self._rests))

    def clear(self) -> None:
        """End every rest."""
        for rest in self._rests:
            rest.clear()
        self.rested = NEVER

    def _rest(self, until: float) -> float:
        self.rested = max(self.rested, until)
        return until
