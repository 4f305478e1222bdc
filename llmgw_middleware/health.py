"""Active health checks: a loop beside the path for each member of a pool that asks for them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from typing import Protocol

from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.model.backend import HealthCheck
from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS, Timeouts
from llmgw_middleware.policy.health import HealthVerdict
from llmgw_middleware.transport.port import Transport, TransportError

log = logging.getLogger("llmgw")

AT_ONCE = 2
"""How many checks may run at the same time; one that hangs delays no other beyond that."""

JITTER = 0.2
"""Share of the interval by which checks are spread."""

_BAD = frozenset({401, 403})


class Beside(Protocol):
    """Runs beside the path of requests, for as long as its configuration is in force."""

    async def run(self, transport: Transport, gate: asyncio.Semaphore) -> None:
        """Run until it is cancelled. ``gate`` lets few of them speak to upstreams at once."""
        ...


class Checker:
    """Checks one member. A GET with the backend's credential: no answer in time, 5xx, 401 and 403 are bad.

    404 and 429 are good: the server is there, and a prompt would tell more only at a price.
    """

    def __init__(
        self, upstream: Upstream, check: HealthCheck, verdict: HealthVerdict, rng: random.Random
    ) -> None:
        self._upstream = upstream
        self._check = check
        self._verdict = verdict
        self._rng = rng

    def __repr__(self) -> str:
        return f"<Checker of {self._upstream.name}, {self._verdict!r}>"

    async def run(self, transport: Transport, gate: asyncio.Semaphore) -> None:
        """Check for ever, the first time soon after the start."""
        await asyncio.sleep(self._rng.uniform(0, min(1.0, self._check.interval)))
        while True:
            async with gate:
                good = await self.ask(transport)
            if self._verdict.record(good=good, now=asyncio.get_running_loop().time()):
                log.warning(
                    "backend %s is %s",
                    self._upstream.name,
                    "healthy again" if good else "unhealthy: left out",
                )
            await asyncio.sleep(self._check.interval * self._rng.uniform(1 - JITTER, 1 + JITTER))

    async def ask(self, transport: Transport) -> bool:
        """Make one check; return whether the backend is well."""
        limit = self._check.timeout
        deadline = asyncio.get_running_loop().time() + limit
        timeouts = Timeouts(pool=limit, connect=limit, write=limit).over(DEFAULT_TIMEOUTS)
        call, credential = self._upstream.check_call(self._check.path), self._upstream.credentials[0]
        try:
            if credential is not None:
                async with asyncio.timeout_at(deadline):
                    call = await credential.authorize(call)
            reply = await transport.send(call, timeouts=timeouts, deadline=deadline)
            try:
                while await reply.receive(deadline):
                    pass
            finally:
                await reply.aclose()
        except (TransportError, TimeoutError):
            return False
        return reply.status < 500 and reply.status not in _BAD  # noqa: PLR2004 - the class of server errors


def start(beside: tuple[Beside, ...], transport: Transport) -> Iterator[asyncio.Task[None]]:
    """Start what runs beside the path on the running loop; the tasks are the caller's to cancel."""
    gate = asyncio.Semaphore(AT_ONCE)
    for each in beside:
        yield asyncio.create_task(each.run(transport, gate), name=repr(each))
