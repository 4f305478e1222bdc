"""One try at one backend: ask, and wait until the answer is certain enough to be given to the caller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from llmgw_middleware.dialect.port import (
    JOINT,
    OPAQUE,
    Asked,
    Conversation,
    Fields,
    MalformedReply,
    Outgoing,
    Piece,
    StreamTap,
)
from llmgw_middleware.exchange.headers import JSON, media_type, over
from llmgw_middleware.exchange.hold import Hold
from llmgw_middleware.exchange.order import Leg, Order
from llmgw_middleware.exchange.outcome import Begun, Outcome, Whole
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.port import (
    Call,
    Credential,
    Malformed,
    NoCredential,
    Reply,
    Reset,
    Transport,
    TransportError,
    Unreachable,
)

MAX_ERROR = 64 * 1024
"""Bytes of an error answer that are read."""

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of a successful answer that is read whole; a longer one is malformed."""

FINISH_GRACE = 2.0
"""Seconds that a stream whose end was seen may take to send its terminator."""

PINGS_UNTIL = 10
"""How many times ``streamIdle`` an upstream may live on pings and comments alone."""

_FAULTS: tuple[tuple[type[Exception], FaultKind], ...] = (
    (NoCredential, FaultKind.UNAUTHORIZED),
    (Unreachable, FaultKind.UNREACHABLE),
    (Malformed, FaultKind.PROTOCOL),
    (Reset, FaultKind.RESET),
    (TimeoutError, FaultKind.SILENT),
    (MalformedReply, FaultKind.PROTOCOL),
)


JSON_HEADERS: tuple[Header, ...] = ((b"content-type", b"application/json"),)

_REFUSALS = frozenset({FaultKind.REFUSED, FaultKind.NO_MODEL})
"""What an upstream says that cannot do what a stand-in can."""


def _fault_of(error: Exception) -> Fault:
    return Fault(kind=next(kind for family, kind in _FAULTS if isinstance(error, family)))


async def attempt(order: Order, leg: Leg, key_index: int, *, transport: Transport, began: float) -> Outcome:
    """Send the request to ``leg``'s backend and return what came of it.

    Raises only before anything is sent: BadRequest for what is wrong with the request, Unsayable for what this backend
    cannot be told.

    ``key_index`` says which of the backend's keys is sent; ``began`` is now, on the loop's clock.
    """
    end = first = order.deadline.attempt(leg.read, now=began)
    if order.stream:
        first = order.deadline.first_content(end, leg.timeouts, now=began)
    worded = _worded(order, leg.upstream)
    if worded.outgoing.answer is not None:
        return Whole(200, JSON_HEADERS, worded.outgoing.answer, asked=False)
    call = worded.call(order, leg, key_index)
    if worded.outgoing.rest:
        return await _in_turn(worded, call, leg, key_index, transport=transport, end=end)
    try:
        credential = leg.upstream.credentials[key_index]
        if credential is not None:
            call = await _authorized(call, credential, first)
        reply = await transport.send(call, timeouts=leg.timeouts, deadline=first)
    except (TransportError, TimeoutError) as error:
        return _fault_of(error)
    try:
        if order.stream or order.operation is OPAQUE:
            outcome = await _opened(order, leg, worded, reply, end=end, first=first)
        else:
            body = reply.whole()  # most answers came with their headers
            outcome = _read(worded, reply, await _collect(reply, end) if body is None else body)
    except (TransportError, TimeoutError, MalformedReply) as error:
        outcome = _fault_of(error)
    except BaseException:
        await reply.aclose()
        raise
    if not isinstance(outcome, Begun):
        await reply.aclose()
    return outcome


async def _authorized(call: Call, credential: Credential, deadline: float) -> Call:
    """Return the call with a credential that changes with time."""
    async with asyncio.timeout_at(deadline):
        return await credential.authorize(call)


async def _in_turn(
    worded: _Worded, call: Call, leg: Leg, key_index: int, *, transport: Transport, end: float
) -> Outcome:
    """Make several calls one after the other and read their answers as one; the first that fails is the outcome."""
    credential = leg.upstream.credentials[key_index]
    bodies = []
    try:
        for body in (call.body, *worded.outgoing.rest):
            one = replace(call, body=body)
            if credential is not None:
                one = await _authorized(one, credential, end)
            reply = await transport.send(one, timeouts=leg.timeouts, deadline=end)
            good = 200 <= reply.status < 300  # noqa: PLR2004 - the class of success
            found = await _taken(reply, end)
            if not good:
                return worded.talk.read_error(reply.status, reply.headers, found, now=time.time())
            bodies.append(found)
        return Whole(200, JSON_HEADERS, worded.talk.read_reply(worded.outgoing, JOINT.join(bodies), JSON))
    except (TransportError, TimeoutError, MalformedReply) as error:
        return _fault_of(error)


class _Worded:
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


def _worded(order: Order, upstream: Upstream) -> _Worded:
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
    return _Worded(talk, outgoing)


def _fields(order: Order, upstream: Upstream) -> Fields:
    """Return the fields of the body, without those that only the rules read. A bare address gets them all."""
    fields, routing = order.facts.body.fields(), order.terms.routing_fields
    if upstream.backend.bare or routing.isdisjoint(fields):
        return fields
    return {name: value for name, value in fields.items() if name not in routing}


async def _opened(
    order: Order, leg: Leg, worded: _Worded, reply: Reply, *, end: float, first: float
) -> Outcome:
    """Read the beginning of an answer that goes to the caller as it comes; of one that failed, all of it."""
    status = reply.status
    if order.operation is OPAQUE and _speaks_for_itself(status):
        tap = worded.tap(order, reply)
        return Fault(kind=FaultKind.PROTOCOL) if tap is None else Begun(reply, tap, [])
    if order.stream and 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return await _Opening(order, leg, end=end, first=first).read(reply, worded)
    return _read(worded, reply, await _collect(reply, end))


def _read(worded: _Worded, reply: Reply, body: bytes) -> Outcome:
    """Read an answer that is complete."""
    status, headers = reply.status, reply.headers
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        kind = media_type(headers).decode("latin-1")
        receipt = worded.talk.read_reply(worded.outgoing, body, kind)
        return Whole(status, headers if kind == JSON else (*JSON_HEADERS, *_others(headers)), receipt)
    fault = worded.talk.read_error(status, headers, body[:MAX_ERROR], now=time.time())
    stand_in = worded.outgoing.otherwise
    if stand_in is None or fault.kind not in _REFUSALS:
        return fault
    return Whole(200, JSON_HEADERS, stand_in)


def _others(headers: Iterable[Header]) -> Iterator[Header]:
    return (header for header in headers if header[0] != b"content-type")


class _Opening:
    """The beginning of a stream: events are held back until the commit point, as one that fails can be replaced."""

    __slots__ = ("_end", "_first", "_order", "_timeouts")

    def __init__(self, order: Order, leg: Leg, *, end: float, first: float) -> None:
        self._order = order
        self._timeouts = leg.timeouts
        self._end = end
        self._first = first

    async def read(self, reply: Reply, worded: _Worded) -> Outcome:
        """Wait for the commit point."""
        tap, first = worded.tap(self._order, reply), self._first
        if tap is None:
            return Fault(kind=FaultKind.PROTOCOL)
        hold = Hold(self._order.terms.commit)
        clock = asyncio.get_running_loop().time
        until = spoken = first
        while True:
            pieces = await _next_pieces(reply, tap, until)
            now = clock()
            committed = hold.add(pieces, now=now)
            if tap.fault is not None:
                return tap.fault
            if committed or tap.done:
                return Begun(reply, tap, hold.pieces)
            if any(piece.content for piece in pieces):
                spoken = now
            until = self._until(tap, hold, spoken=spoken, now=now)

    def _until(self, tap: StreamTap, hold: Hold, *, spoken: float, now: float) -> float:
        """Return until when the next event has to come. ``spoken``: when the last content came."""
        if tap.finished:
            # The whole answer is held, in one chunk with its finish: the terminator is not waited for long.
            return min(self._end, now + FINISH_GRACE)
        if not hold.has_content:
            return self._first
        idle = self._timeouts.stream_idle
        return self._end if idle is None else min(self._end, now + idle, spoken + PINGS_UNTIL * idle)


async def _next_pieces(reply: Reply, tap: StreamTap, until: float) -> Sequence[Piece]:
    try:
        data = await reply.receive(until)
    except TimeoutError:
        if not tap.finished:
            raise
        data = b""
    except TransportError:
        # However the connection ended: a stream that had begun is cut off, and another backend goes first.
        if not tap.finished:
            tap.fault = Fault(kind=FaultKind.TRUNCATED)
            return ()
        data = b""
    return tap.feed(data) if data else tap.close()


def _speaks_for_itself(status: int) -> bool:
    """Whether an answer without a dialect goes to the caller as it is: success, and the caller's own mistakes."""
    return 200 <= status < 300 or (400 <= status < 500 and status not in {401, 403, 408, 429})  # noqa: PLR2004


async def _taken(reply: Reply, deadline: float) -> bytes:
    """Read the body, and let the connection go."""
    try:
        return await _collect(reply, deadline)
    finally:
        await reply.aclose()


async def _collect(reply: Reply, deadline: float) -> bytes:
    """Read the body. A successful answer that is too long is malformed, an error is read as far as is worth it."""
    limit = MAX_REPLY if 200 <= reply.status < 300 else MAX_ERROR  # noqa: PLR2004 - the class of success
    parts: list[bytes] = []
    size = 0
    while size <= limit and (data := await reply.receive(deadline)):
        parts.append(data)
        size += len(data)
    if size > limit:
        if limit is MAX_REPLY:
            raise Malformed(f"more than {limit} bytes")
        return b"".join(parts)[:limit]
    return parts[0] if len(parts) == 1 else b"".join(parts)
