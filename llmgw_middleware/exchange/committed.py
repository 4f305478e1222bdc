"""What a committed attempt gives the caller: a whole answer, or a stream that has begun."""

from __future__ import annotations

from collections.abc import Callable

from llmgw_middleware.dialect.port import OPAQUE
from llmgw_middleware.exchange.headers import EVENT_STREAM, STREAM_HEADERS, as_stream, media_type, shown
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.exchange.outcome import Begun, Whole
from llmgw_middleware.exchange.relay import End, Relay
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Header, Response
from llmgw_middleware.policy.lease import Lease

MOST_TOLD = 2000
"""Characters of ``x-llmgw-dropped``."""


class Answers:
    """Makes responses. Streams are kept in ``relays`` until they end, and their leases with them."""

    def __init__(self, relays: set[Relay], clock: Callable[[], float]) -> None:
        self._relays = relays
        self._clock = clock

    def give(self, order: Order, outcome: Whole | Begun, lease: Lease) -> Response:
        """Return the caller's response and see to it that the order is settled."""
        if isinstance(outcome, Begun):
            return self._stream(order, outcome, lease)
        decision = order.decision
        decision.outcome, decision.status = "served", outcome.status
        decision.model_served, decision.usage = outcome.receipt.model, outcome.receipt.usage
        order.settle()
        return Response(
            status=outcome.status,
            headers=(*shown(outcome.headers), *outcome.receipt.headers, *_told(decision)),
            body=outcome.receipt.body,
            decision=decision,
        )

    def _stream(self, order: Order, begun: Begun, lease: Lease) -> Response:
        decision, tap = order.decision, begun.tap
        decision.status, decision.model_served = begun.reply.status, tap.model
        decision.first_token = self._clock() - order.began

        def ended(outcome: End, code: str | None) -> None:
            if outcome == "truncated":
                lease.truncated(self._clock())
            lease.release()
            self._relays.discard(relay)
            decision.outcome, decision.code = outcome, code
            decision.attempts[-1].outcome = code or outcome
            decision.usage, decision.model_served = tap.usage, tap.model
            order.settle()

        relay = Relay(
            reply=begun.reply,
            tap=tap,
            held=begun.held,
            timeouts=order.terms.legs[lease.endpoint.name].timeouts,
            caller=None if order.operation is OPAQUE else order.caller,
            ended=ended,
            drain=order.terms.drain,
        )
        self._relays.add(relay)
        headers = shown(begun.reply.headers)
        if order.operation is not OPAQUE:
            headers = as_stream(headers) + STREAM_HEADERS + _told(decision)
        elif media_type(headers) == EVENT_STREAM:
            headers += STREAM_HEADERS
        return Response(status=begun.reply.status, headers=headers, stream=relay, decision=decision)


def _told(decision: Decision) -> tuple[Header, ...]:
    """Return the header that names what the backend was not told."""
    if not decision.dropped:
        return ()
    text = ", ".join(decision.dropped)[:MOST_TOLD]
    # Names of fields are the caller's, and a header is one line of printable text.
    printable = "".join(char if " " <= char <= "~" else "?" for char in text)
    return ((b"x-llmgw-dropped", printable.encode("ascii")),)
