"""An answer whose headers are there, and whose body is on its way."""

from __future__ import annotations

import asyncio

from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.coding import Inflater, inflater_for
from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_parser import Answer
from llmgw_middleware.transport.h1_pool import Pool
from llmgw_middleware.transport.hop import HOP_BY_HOP, end_to_end
from llmgw_middleware.transport.port import Reset, TransportError

_NAMES_NOTHING = frozenset({b"keep-alive", b"close"})


class H1Reply:
    """Fulfils ``Reply``. Gives its connection back as soon as the last of the body is taken, or closes it.

    Being cancelled while receiving closes the connection, too.
    """

    __slots__ = (
        "_answer", "_closed", "_connection", "_ended", "_fault", "_idle", "_inflater", "_pool", "headers", "status",
    )  # fmt: skip

    def __init__(self, answer: Answer, connection: Connection, pool: Pool, *, idle: float) -> None:
        self._answer = answer
        self._closed = self._ended = False
        self._fault: TransportError | None = None
        self._connection: Connection | None = connection
        self._pool = pool
        self._idle = idle
        named = answer.named
        self._inflater: Inflater | None = (
            inflater_for(answer.headers) if b"content-encoding" in named else None
        )
        self.status: int = answer.status
        """The status code."""
        self.headers: tuple[Header, ...] = (
            tuple(answer.headers)
            if _DROPPED.isdisjoint(named)
            else kept(answer.headers, coded=self._inflater is not None)
        )
        """Lower-case names, without those of the connection and without content-encoding."""

    def whole(self) -> bytes | None:
        """Return all of the body if it is here already, else None. See ``Reply``."""
        answer = self._answer
        if self._inflater is not None or not answer.whole:
            return None
        if self._connection is None:
            return b"" if self._ended else None
        data = self._connection.take(answer)
        self._note_end()
        return data

    async def receive(self, deadline: float) -> bytes:
        """Return the next bytes of the body, or ``b""`` at its end. See ``Reply``."""
        if self._fault is not None:
            raise type(self._fault)(*self._fault.args)
        try:
            if self._inflater is not None:
                return await self._inflated(self._inflater, deadline)
            answer = self._answer
            if self._ended:
                return b""
            connection = self._open()
            while not (answer.buffered or answer.whole):
                await connection.change(deadline)
            data = connection.take(answer)
        except TransportError as fault:
            self._fault = fault
            raise
        except asyncio.CancelledError:
            if self._connection is not None:
                self._connection.leave()
            raise
        if answer.complete:
            self._note_end()
        return data

    async def _inflated(self, inflater: Inflater, deadline: float) -> bytes:
        while not (plain := inflater.take()):
            coded = b"" if self._ended else await self._coded(self._open(), deadline)
            self._note_end()
            if not coded:
                inflater.finish()
                return b""
            inflater.feed(coded)
        return plain

    async def _coded(self, connection: Connection, deadline: float) -> bytes:
        while not (self._answer.buffered or self._answer.whole):
            await connection.change(deadline)
        return connection.take(self._answer)

    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this reply is closed: nothing can be received from it")
        return self._connection

    def _note_end(self) -> None:
        """Let go of the connection once all of the body was taken."""
        if self._answer.whole and not self._ended:
            self._ended = True
            self._let_go()

    async def aclose(self) -> None:
        """Let go of the connection: kept alive if the body was read to its end, else closed. Idempotent."""
        self._closed = True
        if self._connection is not None:
            if self._answer.buffered or not self._answer.whole:
                self._connection.close(Reset("the reply was closed before its body ended"))
            self._let_go()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection, self._idle)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "complete" if self._ended else "receiving"
        return f"<H1Reply {self.status} {state}>"


def kept(raw: list[Header], *, coded: bool) -> tuple[Header, ...]:
    """Return what of an answer's headers goes on; without its length if the body will be decoded."""
    dropped = HOP_BY_HOP | {b"content-encoding", b"content-length"} if coded else _DROPPED
    for name, value in raw:
        if name == b"connection" and value.lower() not in _NAMES_NOTHING:
            return tuple(line for line in end_to_end(raw) if line[0] not in dropped)
    return tuple([line for line in raw if line[0] not in dropped])


_DROPPED = HOP_BY_HOP | {b"content-encoding"}
