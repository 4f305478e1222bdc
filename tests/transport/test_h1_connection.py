"""One connection, its other side in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmgw_middleware.transport import port
from llmgw_middleware.transport.h1_connection import FULL, READ, Connection
from llmgw_middleware.transport.h1_outbox import PIECE
from llmgw_middleware.transport.h1_parser import Answer
from llmgw_middleware.transport.port import Malformed, Unreachable
from tests.transport.wire import Wire, body_of, headers_of, wired

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"content-length: 3\r\n\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\n\r\n"


def soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def asked(body: bytes = b"", *, write: float = 10.0) -> tuple[Connection, Wire, Answer]:
    """A connection with a request on its way."""
    connection, wire = wired()
    answer = Answer()
    connection.ask(answer, HEAD, body, write=write)
    return connection, wire, answer


def ask_again(connection: Connection) -> Answer:
    answer = Answer()
    connection.ask(answer, HEAD, b"", write=10.0)
    return answer


async def served() -> tuple[Connection, Wire]:
    """A connection that served once and rests."""
    connection, wire, answer = asked()
    wire.arrives(LENGTH + b"abc")
    assert await body_of(connection, answer, soon()) == b"abc"
    assert connection.rest()
    return connection, wire


# One request after another


async def test_a_request_and_its_body_are_one_write():
    _, wire, _ = asked(b"body")
    assert wire.sent == HEAD + b"body"


async def test_an_answer_is_received_and_the_connection_rests():
    connection, wire = await served()
    assert (connection.closed, connection.served, connection.fresh(), wire.ended) == (False, 1, True, "")
    assert repr(connection) == "<Connection resting [served: 1]>"


async def test_a_connection_serves_again():
    connection, wire = await served()
    answer = ask_again(connection)
    wire.arrives(b"HTTP/1.1 204 No\r\n\r\n")
    await headers_of(connection, answer, soon())
    assert (answer.status, connection.rest(), connection.served) == (204, True, 2)


UNFIT = {
    "the upstream closes it": OK + b"connection: close\r\ncontent-length: 0\r\n\r\n",
    "the answer is not complete": LENGTH + b"ab",
    "something stands behind the answer": LENGTH + b"abcd",
}


@pytest.mark.parametrize("wire_bytes", UNFIT.values(), ids=UNFIT.keys())
async def test_a_connection_does_not_rest_if(wire_bytes: bytes):
    connection, wire, answer = asked()
    wire.arrives(wire_bytes)
    await headers_of(connection, answer, soon())
    assert not connection.rest()
    assert connection.closed
    assert wire.ended


async def test_a_connection_whose_request_was_not_taken_whole_does_not_rest():
    connection, wire, _ = asked()
    wire.arrives(LENGTH + b"abc")
    wire.stuck = 1
    assert not connection.rest()
    assert wire.ended == "aborted"


# While it rests


async def test_a_byte_that_nobody_asked_for_ends_it():
    connection, wire = await served()
    wire.arrives(b"H")
    assert (connection.closed, wire.ended, connection.fresh()) == (True, "closed", False)


async def test_a_byte_in_the_kernel_that_nobody_asked_for_ends_it():
    connection, wire = await served()
    wire.far.send(b"H")
    assert (connection.fresh(), connection.closed) == (False, True)


async def test_an_end_in_the_kernel_ends_it():
    connection, wire = await served()
    wire.far.close()
    assert (connection.fresh(), connection.closed) == (False, True)


async def test_an_end_ends_it():
    connection, wire = await served()
    wire.breaks()
    assert (connection.closed, connection.stale) == (True, False)


# Staleness


@pytest.mark.parametrize("error", [None, ConnectionResetError("x")], ids=["closed", "reset"])
async def test_a_used_connection_that_ends_before_a_byte_is_stale(error: Exception | None):
    connection, wire = await served()
    answer = ask_again(connection)
    wire.breaks(error)
    with pytest.raises(port.Reset):
        await headers_of(connection, answer, soon())
    assert connection.stale


async def test_a_new_connection_that_ends_is_not_stale():
    connection, wire, _ = asked()
    wire.breaks()
    assert not connection.stale


@pytest.mark.parametrize("first", [b"H", b"HTTP/1.1 103 Hi\r\n\r\n"], ids=["a byte", "an interim answer"])
async def test_a_used_connection_that_gave_a_byte_is_not_stale(first: bytes):
    connection, wire = await served()
    ask_again(connection)
    wire.arrives(first)
    wire.breaks()
    assert not connection.stale


async def test_a_used_connection_that_we_close_is_not_stale():
    connection, _ = await served()
    ask_again(connection)
    connection.close()
    assert not connection.stale


async def test_a_used_connection_that_takes_nothing_is_not_stale():
    connection, wire = await served()
    wire.stuck = 100
    answer = Answer()
    connection.ask(answer, HEAD, b"", write=0.01)
    with pytest.raises(port.Reset, match=r"no progress for 0\.01 s"):
        await headers_of(connection, answer, soon())
    assert not connection.stale


# Deadlines and leaving


async def test_what_is_there_is_given_even_after_the_deadline():
    connection, wire, answer = asked()
    wire.arrives(LENGTH + b"a")
    assert await body_of(connection, answer, soon(-1)) == b"a"
    with pytest.raises(TimeoutError):
        await body_of(connection, answer, soon(-1))
    wire.arrives(b"bc")
    assert [await body_of(connection, answer, soon(-1)) for _ in range(2)] == [b"bc", b""]


async def test_leaving_closes_it_and_tells_the_next_why():
    connection, wire, answer = asked()
    task = asyncio.create_task(headers_of(connection, answer, soon()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    assert (task.cancelled(), wire.ended) == (True, "aborted")
    with pytest.raises(port.Reset, match="left"):
        await body_of(connection, answer, soon())


async def test_two_cannot_wait_for_one_answer():
    connection, _, answer = asked()
    task = asyncio.create_task(headers_of(connection, answer, soon()))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="two callers"):
        await body_of(connection, answer, soon())
    connection.close()
    with pytest.raises(port.Reset):
        await task


async def test_a_timer_is_not_set_for_each_wait(monkeypatch: pytest.MonkeyPatch):
    loop, timers = asyncio.get_running_loop(), []
    call_at = loop.call_at

    def counted(when: float, *args: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, *args)

    monkeypatch.setattr(loop, "call_at", counted)
    connection, wire, answer = asked()
    wire.arrives(CHUNKED)
    for _ in range(100):
        loop.call_soon(wire.arrives, b"1\r\na\r\n")
        assert await body_of(connection, answer, soon(60.0)) == b"a"
    assert len(timers) == 1


async def test_a_nearer_deadline_than_the_last_one_holds():
    connection, wire, answer = asked()
    asyncio.get_running_loop().call_soon(wire.arrives, LENGTH + b"a")
    assert await body_of(connection, answer, soon(3600)) == b"a"
    with pytest.raises(TimeoutError):
        await body_of(connection, answer, soon(0.01))


async def test_a_later_deadline_than_the_last_one_holds():
    connection, wire, answer = asked()
    wire.arrives(LENGTH)
    with pytest.raises(TimeoutError):
        await body_of(connection, answer, soon(0.01))
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, wire.arrives, b"abc")
    assert await body_of(connection, answer, soon(5.0)) == b"abc"


async def test_a_closed_connection_has_no_timer():
    connection, wire, answer = asked()
    asyncio.get_running_loop().call_soon(wire.breaks)
    with pytest.raises(port.Reset):
        await headers_of(connection, answer, soon(3600))
    assert connection._timer is None


# Sending


async def test_a_long_body_is_sent_in_pieces_and_whole():
    body = bytes(range(256)) * 1_000
    _, wire, _ = asked(body)
    assert wire.sent == HEAD + body


async def test_a_long_body_waits_for_room():
    connection, wire = wired()
    connection.pause_writing()
    connection.ask(Answer(), HEAD, bytes(10 * PIECE), write=10.0)
    assert len(wire.sent) == len(HEAD) + PIECE
    connection.resume_writing()
    assert len(wire.sent) == len(HEAD) + 10 * PIECE


async def test_sending_without_progress_is_given_up():
    connection, wire = wired()
    wire.stuck = PIECE
    connection.pause_writing()
    answer = Answer()
    connection.ask(answer, HEAD, bytes(10 * PIECE), write=0.01)
    with pytest.raises(port.Reset, match="no progress"):
        await headers_of(connection, answer, soon())
    assert wire.ended == "aborted"


async def test_sending_with_progress_is_not_given_up():
    connection, wire = wired()
    loop = asyncio.get_running_loop()
    wire.stuck = 40

    def take_some() -> None:
        wire.stuck -= 1
        if wire.stuck:
            loop.call_later(0.005, take_some)
        else:
            wire.arrives(LENGTH)

    answer = Answer()
    connection.ask(answer, HEAD, b"", write=0.1)
    take_some()
    await headers_of(connection, answer, soon())  # which took twice the write timeout
    assert answer.status == 200


async def test_an_answer_in_time_ends_the_watch_over_sending():
    connection, wire = wired()
    wire.stuck = 10
    answer = Answer()
    connection.ask(answer, HEAD, b"", write=0.01)
    wire.arrives(LENGTH)
    await headers_of(connection, answer, soon())
    with pytest.raises(TimeoutError):
        await body_of(connection, answer, soon(0.05))


async def test_a_closed_connection_sends_no_more():
    connection, wire = wired()
    connection.pause_writing()
    connection.ask(Answer(), HEAD, bytes(10 * PIECE), write=10.0)
    connection.close()
    connection.resume_writing()
    assert len(wire.sent) == len(HEAD) + PIECE


# Back-pressure


async def test_an_upstream_is_not_read_beyond_what_may_lie_about():
    connection, wire, answer = asked()
    wire.arrives(OK + b"content-length: 100000000\r\n\r\n")
    while wire.reading:
        wire.arrives(bytes(READ))
    assert FULL < answer.buffered <= FULL + READ <= 256 * 1024
    assert len(await body_of(connection, answer, soon())) == FULL + READ
    assert wire.reading


async def test_an_end_is_seen_when_what_lay_about_is_taken():
    connection, wire, answer = asked()
    size = FULL + 10
    wire.arrives(OK + b"content-length: %d\r\n\r\n" % size + bytes(size))
    assert (wire.reading, answer.complete) == (False, True)
    assert len(await body_of(connection, answer, soon())) == size
    assert (wire.reading, connection.rest()) == (True, True)


# Breaking


async def test_what_came_before_a_breach_is_given_first():
    connection, wire, answer = asked()
    wire.arrives(CHUNKED + b"1\r\na\r\nxyz\r\n")
    assert wire.ended == "aborted"
    assert await body_of(connection, answer, soon()) == b"a"
    for _ in range(2):
        with pytest.raises(Malformed):
            await body_of(connection, answer, soon())


BEHIND = {
    "a length": LENGTH + b"abc",
    "chunks": CHUNKED + b"3\r\nabc\r\n" + LAST,
}


@pytest.mark.parametrize("together", [True, False], ids=["at once", "later"])
@pytest.mark.parametrize("whole", BEHIND.values(), ids=BEHIND.keys())
async def test_an_answer_with_bytes_behind_its_end_does_not_end_well(whole: bytes, together: bool):  # noqa: FBT001
    connection, wire, answer = asked()
    for part in [whole + b"\r\n"] if together else [whole, b"\r\n"]:
        wire.arrives(part)
    assert await body_of(connection, answer, soon()) == b"abc"
    with pytest.raises(Malformed, match="behind the answer's end"):
        await body_of(connection, answer, soon())
    assert not connection.rest()


async def test_an_answer_without_a_body_does_not_end_well_with_one():
    connection, wire, answer = asked()
    wire.arrives(b"HTTP/1.1 204 No Content\r\n\r\nabc")
    await headers_of(connection, answer, soon())
    with pytest.raises(Malformed, match="behind the answer's end"):
        await body_of(connection, answer, soon())


async def test_a_whole_answer_is_given_though_the_connection_ended():
    connection, wire, answer = asked()
    wire.arrives(LENGTH + b"abc")
    wire.breaks(ConnectionResetError("x"))
    assert [await body_of(connection, answer, soon()) for _ in range(2)] == [b"abc", b""]
    assert not connection.rest()


async def test_a_reset_amid_a_body_says_so():
    connection, wire, answer = asked()
    wire.arrives(LENGTH + b"a")
    wire.breaks(ConnectionResetError("peer"))
    assert await body_of(connection, answer, soon()) == b"a"
    with pytest.raises(port.Reset, match="ConnectionResetError: peer"):
        await body_of(connection, answer, soon())


async def test_who_waits_is_told_that_it_broke():
    connection, wire, answer = asked()
    asyncio.get_running_loop().call_soon(wire.breaks)
    with pytest.raises(port.Reset):
        await headers_of(connection, answer, soon())


async def test_closing_is_told_once_and_the_first_reason_stays():
    connection, _, answer = asked()
    told: list[Connection] = []
    connection.on_close = told.append
    connection.close(Malformed("first"))
    connection.close(Unreachable("second"))
    assert told == [connection]
    with pytest.raises(Malformed, match="first"):
        await headers_of(connection, answer, soon())


async def test_a_connection_given_up_before_it_is_made_ends_when_it_is():
    connection = Connection(asyncio.get_running_loop(), memoryview(bytearray(READ)))
    connection.close()
    wire = Wire(connection)
    connection.connection_made(wire)
    assert (wire.ended, connection.fresh()) == ("aborted", False)
