"""TLS: who is talked to, what is taken up again, and records cut anywhere."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS
from llmgw_middleware.testing.upstream import Close, ScriptedUpstream, answer, chat, raw
from llmgw_middleware.transport import port
from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_parser import Answer
from llmgw_middleware.transport.h1_tls import Tls, client_context
from llmgw_middleware.transport.h1_transport import H1Transport
from llmgw_middleware.transport.port import Call, Malformed, Unreachable
from tests.transport.authority import OPENSSL, Authority, Certificate
from tests.transport.wire import Wire, body_of, wired

pytestmark = pytest.mark.skipif(
    OPENSSL is None, reason="the openssl command, which makes certificates, is not installed"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def good(authority: Authority) -> Certificate:
    return authority.sign("good", names="IP:127.0.0.1,DNS:upstream.test")


@pytest.fixture
async def transport(authority: Authority) -> AsyncIterator[H1Transport]:
    transport = H1Transport(tls=authority.trusting())
    yield transport
    await transport.aclose()


Serve = Callable[[ssl.SSLContext], ScriptedUpstream]


async def made_secure(connection: Connection) -> None:
    while not connection.ready:
        await connection.change(later())


def opened(tls: Tls, data: bytes) -> Iterator[bytes]:
    """The plain bytes in what came."""
    tls.feed(data)
    return iter(tls.open, b"")


@pytest.fixture
def serve() -> Iterator[Serve]:
    upstreams: list[ScriptedUpstream] = []

    def start(tls: ssl.SSLContext) -> ScriptedUpstream:
        upstreams.append(ScriptedUpstream(tls=tls))
        upstreams[-1].start()
        return upstreams[-1]

    yield start
    for upstream in upstreams:
        upstream.stop()


async def fetch(transport: H1Transport, url: str, **limits: Any) -> bytes:
    deadline = asyncio.get_running_loop().time() + 10
    call = Call(method="POST", url=url, headers=(), body=b"{}")
    reply = await transport.send(call, timeouts=DEFAULT_TIMEOUTS, deadline=deadline)
    parts = []
    while part := await reply.receive(deadline):
        parts.append(part)
    await reply.aclose()
    return b"".join(parts)


# Who is talked to


async def test_an_upstream_that_a_known_authority_vouches_for_is_talked_to(
    transport: H1Transport, serve: Serve, good: Certificate
):
    upstream = serve(good.server())
    upstream.script(answer(body="secret"), answer(body=bytes(3_000_000)))
    assert await fetch(transport, upstream.url) == b"secret"
    assert await fetch(transport, upstream.url) == bytes(3_000_000)
    assert upstream.accepted == 1


REFUSED: dict[str, dict[str, Any]] = {
    "another address": {"names": "IP:127.0.0.2"},
    "a name for an address": {"names": "DNS:127.0.0.1"},
    "only the old common name": {"names": "DNS:other.test"},
    "yesterday": {"days": -1},
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_certificate_is_refused_that_is_for(
    transport: H1Transport, serve: Serve, authority: Authority, name: str
):
    upstream = serve(authority.sign("127.0.0.1", **REFUSED[name]).server())
    with pytest.raises(Unreachable, match="certificate verify failed"):
        await fetch(transport, upstream.url)
    assert upstream.requests == []


async def test_a_certificate_of_an_unknown_issuer_is_refused(
    transport: H1Transport, serve: Serve, tmp_path_factory: pytest.TempPathFactory
):
    other = Authority(tmp_path_factory.mktemp("other"))
    upstream = serve(other.sign("good").server())
    with pytest.raises(Unreachable, match="certificate verify failed"):
        await fetch(transport, upstream.url)
    assert upstream.requests == []


async def test_left_alone_it_trusts_what_the_system_trusts(serve: Serve, good: Certificate):
    upstream = serve(good.server())
    transport = H1Transport()
    with pytest.raises(Unreachable, match=r"unable to get local issuer|self-signed"):
        await fetch(transport, upstream.url)
    await transport.aclose()


async def test_the_system_is_told_by_its_own_variable_whom_to_trust(
    serve: Serve, good: Certificate, authority: Authority, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority._root.chain))
    upstream = serve(good.server())
    upstream.script(chat())
    transport = H1Transport()
    assert b"choices" in await fetch(transport, upstream.url)
    await transport.aclose()


async def test_an_old_version_of_tls_is_refused(transport: H1Transport, serve: Serve, good: Certificate):
    context = good.server()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    upstream = serve(context)
    with pytest.raises(Unreachable, match="TLS"):
        await fetch(transport, upstream.url)


async def test_the_name_is_sent_and_http_1_is_asked_for(authority: Authority, good: Certificate):
    seen: list[str | None] = []
    context = good.server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda _object, name, _context: seen.append(name)
    peer = Peer(context)
    shake_hands(peer, tls := Tls(client_context(authority.trusting()), "upstream.test"))
    assert (seen, peer.object.selected_alpn_protocol(), tls.ready) == (["upstream.test"], "http/1.1", True)


# Sessions


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
async def test_a_later_connection_takes_up_the_session(
    transport: H1Transport, serve: Serve, good: Certificate, version: ssl.TLSVersion
):
    context = good.server()
    context.minimum_version = context.maximum_version = version
    upstream = serve(context)
    upstream.script(chat() + raw(Close()), chat())
    await fetch(transport, upstream.url)
    await asyncio.to_thread(upstream.wait_open, 0)
    await fetch(transport, upstream.url)
    [connection] = transport._wired
    assert upstream.accepted == 2
    assert connection._tls is not None
    assert connection._tls.resumed


async def test_a_session_is_not_taken_up_for_another_name(authority: Authority, good: Certificate):
    server, context = good.server(), client_context(authority.trusting())
    peer, tls = Peer(server), Tls(context, "upstream.test")
    shake_hands(peer, tls)
    assert tls.session is not None
    other, again = Peer(server), Tls(context, "127.0.0.1", tls.session)
    shake_hands(other, again)
    assert again.ready  # whether resumed or not, the certificate covers this name, too
    with pytest.raises(Unreachable, match="certificate verify failed"):
        shake_hands(Peer(server), Tls(context, "elsewhere.test"))


# Records


class Peer:
    """A server of TLS in memory."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self._in, self._out, server_side=True)

    def shake(self, data: bytes) -> bytes:
        self._in.write(data)
        with suppress(ssl.SSLWantReadError):
            self.object.do_handshake()
        return self._out.read()

    def says(self, data: bytes) -> bytes:
        view = memoryview(data)
        while view:
            view = view[self.object.write(view) :]
        return self._out.read()

    def hears(self, data: bytes) -> bytes:
        self._in.write(data)
        parts = []
        with suppress(ssl.SSLWantReadError):
            while part := self.object.read(65_536):
                parts.append(part)
        return b"".join(parts)

    def leaves(self) -> bytes:
        with suppress(ssl.SSLError):
            self.object.unwrap()
        return self._out.read()


def shake_hands(peer: Peer, tls: Tls) -> None:
    tls.shake()
    while not tls.ready:
        tls.shake(peer.shake(tls.outgoing()))
    assert [*opened(tls, peer.shake(tls.outgoing()))] == []  # tickets


@pytest.fixture
def pair(authority: Authority, good: Certificate) -> tuple[Peer, Tls]:
    """A server and a client that know each other."""
    peer, tls = Peer(good.server()), Tls(client_context(authority.trusting()), "127.0.0.1")
    shake_hands(peer, tls)
    assert tls.ready
    return peer, tls


def test_what_is_sealed_is_opened(pair: tuple[Peer, Tls]):
    peer, tls = pair
    big = bytes(range(256)) * 1_000
    assert peer.hears(tls.seal(big)) == big
    assert b"".join(opened(tls, peer.says(big))) == big
    assert repr(tls) == "<Tls TLSv1.3 [ready]>"


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 40_000), step=st.integers(1, 20_000))
def test_records_may_be_cut_anywhere(authority: Authority, good: Certificate, size: int, step: int):
    peer, tls = Peer(good.server()), Tls(client_context(authority.trusting()), "127.0.0.1")
    shake_hands(peer, tls)
    sealed = peer.says(bytes(size))
    parts = [sealed[start : start + step] for start in range(0, len(sealed), step)]
    assert b"".join(plain for part in parts for plain in opened(tls, part)) == bytes(size)


def test_a_farewell_is_told_from_a_cut(pair: tuple[Peer, Tls]):
    peer, tls = pair
    assert [*opened(tls, peer.says(b"last"))] == [b"last"]
    assert not tls.finished
    assert [*opened(tls, peer.leaves())] == []
    assert tls.finished


def test_what_is_no_record_breaks_it(pair: tuple[Peer, Tls]):
    _, tls = pair
    with pytest.raises(port.Reset, match="TLS"):
        [*opened(tls, b"HTTP/1.1 400 Bad Request\r\n\r\n")]


def test_a_record_that_was_changed_breaks_it(pair: tuple[Peer, Tls]):
    peer, tls = pair
    sealed = bytearray(peer.says(b"money"))
    sealed[-1] ^= 1
    with pytest.raises(port.Reset, match="TLS"):
        [*opened(tls, bytes(sealed))]


def test_our_farewell_is_heard(pair: tuple[Peer, Tls]):
    peer, tls = pair
    assert peer.hears(tls.farewell()) == b""  # a cut would raise


# Connections with TLS, in memory


@pytest.fixture
async def secured(authority: Authority, good: Certificate) -> tuple[Connection, Wire, Peer]:
    """A connection whose handshake is over."""
    peer = Peer(good.server())
    connection, wire = wired(Tls(client_context(authority.trusting()), "127.0.0.1"))
    for _ in range(3):
        sent, wire.sent = bytes(wire.sent), bytearray()
        wire.arrives(peer.shake(sent))
    await made_secure(connection)
    return connection, wire, peer


def ask(connection: Connection) -> Answer:
    answer = Answer()
    connection.ask(answer, b"GET / HTTP/1.1\r\n\r\n", b"", write=1.0)
    return answer


def later() -> float:
    return asyncio.get_running_loop().time() + 5.0


UNTIL_END = b"HTTP/1.1 200 OK\r\n\r\nabc"


async def test_a_request_is_sealed_and_its_answer_opened(secured: tuple[Connection, Wire, Peer]):
    connection, wire, peer = secured
    answer = ask(connection)
    assert peer.hears(bytes(wire.sent)) == b"GET / HTTP/1.1\r\n\r\n"
    wire.arrives(peer.says(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"))
    assert await body_of(connection, answer, later()) == b"a"
    assert connection.rest()


async def test_a_body_until_the_end_is_whole_with_a_farewell(secured: tuple[Connection, Wire, Peer]):
    connection, wire, peer = secured
    answer = ask(connection)
    wire.arrives(peer.says(UNTIL_END) + peer.leaves())
    assert [await body_of(connection, answer, later()) for _ in range(2)] == [b"abc", b""]


async def test_a_body_until_the_end_is_not_whole_without_a_farewell(secured: tuple[Connection, Wire, Peer]):
    connection, wire, peer = secured
    answer = ask(connection)
    wire.arrives(peer.says(UNTIL_END))
    wire.breaks()
    assert await body_of(connection, answer, later()) == b"abc"
    with pytest.raises(Malformed, match="TLS was cut"):
        await body_of(connection, answer, later())


async def test_a_farewell_while_it_rests_ends_it(secured: tuple[Connection, Wire, Peer]):
    connection, wire, peer = secured
    ask(connection)
    wire.arrives(peer.says(b"HTTP/1.1 204 No\r\n\r\n"))
    assert connection.rest()
    wire.arrives(peer.leaves())
    assert connection.closed


async def test_a_farewell_is_said_when_it_rested(secured: tuple[Connection, Wire, Peer]):
    connection, wire, peer = secured
    wire.sent.clear()
    connection.close()
    assert wire.ended == "closed"
    assert peer.hears(bytes(wire.sent)) == b""


async def test_a_broken_record_amid_a_body_is_a_reset(secured: tuple[Connection, Wire, Peer]):
    connection, wire, peer = secured
    answer = ask(connection)
    wire.arrives(peer.says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na"))
    wire.arrives(b"garbage that is no record")
    assert await body_of(connection, answer, later()) == b"a"
    with pytest.raises(port.Reset, match="TLS"):
        await body_of(connection, answer, later())


@pytest.mark.parametrize("error", [None, ConnectionResetError("x")], ids=["closed", "reset"])
async def test_an_end_amid_the_handshake_is_unreachable(authority: Authority, error: Exception | None):
    connection, wire = wired(Tls(client_context(authority.trusting()), "127.0.0.1"))
    asyncio.get_running_loop().call_soon(wire.breaks, error)
    with pytest.raises(Unreachable, match="TLS"):
        await made_secure(connection)
