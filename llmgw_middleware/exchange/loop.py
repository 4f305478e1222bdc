"""The one attempt loop: streaming or not, chat or embeddings, every request goes this way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llmgw_middleware.dialect.adjust import UNSAYABLE
from llmgw_middleware.exchange.attempt import attempt
from llmgw_middleware.exchange.committed import Answers
from llmgw_middleware.exchange.course import Course
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.exchange.record import close_record, open_record
from llmgw_middleware.exchange.relay import Relay
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Response
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
                leg, record = open_record(order, course.target.name, lease, began)
                try:
                    outcome = await attempt(
                        order, leg, lease.key_index, transport=self._transport, began=began
                    )
                except UNSAYABLE as why:
                    order.decision.attempts = order.decision.attempts[:-1]
                    close_record(record, lease, None, began=began, now=self._clock())
                    course.unable(why, lease)
                    continue
                except BaseException:
                    close_record(record, lease, None, began=began, now=self._clock())
                    raise
                close_record(record, lease, outcome, began=began, now=self._clock())
                if not isinstance(outcome, Fault):
                    return self._answers.give(order, outcome, lease)
                pause = course.failed(outcome, lease)
                if pause is not None:
                    await asyncio.sleep(pause)
        finally:
            course.note_skipped()
