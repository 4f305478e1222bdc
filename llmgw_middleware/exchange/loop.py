"""The one attempt loop: streaming or not, chat or embeddings, every request goes this way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llmgw_middleware.dialect.adjust import UNSAYABLE
from llmgw_middleware.exchange.attempt import attempt
from llmgw_middleware.exchange.committed import Answers
from llmgw_middleware.exchange.course import Course
from llmgw_middleware.exchange.order import Leg, Order
from llmgw_middleware.exchange.outcome import Begun, Outcome, Whole
from llmgw_middleware.exchange.relay import Relay
from llmgw_middleware.model.decision import Attempt
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Response
from llmgw_middleware.policy.classify import VERDICTS
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.transport.port import Transport


class Exchange:
    """Runs orders over one event loop's transport. ``chance`` draws from [0, 1); ``relays`` holds the open streams."""

    def __init__(self, transport: Transport, *, chance: Callable[[], float], relays: set[Relay]) -> None:
        self._transport = transport
        self._chance = chance
        self._clock = asyncio.get_running_loop().time
        self._answers = Answers(relays, self._clock)

    async def run(self, order: Order) -> Response:
        """Ask the order's targets in turn until one commits; raises what the caller is told when none does."""
        course = Course(order, self._clock, self._chance)
        try:
            while True:
                lease = course.lease()
                began = self._clock()
                leg, record = self._begin(order, course.target.name, lease, began)
                try:
                    outcome = await attempt(
                        order, leg, lease.key_index, transport=self._transport, began=began
                    )
                except UNSAYABLE as why:
                    order.decision.attempts = order.decision.attempts[:-1]
                    self._note(record, lease, None, began)
                    course.unable(why, lease)
                    continue
                except BaseException:
                    self._note(record, lease, None, began)
                    raise
                self._note(record, lease, outcome, began)
                if not isinstance(outcome, Fault):
                    return self._answers.give(order, outcome, lease)
                pause = course.failed(outcome, lease)
                if pause is not None:
                    await asyncio.sleep(pause)
        finally:
            course.note_skipped()

    def _begin(self, order: Order, target: str, lease: Lease, began: float) -> tuple[Leg, Attempt]:
        """Open the record of one try."""
        name = lease.endpoint.name
        leg = order.terms.legs[name]
        decision, record = order.decision, Attempt(backend=name, target=target, started=began - order.began)
        decision.attempts += (record,)
        decision.backend, decision.target = name, target
        decision.model_sent = leg.upstream.backend.model_for(order.model)
        return leg, record

    def _note(self, record: Attempt, lease: Lease, outcome: Outcome | None, began: float) -> None:
        """Close it. The lease lives on only in a stream that began."""
        now = self._clock()
        record.duration = now - began
        if isinstance(outcome, Whole):
            record.outcome, record.status, record.asked = "served", outcome.status, outcome.asked
            if outcome.asked:
                lease.succeeded(now, record.duration)
        elif isinstance(outcome, Begun):
            record.outcome, record.status = "served", outcome.reply.status
            record.first_token = record.duration
            lease.succeeded(now, record.duration)
            return
        elif isinstance(outcome, Fault):
            record.outcome, record.status = VERDICTS[outcome.kind].code, outcome.status
            lease.failed(outcome, now)
        else:
            record.outcome = "cancelled"
        lease.release()
