"""What is put down of one attempt: in the decision, and with the endpoint that was leased for it."""

from __future__ import annotations

from llmgw_middleware.exchange.order import Leg, Order
from llmgw_middleware.exchange.outcome import Begun, Outcome, Whole
from llmgw_middleware.model.decision import Attempt
from llmgw_middleware.policy.classify import VERDICTS
from llmgw_middleware.policy.lease import Lease


def open_record(order: Order, target: str, lease: Lease, began: float) -> tuple[Leg, Attempt]:
    """Begin the record of an attempt; return it, and the backend as the order's route uses it."""
    name = lease.endpoint.name
    leg = order.terms.legs[name]
    decision, record = order.decision, Attempt(backend=name, target=target, started=began - order.began)
    decision.attempts += (record,)
    decision.backend, decision.target = name, target
    decision.model_sent = leg.upstream.backend.model_for(order.model)
    return leg, record


def close_record(record: Attempt, lease: Lease, outcome: Outcome | None, *, began: float, now: float) -> None:
    """Put down what came of it; None: the caller left. The lease lives on only in a stream that began."""
    duration = record.duration = now - began
    if outcome is None:
        record.outcome = "cancelled"
    elif isinstance(outcome, Whole):
        record.outcome, record.status, record.asked = "served", outcome.status, outcome.asked
        if outcome.asked:
            lease.succeeded(now, duration)
    elif isinstance(outcome, Begun):
        record.outcome, record.status, record.first_token = "served", outcome.reply.status, duration
        lease.succeeded(now, duration)
        return
    else:
        record.outcome, record.status = VERDICTS[outcome.kind].code, outcome.status
        lease.failed(outcome, now)
    lease.release()
