"""What one request has met so far: whom it asked, who may not be asked again, and what the last one said."""

from __future__ import annotations

from collections.abc import Iterator

from llmgw_middleware.errors import GatewayError


class Trail:
    """One per request, shared by every target it goes through. ``Target.lease`` and ``RetryMachine`` write it.

    ``name in trail``: the backend is not to be asked now, either because it was asked in this round or because it
    may not be asked again by this request at all (it was silent, or a target that is finished with had it).
    ``seen``: backends that were sent at least one attempt. ``failed``: backends whose breaker has heard of a failure of
    this request; it hears of no second one. ``larger_than``: tokens; set once the request was too long for a backend.
    ``error``: what the caller would be told if nothing else works. ``passed_over``: endpoints that could not be asked
    when their turn came, and why.
    """

    # Names are few: a tuple finds them as soon as a set, and most requests never make one.
    _tried: tuple[str, ...] = ()
    _barred: tuple[str, ...] = ()
    begun: bool = False
    """Whether anybody was asked or barred."""
    seen: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    larger_than: int | None = None
    error: GatewayError | None = None
    passed_over: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"<Trail [tried {sorted(self._tried)}, barred {sorted(self._barred)}]>"

    def __contains__(self, name: object) -> bool:
        return name in self._tried or name in self._barred

    def __iter__(self) -> Iterator[str]:
        return iter({*self._tried, *self._barred})

    def __len__(self) -> int:
        return len({*self._tried, *self._barred})

    def add(self, name: str) -> None:
        """Note that ``name`` is asked in this round."""
        self.begun = True
        self._tried += (name,)

    def sent(self, name: str) -> bool:
        """Note that ``name`` is sent an attempt; return whether it is the first."""
        first = name not in self.seen
        if first:
            self.seen += (name,)
        return first

    def fail(self, name: str) -> bool:
        """Note that ``name`` failed; return whether it is for the first time."""
        first = name not in self.failed
        if first:
            self.failed += (name,)
        return first

    def note(self, name: str, why: str) -> None:
        """Note that ``name`` was passed over."""
        if (name, why) not in self.passed_over:
            self.passed_over += ((name, why),)

    def bar(self, name: str) -> None:
        """Never ask ``name`` again for this request."""
        self.begun = True
        self._barred += (name,)

    def further_round(self) -> None:
        """Let those be asked again that are not barred."""
        self._tried = ()

    def leave(self) -> None:
        """Be done with the target: a later one does not ask its members again."""
        self._barred += self._tried
        self._tried = ()
