"""The one attempt loop: streaming or not, chat or embeddings, every request goes this way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from llmgw_middleware.errors import Unavailable
from llmgw_middleware.exchange.attempt import Attempt, Begun, Outcome, Whole
from llmgw_middleware.exchange.committed import Answers
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.exchange.relay import Relay
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.model.decision import Attempt as AttemptRecord
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Response
from llmgw_middleware.policy.blocked import Blocked
from llmgw_middleware.policy.classify import VERDICTS
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.retry import (
    Again,
    GiveUp,
    Move,
    NextBackend,
    NextRound,
    NextTarget,
    RetryMachine,
)
from llmgw_middleware.policy.trail import Trail
from llmgw_middleware.transport.port import Transport


class Exchange:
    """Runs orders over one event loop's transport. ``chance`` draws from [0, 1); ``relays`` holds the open streams."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        transport: Transport,
        *,
        chance: Callable[[], float],
        relays: set[Relay],
    ) -> None:
        self._upstreams = upstreams
        self._transport = transport
        self._chance = chance
        self._clock = asyncio.get_running_loop().time
        self._answers = Answers(relays, self._clock)

    async def run(self, order: Order) -> Response:
        """Ask the order's targets in turn until one commits; raises what the caller is told when none does."""
        trail = Trail()
        order.decision.skipped = trail.passed_over
        last = len(order.targets) - 1
        for place, target in enumerate(order.targets):
            machine = RetryMachine(
                order.retry_for(target),
                fallback=target.fallback,
                has_next_target=place < last,
                trail=trail,
                on_content_filter=order.on_content_filter,
            )
            answer = await self._through(order, target, machine, trail)
            if answer is not None:
                return answer
        raise trail.error or Unavailable("No backend of this route is left to ask.")

    async def _through(
        self, order: Order, target: Target, machine: RetryMachine, trail: Trail
    ) -> Response | None:
        """Go through one target; None when the next one is to be asked."""
        course = _Course(order, target, trail, self._clock, self._chance)
        lease = course.lease()
        while True:
            if isinstance(lease, Blocked):
                for name, why in lease.passed_over:
                    trail.note(name, why)
                move: Move = machine.blocked(lease)
            else:
                outcome = await self._attempt(order, target, lease)
                if not isinstance(outcome, Fault):
                    return self._answers.give(order, outcome, lease)
                move = course.after(outcome, lease, machine)
            match move:
                case GiveUp(error):
                    raise error
                case NextTarget():
                    return None
                case NextBackend():
                    lease = course.lease()
                case NextRound(after):
                    await asyncio.sleep(after)
                    lease = course.lease()
                case Again(after):
                    await asyncio.sleep(after)
                    lease = course.repeat()

    async def _attempt(self, order: Order, target: Target, lease: Lease) -> Outcome:
        """Make one try and keep its record. The lease lives on only in a stream that began."""
        upstream = self._upstreams[lease.endpoint.name]
        decision, now = order.decision, self._clock()
        record = AttemptRecord(backend=upstream.name, target=target.name, started=now - order.began)
        decision.attempts.append(record)
        decision.backend, decision.target = upstream.name, target.name
        decision.model_sent = upstream.backend.model_for(order.model)
        attempt = Attempt(
            order=order,
            upstream=upstream,
            key_index=lease.key_index,
            transport=self._transport,
            timeouts=order.timeouts_for(upstream.name),
            end=order.deadline.attempt(upstream.backend.timeouts.read, now=now),
        )
        outcome: Outcome | None = None
        try:
            outcome = await attempt.run(decision.model_sent)
        finally:
            record.duration = self._clock() - now
            _note(record, outcome)
            _report(lease, outcome, record.duration, self._clock())
        return outcome


class _Course:
    """One order's way through one target: what the machines are asked, and when."""

    def __init__(
        self,
        order: Order,
        target: Target,
        trail: Trail,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._order = order
        self._target = target
        self._trail = trail
        self._clock = clock
        self._chance = chance
        self._cost = order.cost_of(target)
        self._last: Lease | None = None

    def lease(self) -> Lease | Blocked:
        """Lease the endpoint whose turn it is."""
        return self._target.lease(
            tried=self._trail,
            now=self._clock(),
            chance=self._chance(),
            key=self._order.sticky_key,
            cost=self._cost,
        )

    def repeat(self) -> Lease | Blocked:
        """Lease the endpoint of the last attempt again."""
        if self._last is None:
            raise RuntimeError("only an attempt can be made again")
        return self._target.repeat(self._last.endpoint, tried=self._trail, now=self._clock())

    def after(self, fault: Fault, lease: Lease, machine: RetryMachine) -> Move:
        """Say what comes after a failed attempt."""
        now, endpoint, self._last = self._clock(), lease.endpoint, lease
        return machine.record(
            fault,
            backend=endpoint.name,
            now=now,
            chance=self._chance(),
            deadline=self._order.deadline.at,
            replay_safe=self._order.replay_safe,
            other_usable=self._target.other_usable(tried=self._trail, now=now),
            key_usable=lease.key_usable(now),
            budget_ok=lambda: endpoint.condition.budget.admit(now),
        )


def _note(record: AttemptRecord, outcome: Outcome | None) -> None:
    if outcome is None:
        record.outcome = "cancelled"
    elif isinstance(outcome, Fault):
        record.outcome, record.status = VERDICTS[outcome.kind].code, outcome.status
    elif isinstance(outcome, Whole):
        record.outcome, record.status = "served", outcome.status
    else:
        record.outcome, record.status = "served", outcome.reply.status
        record.first_token = record.duration


def _report(lease: Lease, outcome: Outcome | None, duration: float, now: float) -> None:
    """Tell the endpoint what came of its lease, and give it back unless a stream goes on with it."""
    if isinstance(outcome, Fault):
        lease.failed(outcome, now)
    elif outcome is not None:
        lease.succeeded(now, duration)
    if not isinstance(outcome, Begun):
        lease.release()
