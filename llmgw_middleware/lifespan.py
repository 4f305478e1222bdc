"""What is bound to an event loop: the transport, and the tasks beside the path. One set per running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from llmgw_middleware.errors import GatewayError, Unavailable
from llmgw_middleware.exchange.gate import Gate
from llmgw_middleware.exchange.loop import Exchange
from llmgw_middleware.exchange.relay import Relay
from llmgw_middleware.health import Beside, start
from llmgw_middleware.observe.ids import RequestIds
from llmgw_middleware.shadow import Shadow
from llmgw_middleware.transport.port import Transport


def ending() -> Unavailable:
    """Return what open streams are told when they are ended by us."""
    return Unavailable("This server is shutting down.", code="draining")


class Bound:
    """The parts of a gateway that live on one loop."""

    def __init__(
        self,
        make_transport: Callable[[], Transport],
        *,
        chance: Callable[[], float],
        watch: Callable[[], Coroutine[None, None, None]] | None,
    ) -> None:
        self.transport = transport = make_transport()
        self.shadow = Shadow(make_transport, chance=chance)
        self._standing = [] if watch is None else [asyncio.create_task(watch(), name="watch configuration")]
        self.clock = asyncio.get_running_loop().time
        self.ids = RequestIds()
        self.gate = Gate()
        self.relays: set[Relay] = set()
        self.exchange = Exchange(transport, chance=chance, relays=self.relays)
        self._tasks: list[asyncio.Task[None]] = []
        self._checkers: tuple[Beside, ...] = ()

    def __repr__(self) -> str:
        return f"<Bound {self.transport!r} [{len(self._standing) + len(self._tasks)} tasks]>"

    def interrupt(self, error: GatewayError) -> None:
        """End every open stream with ``error`` in band."""
        for relay in tuple(self.relays):
            relay.interrupt(error)

    def check(self, checkers: tuple[Beside, ...]) -> None:
        """Run these health checks, and what else runs beside the path, in place of those before."""
        if checkers is not self._checkers:
            self._stop()
            self._checkers = checkers
            self._tasks = list(start(checkers, self.transport))

    async def aclose(self) -> None:
        """Tell what streams are open, stop the tasks and close every connection."""
        self.interrupt(ending())  # before their upstreams end, which would look like a failure of theirs
        tasks = [*self._stop(), *self._standing]
        for task in self._standing:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.shadow.aclose()
        await self.transport.aclose()

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks, self._tasks, self._checkers = self._tasks, [], ()
        for task in tasks:
            task.cancel()
        return tasks


class Loops:
    """The bound parts by loop. Test clients and ``asyncio.run`` bring new loops; those that closed are forgotten.

    ``chance`` draws from [0, 1). ``watch`` runs beside the path for as long as its loop. A weak dictionary would not
    do: a loop's own tasks keep it alive.
    """

    def __init__(
        self,
        make_transport: Callable[[], Transport],
        *,
        chance: Callable[[], float],
        watch: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        self._make = make_transport
        self._chance = chance
        self._watch = watch
        self._bound: dict[asyncio.AbstractEventLoop, Bound] = {}

    def __repr__(self) -> str:
        return f"<Loops {list(self._bound.values())}>"

    def current(self) -> Bound:
        """Return the running loop's part, made now if there is none."""
        loop = asyncio.get_running_loop()
        bound = self._bound.get(loop)
        if bound is None:
            self._bound = {known: part for known, part in self._bound.items() if not known.is_closed()}
            bound = self._bound[loop] = Bound(self._make, chance=self._chance, watch=self._watch)
        return bound

    async def aclose(self) -> None:
        """Close the running loop's part. Idempotent."""
        bound = self._bound.pop(asyncio.get_running_loop(), None)
        if bound is not None:
            await bound.aclose()
