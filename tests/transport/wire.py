"""A connection's other side in memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

from llmgw_middleware.transport.h1_connection import READ, Connection
from llmgw_middleware.transport.h1_parser import Answer
from llmgw_middleware.transport.h1_tls import Tls


class Wire(asyncio.Transport):
    """What asyncio would give a connection, in memory. It has a socket because the kernel is asked about it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.near, self.far = socket.socketpair()
        self.sent = bytearray()
        self.stuck = 0
        """Bytes that the kernel does not take."""
        self.reading = True
        self.ended = ""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.near if name == "socket" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.stuck

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.sent += data

    def is_closing(self) -> bool:
        return bool(self.ended)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self._end("closed")

    def abort(self) -> None:
        self._end("aborted")

    def _end(self, how: str) -> None:
        if not self.ended:
            self.ended = how
            self.near.close()
            self.far.close()
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def __del__(self) -> None:
        self.near.close()  # a test that is over need not end its connections
        self.far.close()

    def arrives(self, data: bytes) -> None:
        """Let bytes arrive, as many at once as the connection has room for."""
        for part in parts_of(data):
            inbox = self.connection.get_buffer(-1)
            inbox[: len(part)] = part
            self.connection.buffer_updated(len(part))

    def breaks(self, error: Exception | None = None) -> None:
        """End the connection from the other side: by an error, or in order."""
        if error is None:
            self.connection.eof_received()
        else:
            self.ended = "broken"
            self.near.close()
            self.far.close()
            self.connection.connection_lost(error)


def parts_of(data: bytes) -> Iterator[bytes]:
    return (data[start : start + READ] for start in range(0, len(data), READ))


def wired(tls: Tls | None = None) -> tuple[Connection, Wire]:
    """A connection that is made."""
    connection = Connection(asyncio.get_running_loop(), memoryview(bytearray(READ)), tls)
    wire = Wire(connection)
    connection.connection_made(wire)
    return connection, wire


async def headers_of(connection: Connection, answer: Answer, until: float) -> None:
    """Wait for an answer's head as a caller does: who is cancelled closes the connection."""
    await _waited(connection, until, lambda: answer.status > 0)


async def body_of(connection: Connection, answer: Answer, until: float) -> bytes:
    """Return what comes next of an answer's body, ``b""`` at its end."""
    await _waited(connection, until, lambda: answer.buffered > 0 or answer.whole)
    return connection.take(answer)


async def _waited(connection: Connection, until: float, there: Callable[[], bool]) -> None:
    try:
        while not there():
            await connection.change(until)
    except asyncio.CancelledError:
        connection.leave()
        raise
