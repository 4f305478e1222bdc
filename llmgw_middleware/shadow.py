"""Copies of real requests for another backend: nobody waits for them, and nobody sees what it says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.exchange.loop import Exchange
from llmgw_middleware.exchange.order import Order, Terms
from llmgw_middleware.exchange.relay import Relay
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.policy.deadline import Deadline
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.tally import Outcome, Tally
from llmgw_middleware.transport.port import Transport

log = logging.getLogger("llmgw")

QUEUE = 100
"""Copies that wait at most; what comes then is dropped, and counted."""

QUEUED_BYTES = 64 * 1024 * 1024
"""Bytes of the bodies that wait at most."""

AT_ONCE = 8
"""Copies under way at the same time, on one event loop."""


@dataclass(slots=True)
class Mirrored:
    """What became of the copies of one route. ``statuses`` are the upstream's; 0 stands for no answer."""

    dropped: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "requests": self.tally.requests,
            "dropped": self.dropped,
            "errors": self.tally.failed,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "p50": self.tally.times.quantile(0.5),
            "p90": self.tally.times.quantile(0.9),
            "tokens": int(self.tally.tokens.total),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """What a route copies, and where to. ``share`` is in (0, 1].

    Its target has a condition of its own: what happens to copies closes no circuit and rests no key of a backend that
    also answers real requests.
    """

    target: Target
    terms: Terms
    share: float
    seen: Mirrored


def mirrors_shown(mirrors: Mapping[str, Mirror]) -> dict[str, dict[str, Any]]:
    """Return what became of the copies, by route, as plain values."""
    return {
        route: {"backend": mirror.target.name, "share": mirror.share, **mirror.seen.as_dict()}
        for route, mirror in mirrors.items()
    }


class Shadow:
    """Sends copies on one event loop, over connections of its own. Never retried, never waited for."""

    def __init__(self, make_transport: Callable[[], Transport], *, chance: Callable[[], float]) -> None:
        self._make = make_transport
        self._chance = chance
        self._queue: deque[tuple[Mirror, Order]] = deque()
        self._bytes = 0
        self._transport: Transport | None = None
        self._relays: set[Relay] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Shadow [{len(self._queue)} waiting, {len(self._tasks)} under way]>"

    def offer(self, mirror: Mirror, order: Order) -> None:
        """Take a copy of ``order`` if there is room for it. Returns at once."""
        size = len(order.facts.request.body)
        if len(self._queue) >= QUEUE or self._bytes + size > QUEUED_BYTES:
            mirror.seen.dropped += 1
            return
        self._queue.append((mirror, order))
        self._bytes += size
        if len(self._tasks) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._work(), name="llmgw mirror")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Stop; what waits or is under way is given up."""
        self._queue.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._transport is not None:
            await self._transport.aclose()

    async def _work(self) -> None:
        while self._queue:
            mirror, order = self._queue.popleft()
            self._bytes -= len(order.facts.request.body)
            try:
                await self._send(mirror, order)
            except Exception:
                log.exception("a copy for %s failed inside the gateway", mirror.target.name)

    async def _send(self, mirror: Mirror, order: Order) -> None:
        if self._transport is None:
            self._transport = self._make()
        clock = asyncio.get_running_loop().time
        began = clock()
        decision = Decision(
            request_id=order.decision.request_id,
            started=time.time(),
            path=order.decision.path,
            stream=order.stream,
        )
        copy = replace(
            order,
            terms=mirror.terms,
            targets=(mirror.target,),
            began=began,
            deadline=Deadline.after(mirror.terms.read, now=began),
            decision=decision,
            settle=_nothing,
        )
        exchange = Exchange(self._transport, chance=self._chance, relays=self._relays)
        with suppress(GatewayError):
            answer = await exchange.run(copy)
            if answer.stream is not None:
                async for _ in answer.stream:
                    pass
        _count(mirror.seen, decision, clock() - began)


def _count(seen: Mirrored, decision: Decision, duration: float) -> None:
    served = decision.outcome == "served"
    status = decision.attempts[-1].status if decision.attempts else None
    seen.statuses[status or 0] += 1
    latency = duration if decision.first_token is None else decision.first_token
    usage = decision.usage
    seen.tally.add(
        Outcome(
            failed=not served,
            latency=latency if served else None,
            tokens=None if usage is None else usage.input + usage.output,
        )
    )


def _nothing() -> None:
    """Settle nothing: a copy is nobody's request."""
