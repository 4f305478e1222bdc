"""One try at one backend: ask, and wait until the answer is certain enough to be given to the caller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from msgspec.structs import replace

from llmgw_middleware.dialect.port import JOINT, OPAQUE, MalformedReply, Piece, StreamTap
from llmgw_middleware.exchange.headers import JSON
from llmgw_middleware.exchange.hold import Hold
from llmgw_middleware.exchange.order import Leg, Order
from llmgw_middleware.exchange.outcome import Begun, Outcome, Whole
from llmgw_middleware.exchange.wording import JSON_HEADERS, MAX_ERROR, Wording, worded
from llmgw_middleware.model.fault import Fault, FaultKind
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


def _fault_of(error: Exception) -> Fault:
    return Fault(kind=next(kind for family, kind in _FAULTS if isinstance(error, family)))


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
        return await _in_turn(wording, call, leg, key_index, transport=transport, end=end)
    try:
        credential = leg.upstream.credentials[key_index]
        if credential is not None:
            call = await _authorized(call, credential, first)
        reply = await transport.send(call, timeouts=leg.timeouts, deadline=first)
    except (TransportError, TimeoutError) as error:
        return _fault_of(error)
    try:
        if order.stream or order.operation is OPAQUE:
            outcome = await _opened(order, leg, wording, reply, end=end, first=first)
        elif (body := reply.whole()) is not None:  # most answers came with their headers
            return wording.read(reply, body)
        else:
            outcome = wording.read(reply, await _collect(reply, end))
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
    wording: Wording, call: Call, leg: Leg, key_index: int, *, transport: Transport, end: float
) -> Outcome:
    """Make several calls one after the other and read their answers as one; the first that fails is the outcome."""
    credential = leg.upstream.credentials[key_index]
    bodies = []
    try:
        for body in (call.body, *wording.outgoing.rest):
            one = replace(call, body=body)
            if credential is not None:
                one = await _authorized(one, credential, end)
            reply = await transport.send(one, timeouts=leg.timeouts, deadline=end)
            good = 200 <= reply.status < 300  # noqa: PLR2004 - the class of success
            found = await _taken(reply, end)
            if not good:
                return wording.talk.read_error(reply.status, reply.headers, found, now=time.time())
            bodies.append(found)
        return Whole(200, JSON_HEADERS, wording.talk.read_reply(wording.outgoing, JOINT.join(bodies), JSON))
    except (TransportError, TimeoutError, MalformedReply) as error:
        return _fault_of(error)


async def _opened(
    order: Order, leg: Leg, wording: Wording, reply: Reply, *, end: float, first: float
) -> Outcome:
    """Read the beginning of an answer that goes to the caller as it comes; of one that failed, all of it."""
    status = reply.status
    if order.operation is OPAQUE and _speaks_for_itself(status):
        tap = wording.tap(order, reply)
        return Fault(kind=FaultKind.PROTOCOL) if tap is None else Begun(reply, tap, [])
    if order.stream and 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return await _Opening(order, leg, end=end, first=first).read(reply, wording)
    return wording.read(reply, await _collect(reply, end))


class _Opening:
    """The beginning of a stream: events are held back until the commit point, as one that fails can be replaced."""

    __slots__ = ("_end", "_first", "_order", "_timeouts")

    def __init__(self, order: Order, leg: Leg, *, end: float, first: float) -> None:
        self._order = order
        self._timeouts = leg.timeouts
        self._end = end
        self._first = first

    async def read(self, reply: Reply, wording: Wording) -> Outcome:
        """Wait for the commit point."""
        tap, first = wording.tap(self._order, reply), self._first
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
