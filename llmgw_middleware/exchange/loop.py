"""The one attempt loop: streaming or not, chat or embeddings, every request goes this way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from llmgw_middleware.dialect.port import Operation
from llmgw_middleware.errors import GatewayError, Unavailable, UpstreamTimeout
from llmgw_middleware.exchange.attempt import Attempt, Begun, Outcome, Whole
from llmgw_middleware.exchange.headers import EVENT_STREAM, STREAM_HEADERS, media_type, shown
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.exchange.relay import End, Relay
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.model.decision import Attempt as AttemptRecord
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Response
from llmgw_middleware.policy.classify import VERDICTS, error_for
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.retry import GiveUp, NextTarget, RetryMachine
from llmgw_middleware.policy.trail import Trail
from llmgw_middleware.transport.port import Transport


class Exchange:
    """Runs orders over one event loop's transport."""

    def __init__(self, upstreams: Mapping[str, Upstream], transport: Transport) -> None:
        self._upstreams = upstreams
        self._transport = transport

    async def run(self, order: Order) -> Response:
        """Ask the order's targets in turn until one commits; raises the last failure's error when none does."""
        tried = Trail()
        error: GatewayError | None = None
        for target in order.targets:
            machine = RetryMachine(fallback=target.fallback)
            order.decision.skipped += target.passed_over()
            while isinstance(lease := target.lease(tried=tried), Lease):
                outcome = await self._attempt(order, target, lease)
                if not isinstance(outcome, Fault):
                    return _answer(order, outcome, lease)
                error = error_for(outcome)
                move = machine.record(outcome)
                if isinstance(move, GiveUp):
                    raise move.error
                if isinstance(move, NextTarget):
                    break
        raise error or Unavailable("No backend of this route is left to ask.")

    async def _attempt(self, order: Order, target: Target, lease: Lease) -> Outcome:
        """Make one try and keep its record. The lease lives on only in a stream that began."""
        upstream = self._upstreams[lease.endpoint.name]
        decision, loop = order.decision, asyncio.get_running_loop()
        now = loop.time()
        record = AttemptRecord(backend=upstream.name, target=target.name, started=now - order.began)
        outcome: Outcome | None = None
        try:
            if order.deadline.over(now=now):
                raise UpstreamTimeout("The time for this request was used up before any backend answered.")
            talk = upstream.conversation(order.operation)
            if talk is None:
                raise Unavailable(
                    f"Backend {upstream.name} cannot serve this operation.", code="unsupported_operation"
                )
            decision.attempts.append(record)
            timeouts = order.timeouts_for(upstream.name)
            decision.backend, decision.target = upstream.name, target.name
            decision.model_sent = upstream.backend.model_for(order.model)
            end = order.deadline.attempt(upstream.backend.timeouts.read, now=now)
            attempt = Attempt(
                order=order,
                upstream=upstream,
                talk=talk,
                transport=self._transport,
                timeouts=timeouts,
                end=end,
            )
            outcome = await attempt.run(decision.model_sent)
        finally:
            record.duration = loop.time() - now
            _note(record, outcome)
            if not isinstance(outcome, Begun):
                lease.release()
        return outcome


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


def _answer(order: Order, outcome: Whole | Begun, lease: Lease) -> Response:
    decision = order.decision
    if isinstance(outcome, Whole):
        decision.outcome, decision.status = "served", outcome.status
        decision.model_served, decision.usage = outcome.receipt.model, outcome.receipt.usage
        order.settle()
        return Response(
            status=outcome.status,
            headers=shown(outcome.headers),
            body=outcome.receipt.body,
            decision=decision,
        )
    return _stream(order, outcome, lease)


def _stream(order: Order, begun: Begun, lease: Lease) -> Response:
    decision, tap = order.decision, begun.tap
    decision.status, decision.model_served = begun.reply.status, tap.model
    decision.first_token = asyncio.get_running_loop().time() - order.began

    def ended(outcome: End, code: str | None) -> None:
        lease.release()
        decision.outcome, decision.code = outcome, code
        decision.attempts[-1].outcome = code or outcome
        decision.usage, decision.model_served = tap.usage, tap.model
        order.settle()

    relay = Relay(
        reply=begun.reply,
        tap=tap,
        held=begun.held,
        timeouts=order.timeouts_for(lease.endpoint.name),
        caller=None if order.operation is Operation.OPAQUE else order.caller,
        ended=ended,
    )
    headers = shown(begun.reply.headers)
    if media_type(headers) == EVENT_STREAM:
        headers += STREAM_HEADERS
    return Response(status=begun.reply.status, headers=headers, stream=relay, decision=decision)
