"""One try at one backend: ask, and wait until the answer is certain enough to be given to the caller."""

from __future__ import annotations

from llmgw_middleware.dialect.port import OPAQUE
from llmgw_middleware.exchange.faults import fault_of
from llmgw_middleware.exchange.in_turn import authorized, in_turn
from llmgw_middleware.exchange.opening import received
from llmgw_middleware.exchange.order import Leg, Order
from llmgw_middleware.exchange.outcome import Outcome, Whole
from llmgw_middleware.exchange.wording import JSON_HEADERS, worded
from llmgw_middleware.transport.port import Transport, TransportError


async def attempt(order: Order, leg: Leg, key_index: int, *, transport: Transport, began: float) -> Outcome:
    """Send the request to ``leg``'s backend and return what came of it.

    Raises only before anything is sent: BadRequest for what is wrong with the request, Unsayable for what this backend
    cannot be told.

    ``key_index`` says which of the backend's keys is sent; ``began`` is now, on the loop's clock.
    """
    end, first = order.deadline.limits(leg.read, leg.timeouts, stream=order.stream, now=began)
    wording = worded(order, leg.upstream)
    if wording.outgoing.answer is not None:
        return Whole(200, JSON_HEADERS, wording.outgoing.answer, asked=False)
    call = wording.call(order, leg, key_index)
    if wording.outgoing.rest:
        return await in_turn(wording, call, leg, key_index, transport=transport, end=end)
    try:
        credential = leg.upstream.credentials[key_index]
        if credential is not None:
            call = await authorized(call, credential, first)
        reply = await transport.send(call, timeouts=leg.timeouts, deadline=first)
    except (TransportError, TimeoutError) as error:
        return fault_of(error)
    body = None if order.stream or order.operation is OPAQUE else reply.whole()
    if body is not None:  # most answers came with their headers
        return wording.read(reply, body)
    return await received(order, leg, wording, reply, end=end, first=first)
