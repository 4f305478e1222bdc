"""One try at one backend: ask, and wait until the answer is certain enough to be given to the caller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from llmgw_middleware.dialect.port import MalformedReply, Operation, Piece, Receipt, StreamTap
from llmgw_middleware.exchange.headers import EVENT_STREAM, media_type
from llmgw_middleware.exchange.hold import Hold
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.transport.port import Malformed, Reply, Reset, Transport, TransportError, Unreachable

MAX_ERROR = 64 * 1024
"""Bytes of an error answer that are read."""

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of a successful answer that is read whole; a longer one is malformed."""

FINISH_GRACE = 2.0
"""Seconds that a stream whose end was seen may take to send its terminator."""

PINGS_UNTIL = 10
"""How many times ``streamIdle`` an upstream may live on pings and comments alone."""

_FAULTS: tuple[tuple[type[Exception], FaultKind], ...] = (
    (Unreachable, FaultKind.UNREACHABLE),
    (Malformed, FaultKind.PROTOCOL),
    (Reset, FaultKind.RESET),
    (TimeoutError, FaultKind.SILENT),
    (MalformedReply, FaultKind.PROTOCOL),
)


@dataclass(slots=True)  # made for every request: frozen would cost three times as much
class Whole:
    """A complete answer. The connection has been let go."""

    status: int
    headers: tuple[Header, ...]
    receipt: Receipt


@dataclass(slots=True)  # made for every request: frozen would cost three times as much
class Begun:
    """A stream whose first content is there: committed. Whoever holds it closes ``reply``."""

    reply: Reply
    tap: StreamTap
    held: list[Piece]


Outcome = Whole | Begun | Fault


def _fault_of(error: Exception) -> Fault:
    return Fault(kind=next(kind for family, kind in _FAULTS if isinstance(error, family)))


class Attempt:
    """Bound to one order and one upstream. ``run`` never raises but for cancellation."""

    __slots__ = ("_end", "_key_index", "_order", "_talk", "_timeouts", "_transport", "_upstream")

    def __init__(
        self,
        *,
        order: Order,
        upstream: Upstream,
        key_index: int,
        transport: Transport,
        timeouts: Timeouts,
        end: float,
    ) -> None:
        self._order = order
        self._upstream = upstream
        self._talk = upstream.conversation(order.operation)
        self._key_index = key_index
        self._transport = transport
        self._timeouts = timeouts
        self._end = end

    async def run(self, model: str | None) -> Outcome:
        """Send the request with ``model`` and return what came of it."""
        order = self._order
        outgoing = self._talk.outgoing(
            order.fields, order.request.body, headers=order.request.headers, model=model, stream=order.stream
        )
        call = self._upstream.call(
            outgoing,
            order.request,
            operation=order.operation,
            rewrite_path=order.rewrite.path_for(order.request.path),
            key_index=self._key_index,
        )
        first = self._first_content()
        try:
            reply = await self._transport.send(call, timeouts=self._timeouts, deadline=first)
        except (TransportError, TimeoutError) as error:
            return _fault_of(error)
        outcome: Outcome | None = None
        try:
            outcome = await self._read(reply, first)
        except (TransportError, TimeoutError, MalformedReply) as error:
            outcome = _fault_of(error)
        finally:
            if not isinstance(outcome, Begun):
                await reply.aclose()
        return outcome

    def _first_content(self) -> float:
        if not self._order.stream:
            return self._end
        now = asyncio.get_running_loop().time()
        return self._order.deadline.first_content(self._end, self._timeouts, now=now)

    async def _read(self, reply: Reply, first: float) -> Outcome:
        order = self._order
        if order.operation is Operation.OPAQUE and _speaks_for_itself(reply.status):
            return Begun(reply, self._talk.tap(show_usage=True), [])
        if not 200 <= reply.status < 300:  # noqa: PLR2004 - the class of success
            body = await _collect(reply, self._end, MAX_ERROR, cut=True)
            return self._talk.read_error(reply.status, reply.headers, body, now=time.time())
        if order.stream:
            return await self._read_stream(reply, first)
        body = await _collect(reply, self._end, MAX_REPLY, cut=False)
        return Whole(reply.status, reply.headers, self._talk.read_reply(body))

    async def _read_stream(self, reply: Reply, first: float) -> Outcome:
        """Hold events back until the commit point; a stream that fails before it can still be replaced."""
        if media_type(reply.headers) != EVENT_STREAM:
            return Fault(kind=FaultKind.PROTOCOL)
        tap = self._talk.tap(show_usage=self._order.show_usage)
        hold = Hold(self._order.commit)
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
            until = self._until(tap, hold, first=first, spoken=spoken, now=now)

    def _until(self, tap: StreamTap, hold: Hold, *, first: float, spoken: float, now: float) -> float:
        """Return until when the next event has to come. ``spoken``: when the last content came."""
        if tap.finished:
            # The whole answer is held, in one chunk with its finish: the terminator is not waited for long.
            return min(self._end, now + FINISH_GRACE)
        if not hold.has_content:
            return first
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


async def _collect(reply: Reply, deadline: float, limit: int, *, cut: bool) -> bytes:
    """Read the body. Beyond ``limit`` it is cut off, or malformed."""
    parts: list[bytes] = []
    size = 0
    while data := await reply.receive(deadline):
        parts.append(data)
        size += len(data)
        if size > limit:
            if not cut:
                raise Malformed(f"more than {limit} bytes")
            break
    return b"".join(parts)[:limit]
