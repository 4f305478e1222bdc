"""A request in the words of one backend, and how the answer to it is read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from llmgw_middleware.dialect.port import (
    OPAQUE,
    Asked,
    Conversation,
    Fields,
    MalformedReply,
    Outgoing,
    StreamTap,
)
from llmgw_middleware.exchange.faults import fault_of
from llmgw_middleware.exchange.headers import JSON, media_type, over
from llmgw_middleware.exchange.order import Leg, Order
from llmgw_middleware.exchange.outcome import Outcome, Whole
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.model.fault import FaultKind
from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.port import Call, Reply

JSON_HEADERS: tuple[Header, ...] = ((b"content-type", b"application/json"),)

MAX_ERROR = 64 * 1024
"""Bytes of an error answer that are read."""

_REFUSALS = frozenset({FaultKind.REFUSED, FaultKind.NO_MODEL})
"""What an upstream says that cannot do what a stand-in can."""


class Wording:
    """A request in the words of one backend, and the conversation that reads the answer to it."""

    __slots__ = ("outgoing", "talk")

    def __init__(self, talk: Conversation, outgoing: Outgoing) -> None:
        self.talk = talk
        self.outgoing = outgoing

    def call(self, order: Order, leg: Leg, key_index: int) -> Call:
        """Address it."""
        request = order.sent or order.facts.request
        call = leg.upstream.call(
            self.outgoing,
            request,
            operation=order.operation,
            rewrite_path=order.terms.rewrite.path_for(request.path),
            key_index=key_index,
        )
        if leg.headers:
            call.headers = over(leg.headers, call.headers)
        if order.edit is not None:
            call.headers = order.edit(call.headers)
        return call

    def tap(self, order: Order, reply: Reply) -> StreamTap | None:
        """Return a tap of the answer, None if it is of a type that cannot be read."""
        kind = media_type(reply.headers).decode("latin-1")
        return self.talk.tap(self.outgoing, kind, show_usage=order.show_usage)

    def read(self, reply: Reply, body: bytes) -> Outcome:
        """Read an answer that is complete."""
        status, headers = reply.status, reply.headers
        if 200 <= status < 300:  # noqa: PLR2004 - the class of success
            kind = media_type(headers).decode("latin-1")
            try:
                receipt = self.talk.read_reply(self.outgoing, body, kind)
            except MalformedReply as error:
                return fault_of(error)
            return Whole(status, headers if kind == JSON else (*JSON_HEADERS, *_others(headers)), receipt)
        fault = self.talk.read_error(status, headers, body[:MAX_ERROR], now=time.time())
        stand_in = self.outgoing.otherwise
        if stand_in is None or fault.kind not in _REFUSALS:
            return fault
        return Whole(200, JSON_HEADERS, stand_in)


def worded(order: Order, upstream: Upstream) -> Wording:
    """Word the request for ``upstream``. Raises BadRequest, and Unsayable for what this backend cannot be told."""
    operation = order.operation
    request = order.sent or order.facts.request
    talk = upstream.conversation(operation)
    body = order.facts.body
    fields = None if operation is OPAQUE else _fields(order, upstream)
    outgoing = talk.outgoing(
        Asked(
            fields=fields,
            raw=request.body,
            headers=request.headers,
            query=request.query,
            model=order.decision.model_sent,
            stream=order.stream,
            intact=fields is not None and fields is body.fields() and body.single,
            on_unsupported=order.terms.on_unsupported,
        )
    )
    order.decision.dropped = outgoing.dropped
    return Wording(talk, outgoing)


def _fields(order: Order, upstream: Upstream) -> Fields:
    """Return the fields of the body, without those that only the rules read. A bare address gets them all."""
    fields, routing = order.facts.body.fields(), order.terms.routing_fields
    if upstream.backend.bare or routing.isdisjoint(fields):
        return fields
    return {name: value for name, value in fields.items() if name not in routing}


def _others(headers: Iterable[Header]) -> Iterator[Header]:
    return (header for header in headers if header[0] != b"content-type")
