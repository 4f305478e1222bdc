"""How many requests are on their way at once, and how many wait for a place."""

from __future__ import annotations

import asyncio
from collections import deque

from llmgw_middleware.errors import Unavailable

RETRY_AFTER = 1.0
"""Seconds after which a caller who found no place had better come again."""


class Gate:
    """Lets ``limit`` requests through, lets ``pending`` wait for up to ``patience`` seconds, refuses the rest.

    Belongs to one event loop. First come, first served.
    """

    def __init__(self) -> None:
        self.inside = 0
        self.draining = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._empty: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<Gate [{self.inside} inside, {len(self._waiting)} waiting{', draining' if self.draining else ''}]>"

    def admits(self, limit: int | None) -> bool:
        """Take a place if one is free at once. Whoever has one has to ``leave``."""
        if self.draining or not (limit is None or (self.inside < limit and not self._waiting)):
            return False
        self.inside += 1
        return True

    async def enter(self, limit: int | None, *, pending: int, patience: float) -> None:
        """Take a place; raises Unavailable (``overloaded``, ``draining``). Whoever enters has to ``leave``."""
        if self.admits(limit):
            return
        self._refuse_when_draining()
        if len(self._waiting) >= pending:
            raise _overloaded()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(patience):
                await place  # whoever leaves hands the place over: it is counted already
        except TimeoutError:
            self._withdraw(place)
            raise _overloaded() from None
        except asyncio.CancelledError:
            self._withdraw(place)
            raise

    def leave(self) -> None:
        """Give the place to the next who waits, or free it."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.inside -= 1
        if self.inside == 0 and self._empty is not None:
            self._empty.set()

    async def drain(self, seconds: float) -> bool:
        """Let nobody in any more and wait until all have left; return whether they did within ``seconds``."""
        self.draining = True
        for place in self._waiting:
            if not place.done():
                place.set_exception(_draining())
        self._waiting.clear()
        if self.inside == 0:
            return True
        self._empty = self._empty or asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        """Stop waiting; a place that was handed over in the same moment goes to the next."""
        if place.done() and not place.cancelled() and place.exception() is None:
            self.leave()
        elif place in self._waiting:
            self._waiting.remove(place)

    def _refuse_when_draining(self) -> None:
        if self.draining:
            raise _draining()


def _overloaded() -> Unavailable:
    return Unavailable(
        "Too many requests are under way. Retry shortly.", code="overloaded", retry_after=RETRY_AFTER
    )


def _draining() -> Unavailable:
    return Unavailable(
        "This server is shutting down. Retry shortly.", code="draining", retry_after=RETRY_AFTER
    )
