"""Feature flags: asked of the application once for a request, before its rules are."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from llmgw_middleware.model.identity import Identity

log = logging.getLogger("llmgw")

Lookup = Callable[[str, Identity], bool | Awaitable[bool]]
"""Whether a flag is on for a caller."""


class Flags:
    """Asks ``lookup`` about ``names``. A flag whose question fails is off; that is counted, and logged the first time.

    A plain function is called on a worker thread, as it may ask a database; an ``async def`` on the event loop.
    """

    def __init__(self, names: Iterable[str], lookup: Lookup) -> None:
        self._names = tuple(sorted(names))
        self._lookup = lookup
        self._waits = inspect.iscoroutinefunction(lookup) or inspect.iscoroutinefunction(
            getattr(lookup, "__call__", None)  # noqa: B004 - an object whose call is a coroutine function
        )
        self.failures: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Flags {', '.join(self._names)}>"

    async def ask(self, identity: Identity) -> Callable[[str, Identity], bool]:
        """Return what tells which flags are on for this caller."""
        if self._waits:
            on = {name for name in self._names if await self._awaited(name, identity)}
        else:
            on = await asyncio.to_thread(self._called, identity)
        return lambda name, _: name in on

    def _called(self, identity: Identity) -> set[str]:
        return {name for name in self._names if self._answer(name, identity)}

    def _answer(self, name: str, identity: Identity) -> bool:
        try:
            return bool(self._lookup(name, identity))
        except Exception as error:  # noqa: BLE001 - the application's own; a request must not fail for it
            self._failed(name, error)
            return False

    async def _awaited(self, name: str, identity: Identity) -> bool:
        try:
            answer: Any = self._lookup(name, identity)
            return bool(await answer)
        except Exception as error:  # noqa: BLE001 - the application's own; a request must not fail for it
            self._failed(name, error)
            return False

    def _failed(self, name: str, error: Exception) -> None:
        self.failures[name] += 1
        if self.failures[name] == 1:
            log.error("the flag %s could not be asked for: it counts as off", name, exc_info=error)
