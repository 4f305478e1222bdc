"""A committed stream on its way to the caller. From here on nothing is tried again: what fails is told in band."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Literal

from llmgw_middleware.dialect.port import CallerDialect, Piece, StreamTap
from llmgw_middleware.errors import GatewayError
from llmgw_middleware.exchange.patience import Patience, Silence
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.policy.classify import error_for
from llmgw_middleware.transport.port import Reply, TransportError

DRAIN = 0.25
"""Seconds that an upstream has to end its body after the terminator, so that the connection can be kept."""

_COMMENT = b": keep-alive\n\n"

End = Literal["served", "truncated", "cancelled"]
Ended = Callable[[End, str | None], None]


class Relay:
    """The chunks of one answer, whole events only. The caller's pull is the back-pressure on the upstream.

    ``ended`` is called once, with the outcome and the code of what went wrong. A caller that takes nothing for
    ``caller_stall`` seconds is given up, and so is the upstream. ``drain``: when the caller leaves, the upstream is
    read to its end all the same, for the account.
    """

    _at_end: bool = False
    _given: float | None = None
    _watch: asyncio.TimerHandle | None = None
    _reader: asyncio.Task[object] | None = None
    _interruption: GatewayError | None = None
    _closing: asyncio.Task[None] | None = None
    _stalled: bool = False
    on_stall: Callable[[], None] | None = None
    last: bool = False

    def __init__(
        self,
        *,
        reply: Reply,
        tap: StreamTap,
        held: Sequence[Piece],
        timeouts: Timeouts,
        caller: CallerDialect | None,
        ended: Ended,
        drain: bool = False,
    ) -> None:
        self._reply = reply
        self._tap = tap
        self._held = _joined(held)
        self._caller = caller
        self._ended: Ended | None = ended
        self._drain = drain
        self._stall = timeouts.caller_stall
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._patience = Patience(timeouts, now=self._time())
        if tap.finished:  # with its first content already: only a terminator is outstanding
            self._patience.heard(content=True, finished=True, now=self._time())

    def __repr__(self) -> str:
        return f"<Relay of {self._reply!r}, {'open' if self._ended else 'over'}>"

    def __aiter__(self) -> Relay:
        return self

    async def __anext__(self) -> bytes:
        self._given = None
        if self._stalled:
            raise GatewayError("The caller took nothing for too long.", code="caller_stalled")
        if self._ended is None or self._closing is not None:
            raise StopAsyncIteration
        data, self._held = self._held, b""
        problem: BaseException | None = None
        try:
            while not data:
                if self._interruption is not None or self._tap.fault is not None:
                    data = await self._break_off()
                    break
                if self._tap.done:
                    await self._finish()
                    break
                data = await self._hear()
        except BaseException as error:  # noqa: BLE001 - it goes on
            problem = error
        if problem is not None:
            await self.aclose()
            raise problem
        if not data:
            raise StopAsyncIteration
        self.last = self._ends_here()
        if not self.last and self._stall is not None:
            self._watch_caller(self._stall)
        return data

    async def aclose(self) -> None:
        """Stop: the upstream is let go. Idempotent; after the stream's own end it changes nothing.

        A caller who leaves with the terminator in hand has been served: official SDKs close right then.
        """
        complete = self._tap.done and not self._held and self._tap.fault is None
        if self._drain and not complete and self._ended is not None and not self._stalled:
            self._given = None  # nobody is left who could stall
            self._closing = self._closing or self._loop.create_task(self._read_out())
            return
        await self._end("served" if complete else "cancelled", None)

    def interrupt(self, error: GatewayError) -> None:
        """End the stream now, with ``error`` in band."""
        self._interruption = error
        if self._reader is not None:
            self._reader.cancel()

    async def _hear(self) -> bytes:
        """Wait for the upstream once; return what that gives the caller, which may be nothing."""
        reader = self._reader = asyncio.current_task(self._loop)
        try:
            received = await self._reply.receive(self._patience.until)
        except (TimeoutError, TransportError, asyncio.CancelledError) as problem:
            self._reader = None
            return self._unheard(problem, reader)
        self._reader = None
        return self._take(received)

    def _unheard(self, problem: BaseException, reader: asyncio.Task[object] | None) -> bytes:
        """Take in why nothing came; raises ``problem`` where it is another's."""
        if isinstance(problem, TimeoutError):
            return self._take_silence()
        if isinstance(problem, TransportError):
            if self._tap.finished:
                return self._take(b"")  # only the terminator was outstanding
            self._tap.fault = Fault(kind=FaultKind.TRUNCATED)
            return b""
        if self._interruption is None or reader is None:
            raise problem
        reader.uncancel()  # it was ours; whoever asked goes on to tell the caller
        return b""

    def _take(self, received: bytes) -> bytes:
        tap = self._tap
        pieces = tap.feed(received) if received else tap.close()
        self._at_end = not received
        if len(pieces) == 1:
            data, content = pieces[0].data, pieces[0].content
        else:
            data, content = _joined(pieces), any(piece.content for piece in pieces)
        if self._patience.heard(content=content, finished=tap.finished, now=self._time()):
            tap.fault = Fault(kind=FaultKind.SILENT)
        return data

    def _take_silence(self) -> bytes:
        match self._patience.silence(now=self._time()):
            case Silence.FINISHED:
                return _joined(self._tap.close())
            case Silence.GIVEN_UP:
                self._tap.fault = Fault(kind=FaultKind.SILENT)
                return b""
            case Silence.BEAT:
                return _COMMENT if self._caller is not None else b""

    def _ends_here(self) -> bool:
        """Take in the end if it came with the terminator, as usual; return whether it did."""
        tap = self._tap
        here = (
            tap.done and tap.fault is None and self._interruption is None and self._reply.whole() is not None
        )
        if here and (ended := self._over()) is not None:
            ended("served", None)
        return here

    async def _finish(self) -> None:
        if not self._at_end:
            if self._ends_here():
                return
            # Whatever happens now, the answer is complete; only the connection may not be fit for another.
            with contextlib.suppress(TimeoutError, TransportError):
                await self._reply.receive(self._time() + DRAIN)
        await self._end("served", None)

    async def _break_off(self) -> bytes:
        """Tell the caller of a failure after commit: an error event, and nothing that looks like an end.

        An answer without a dialect has no way to say it: raising makes the door cut the connection.
        """
        error, fault = self._interruption, self._tap.fault
        if error is None:
            error = error_for(fault or Fault(kind=FaultKind.TRUNCATED))
        await self._end("truncated", error.error_code)
        if self._caller is None:
            raise error
        return self._caller.write_stream_error(error)

    async def _read_out(self) -> None:
        """Read the upstream to its end for nobody, so that its usage is known."""
        problem: BaseException | None = None
        try:
            while not self._tap.done and self._tap.fault is None and self._interruption is None:
                await self._hear()
        except BaseException as error:  # noqa: BLE001 - it goes on
            problem = error
        await self._end("cancelled", None)
        if problem is not None:
            raise problem

    async def _end(self, outcome: End, code: str | None) -> None:
        ended = self._over()
        if ended is None:
            return
        try:
            await self._reply.aclose()
        finally:
            ended(outcome, code)

    def _over(self) -> Ended | None:
        """Note that it is over, and return who has to be told; None if that was done."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        ended, self._ended = self._ended, None
        return ended

    def _watch_caller(self, stall: float) -> None:
        """Note that the caller has been given something; one timer per stream looks whether it takes it."""
        self._given = self._time()
        if self._watch is None and self._ended is not None:
            self._watch = self._loop.call_later(stall, self._look_at_caller)

    def _look_at_caller(self) -> None:
        self._watch = None
        if self._ended is None or self._stall is None:
            return
        waited = 0.0 if self._given is None else self._time() - self._given
        if waited < self._stall:
            self._watch = self._loop.call_later(self._stall - waited, self._look_at_caller)
        else:
            self._stalled = True
            self._closing = self._loop.create_task(self._end("cancelled", "caller_stalled"))
            if self.on_stall is not None:
                self.on_stall()


def _joined(pieces: Sequence[Piece]) -> bytes:
    return pieces[0].data if len(pieces) == 1 else b"".join([piece.data for piece in pieces])
