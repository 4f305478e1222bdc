"""The scripted upstream, watched through plain sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from llmgw_middleware.testing.upstream import (
    Close,
    Reset,
    Script,
    ScriptedUpstream,
    Send,
    Silence,
    Wait,
    answer,
    chat,
    error,
    raw,
    sse,
    stream,
)

GET = b"GET /a?b=c HTTP/1.1\r\nhost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def caller(upstream: ScriptedUpstream) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as caller:
        yield caller


def everything(caller: socket.socket) -> bytes:
    """What comes until the upstream closes."""
    pieces = []
    while piece := caller.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def exactly(caller: socket.socket, wanted: bytes) -> bool:
    """Whether these bytes come next."""
    got = b""
    while len(got) < len(wanted) and (piece := caller.recv(len(wanted) - len(got))):
        got += piece
    return got == wanted


def post(upstream: ScriptedUpstream, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", upstream.port, timeout=5)
    connection.request("POST", "/v1/chat/completions", body, headers)
    response = connection.getresponse()
    got = response.status, response.read()
    connection.close()
    return got


def test_scripts_are_played_in_order_and_then_the_default(upstream: ScriptedUpstream):
    upstream.script(answer(body="one"), answer(201, body="two"))
    upstream.default(error(503, message="busy"))
    assert [post(upstream)[0] for _ in range(4)] == [200, 201, 503, 503]


def test_a_request_nobody_expected_is_told_so(upstream: ScriptedUpstream):
    status, body = post(upstream)
    assert status == 500
    assert b"No script was queued for POST /v1/chat/completions" in body


def test_a_script_may_be_made_from_the_request(upstream: ScriptedUpstream):
    upstream.default(lambda seen: answer(body=seen.body[::-1]))
    assert post(upstream, b"abc") == (200, b"cba")


def test_requests_are_kept_as_they_arrived(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(chat() + raw(Close()))
    caller.sendall(GET)
    everything(caller)
    seen = upstream.wait_request()
    assert (seen.method, seen.path, seen.query, seen.body) == ("GET", "/a", "b=c", b"")
    assert seen.headers == [(b"host", b"x"), (b"x-a", b"1"), (b"x-a", b"2")]
    assert (seen.header("X-A"), seen.header("none")) == ("1", None)


@pytest.mark.parametrize("length", [0, 3, 3_000_000])
def test_bodies_arrive_whole(upstream: ScriptedUpstream, length: int):
    upstream.default(chat())
    post(upstream, bytes(length))
    assert upstream.requests[0].body == bytes(length)


def test_chunked_bodies_are_put_together(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(chat() + raw(Close()))
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    caller.sendall(head + b'2;x=y\r\n{"\r\n5\r\na": 1\r\n1\r\n}\r\n0\r\nx-t: 1\r\n\r\n')
    everything(caller)
    assert upstream.requests[0].json == {"a": 1}


def test_connections_are_kept_until_the_caller_wants_otherwise(
    upstream: ScriptedUpstream, caller: socket.socket
):
    upstream.default(raw(b"HTTP/1.1 204 No Content\r\n\r\n"))
    caller.sendall(GET * 2 + GET.replace(b"host: x", b"connection: close"))
    assert everything(caller).count(b"204") == 3
    assert (upstream.accepted, len(upstream.requests)) == (1, 3)


def test_an_early_script_does_not_wait_for_the_body(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(Script((Send(b"early"),), early=True), raw(b"late", Close()))
    caller.sendall(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n")
    assert exactly(caller, b"early")
    caller.sendall(b"abc" + GET)
    assert everything(caller) == b"late"


def test_waiting_scripts_go_on_when_they_are_released(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(raw(b"a", Wait("go"), b"b", Close()))
    caller.sendall(GET)
    assert exactly(caller, b"a")
    upstream.release("go")
    assert everything(caller) == b"b"


def test_what_was_released_before_is_not_waited_for(caller: socket.socket, upstream: ScriptedUpstream):
    upstream.release("go")
    upstream.script(raw(Wait("go"), b"b", Close()))
    caller.sendall(GET)
    assert everything(caller) == b"b"


def test_a_reset_comes_after_what_was_sent(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(raw(b"a", Wait("go"), Reset()))
    caller.sendall(GET)
    assert exactly(caller, b"a")
    upstream.release("go")
    with pytest.raises(ConnectionResetError):
        caller.recv(1)


def test_a_cut_stream_lacks_the_end_of_its_body(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(stream("a", "b", cut_after=1))
    caller.sendall(GET)
    sent = everything(caller)
    assert b'"a"' in sent
    assert not sent.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    "script", [raw(Silence()), raw(Wait("never")), sse(["a"], gap=60)], ids=["silent", "waiting", "pausing"]
)
def test_a_caller_who_leaves_is_noticed(upstream: ScriptedUpstream, caller: socket.socket, script: Script):
    upstream.script(script)
    caller.sendall(GET)
    upstream.wait_request()
    before = time.monotonic()
    caller.close()
    assert upstream.wait_left(0, 1) >= before
    upstream.wait_open(0)


def test_a_caller_who_resets_is_noticed(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(raw(Silence()))
    caller.sendall(GET)
    upstream.wait_request()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    caller.close()
    upstream.wait_left(0, 1)


def test_a_caller_who_leaves_after_the_script_has_not_left(upstream: ScriptedUpstream):
    upstream.default(chat())
    for _ in range(50):
        post(upstream)
    upstream.wait_open(0)
    assert upstream.left == {}


def test_stopping_is_not_the_caller_leaving(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(raw(Silence()))
    caller.sendall(GET)
    upstream.wait_request()
    upstream.stop()
    upstream.stop()
    assert upstream.left == {}
    assert caller.recv(1) == b""


def test_a_caller_who_reads_nothing_stalls_the_script(upstream: ScriptedUpstream, caller: socket.socket):
    upstream.script(Script((Send(bytes(65_536)),) * 3_000))
    caller.sendall(GET)
    upstream.wait_stalled(0.2)
    assert 0 < upstream.bytes_sent < 3_000 * 65_536


def test_a_caller_who_speaks_no_http_is_refused(upstream: ScriptedUpstream, caller: socket.socket):
    caller.sendall(b"nonsense\r\n\r\n")
    assert everything(caller).startswith(b"HTTP/1.1 400 ")


def test_waiting_in_vain_says_for_what_and_shows_the_state(upstream: ScriptedUpstream):
    upstream.script(chat())
    with pytest.raises(TimeoutError, match=r"request number 1 .*requests: 0, scripts queued: 1"):
        upstream.wait_request(timeout=0.05)


async def test_asynchronous_callers_are_served_too(upstream: ScriptedUpstream):
    upstream.script(chat() + raw(Close()))
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    writer.write(GET)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    await writer.wait_closed()


def test_it_starts_once_and_says_when_it_is_stopped():
    upstream = ScriptedUpstream()
    assert repr(upstream).startswith("<ScriptedUpstream stopped")
    upstream.start()
    with pytest.raises(RuntimeError, match="started already"):
        upstream.start()
    upstream.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", upstream.port))


def test_stopping_closes_connections_that_were_accepted_a_moment_ago():
    for _ in range(50):
        with ScriptedUpstream() as upstream:
            callers = [socket.create_connection(("127.0.0.1", upstream.port), timeout=5) for _ in range(5)]
        assert upstream.open_connections == 0
        for caller in callers:
            assert hung_up(caller)
            caller.close()


def hung_up(caller: socket.socket) -> bool:
    """Whether the other side closed, politely or not."""
    try:
        return caller.recv(1) == b""
    except ConnectionResetError:
        return True
