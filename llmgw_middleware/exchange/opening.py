"""The beginning of an answer: of a stream what is held until its commit point, of what failed or is no stream all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from llmgw_middleware.dialect.port import OPAQUE, Piece, StreamTap
from llmgw_middleware.exchange.faults import BROKEN, fault_of
from llmgw_middleware.exchange.hold import Hold
from llmgw_middleware.exchange.order import Leg, Order
from llmgw_middleware.exchange.outcome import Begun, Outcome
from llmgw_middleware.exchange.patience import FINISH_GRACE, PINGS_UNTIL
from llmgw_middleware.exchange.wording import MAX_ERROR, Wording
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.transport.port import Malformed, Reply, TransportError

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of a successful answer that is read whole; a longer one is malformed."""


async def received(
    order: Order, leg: Leg, wording: Wording, reply: Reply, *, end: float, first: float
) -> Outcome:
    """Read an answer as far as it takes to tell what came of the attempt. It is closed unless the caller gets the rest.

    ``end`` and ``first`` are the deadlines of the whole answer and of its first content.
    """
    outcome: Outcome | BaseException
    try:
        outcome = await _opened(order, leg, wording, reply, end=end, first=first)
    except BROKEN as error:
        outcome = fault_of(error)
    except BaseException as error:  # noqa: BLE001 - it goes on
        outcome = error
    if not isinstance(outcome, Begun):
        await reply.aclose()
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


async def _opened(
    order: Order, leg: Leg, wording: Wording, reply: Reply, *, end: float, first: float
) -> Outcome:
    """Read the beginning of an answer that goes to the caller as it comes; of any other, all of it."""
    status = reply.status
    if order.operation is OPAQUE and _speaks_for_itself(status):
        tap = wording.tap(order, reply)
        return Fault(kind=FaultKind.PROTOCOL) if tap is None else Begun(reply, tap, [])
    if order.stream and 200 <= status < 300:  # noqa: PLR2004 - the class of success
        tap = wording.tap(order, reply)
        if tap is None:
            return Fault(kind=FaultKind.PROTOCOL)
        return await Opening(order, leg, reply, tap, end=end, first=first).read()
    return wording.read(reply, await collect(reply, end))


class Opening:
    """The beginning of a stream: events are held back until the commit point, as one that fails can be replaced."""

    __slots__ = ("_end", "_first", "_hold", "_idle", "_reply", "_tap")

    def __init__(
        self, order: Order, leg: Leg, reply: Reply, tap: StreamTap, *, end: float, first: float
    ) -> None:
        self._hold = Hold(order.terms.commit)
        self._idle = leg.timeouts.stream_idle
        self._reply = reply
        self._tap = tap
        self._end = end
        self._first = first

    async def read(self) -> Outcome:
        """Wait for the commit point."""
        tap, hold = self._tap, self._hold
        clock = asyncio.get_running_loop().time
        until = spoken = self._first
        while True:
            pieces = await self._hear(until)
            now = clock()
            committed = hold.add(pieces, now=now)
            if tap.fault is not None:
                return tap.fault
            if committed or tap.done:
                return Begun(self._reply, tap, hold.pieces)
            if any(piece.content for piece in pieces):
                spoken = now
            until = self._until(spoken=spoken, now=now)

    async def _hear(self, until: float) -> Sequence[Piece]:
        """Wait for the upstream once; of a short stream all came with the headers."""
        reply, tap = self._reply, self._tap
        data = reply.whole()
        if data is None:
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

    def _until(self, *, spoken: float, now: float) -> float:
        """Return until when the next event has to come. ``spoken``: when the last content came."""
        if self._tap.finished:
            # The whole answer is held, in one chunk with its finish: the terminator is not waited for long.
            return min(self._end, now + FINISH_GRACE)
        if not self._hold.has_content:
            return self._first
        idle = self._idle
        return self._end if idle is None else min(self._end, now + idle, spoken + PINGS_UNTIL * idle)


def _speaks_for_itself(status: int) -> bool:
    """Whether an answer without a dialect goes to the caller as it is: success, and the caller's own mistakes."""
    return 200 <= status < 300 or (400 <= status < 500 and status not in {401, 403, 408, 429})  # noqa: PLR2004


async def collect(reply: Reply, deadline: float) -> bytes:
    """Read the body. A successful answer that is too long is malformed, an error is read as far as is worth it."""
    limit = MAX_REPLY if 200 <= reply.status < 300 else MAX_ERROR  # noqa: PLR2004 - the class of success
    parts: list[bytes] = []
    size = 0
    while size <= limit and (data := await reply.receive(deadline)):
        parts.append(data)
        size += len(data)
    if size > limit:
        if limit == MAX_REPLY:
            raise Malformed(f"more than {limit} bytes")
        return b"".join(parts)[:limit]
    return parts[0] if len(parts) == 1 else b"".join(parts)
