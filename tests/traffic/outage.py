"""An outage: every upstream is down for a while, callers keep coming. ``python -m tests.traffic.outage --seconds 60``.

Callers come at a fixed rate whatever the answers. Counted are the attempts that reached the upstreams while they were
down, how long callers waited for a refusal once the circuits were open, and how soon everybody was served again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from dataclasses import dataclass, field

from llmgw_middleware.gateway import Gateway
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat, error
from tests.gateway.asking import ask, backend, chat_config, gateway, pool

BREAKER = {"minRequests": 20, "sleepDuration": "1s", "maxSleepDuration": "2s"}


@dataclass(slots=True)
class Outage:
    """What was seen. Times are seconds; ``recovered`` is when the last refusal came after the upstreams were back."""

    requests: int = 0
    attempts: int = 0
    waits: list[float] = field(default_factory=list)
    recovered: float = 0.0

    @property
    def slowest(self) -> float:
        """How long 99 of 100 callers waited at most for a refusal while the circuits were open."""
        return sorted(self.waits)[int(len(self.waits) * 0.99)] if self.waits else 0.0


async def run(*, seconds: float, rate: float, after: float = 5.0) -> Outage:
    """Let both members of a pool be down for ``seconds`` under ``rate`` requests a second, then up for ``after``."""
    seen = Outage()
    with ScriptedUpstream() as one, ScriptedUpstream() as two:
        for upstream in (one, two):
            upstream.default(error(500))
        config = chat_config(
            pool(backend("one", one.url), backend("two", two.url)), policies={"circuitBreaker": BREAKER}
        )
        async with gateway(config) as gw, asyncio.TaskGroup() as callers:
            clock = asyncio.get_running_loop().time
            began = clock()
            end = began + seconds
            for number in range(int(rate * (seconds + after))):
                await asyncio.sleep(max(0.0, began + number / rate - clock()))
                if clock() >= end and not seen.attempts:
                    seen.attempts = len(one.requests) + len(two.requests)
                    for upstream in (one, two):
                        upstream.default(chat())
                callers.create_task(_call(gw, seen, end))
    return seen


async def _call(gw: Gateway, seen: Outage, end: float) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    answer = await ask(gw)
    if began < end:
        seen.requests += 1
        if answer.status == 503:
            seen.waits.append(clock() - began)
    elif answer.status != 200:
        seen.recovered = max(seen.recovered, began - end)


def main() -> None:
    """Print what was seen beside what is promised."""
    words = argparse.ArgumentParser(description="Measure an outage.")
    words.add_argument("--seconds", type=float, default=60.0)
    words.add_argument("--rate", type=float, default=100.0)
    given = words.parse_args()
    logging.getLogger("llmgw").setLevel(logging.CRITICAL)
    seen = asyncio.run(run(seconds=given.seconds, rate=given.rate))
    allowed = 1.2 * seen.requests + 10 * given.seconds
    print(f"requests {seen.requests}, attempts {seen.attempts} (allowed {allowed:.0f})")
    print(f"refusals {len(seen.waits)}, 99 of 100 within {seen.slowest * 1000:.1f} ms (allowed 100)")
    print(f"last refusal {seen.recovered:.1f} s after recovery (allowed 5.0)")


if __name__ == "__main__":
    main()
