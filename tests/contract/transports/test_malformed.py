"""Answers that are not HTTP, and bodies that are not whole."""

from __future__ import annotations

import gzip

import pytest

from llmgw_middleware.testing.upstream import Close, ScriptedUpstream, chat, raw
from llmgw_middleware.transport.port import Malformed, Transport
from tests.contract.transports.calls import body_of, fetch, rest_of, send, soon

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"
SQUEEZED = gzip.compress(b"squeezed" * 99)

HEADS = {
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "a strange version": b"HTTP/3.7 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a header without a colon": OK + b"content-length\r\n\r\n",
    "a space before the colon": OK + b"content-length : 0\r\n\r\n",
    "a header without a name": OK + b": 0\r\ncontent-length: 0\r\n\r\n",
    "NUL in a header": OK + b"x-a: b\0c\r\ncontent-length: 0\r\n\r\n",
    "a bare CR in a header": OK + b"x-a: b\rc\r\ncontent-length: 0\r\n\r\n",
    "a length and chunks": OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "two lengths": OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx",
    "two lengths in one line": OK + b"content-length: 1, 2\r\n\r\nxx",
    "a negative length": OK + b"content-length: -1\r\n\r\n",
    "a length with a sign": OK + b"content-length: +1\r\n\r\nx",
    "a length in hexadecimal": OK + b"content-length: 0x1\r\n\r\nx",
    "an unknown transfer coding": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a head without an end": OK + b"x-a: " + b"a" * 70_000,
    "a head that is too long": OK + b"x-a: " + b"a" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n",
    "too many headers": OK + b"x-a: 12345678\r\n" * 5_000 + b"content-length: 0\r\n\r\n",
    "eleven interim answers": EARLY_HINTS * 11 + OK + b"content-length: 0\r\n\r\n",
    "interim answers without end": EARLY_HINTS * 5_000,
    "an upgrade nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "an unknown content coding": OK + b"content-encoding: br\r\ncontent-length: 1\r\n\r\nx",
    "two content codings": OK + b"content-encoding: gzip, gzip\r\ncontent-length: 1\r\n\r\nx",
}  # fmt: skip

BODIES = {
    "fewer bytes than the length": OK + b"content-length: 9\r\n\r\nbody",
    "no byte of the length": OK + b"content-length: 9\r\n\r\n",
    "chunks without an end": CHUNKED + b"4\r\nbody\r\n",
    "a chunk that is cut": CHUNKED + b"9\r\nbody",
    "an end without its blank line": CHUNKED + b"4\r\nbody\r\n0\r\n",
    "a chunk size of letters": CHUNKED + b"xyz\r\nbody\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-4\r\nbody\r\n0\r\n\r\n",
    "an endless chunk size": CHUNKED + b"f" * 40 + b"\r\nbody",
    "a chunk longer than its size": CHUNKED + b"2\r\nbody\r\n0\r\n\r\n",
    "a trailer that is no header": CHUNKED + b"4\r\nbody\r\n0\r\nno colon\r\n\r\n",
    "no gzip": OK + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nbody",
    "gzip that is cut": OK + b"content-encoding: gzip\r\ncontent-length: 20\r\n\r\n" + SQUEEZED[:20],
    "bytes behind gzip": OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (len(SQUEEZED) + 4) + SQUEEZED + b"body",
}  # fmt: skip


@pytest.mark.parametrize("wire", HEADS.values(), ids=HEADS.keys())
async def test_a_malformed_head_is_no_answer(transport: Transport, upstream: ScriptedUpstream, wire: bytes):
    upstream.script(raw(wire))
    with pytest.raises(Malformed):
        await send(transport, upstream.url)


@pytest.mark.parametrize("wire", HEADS.values(), ids=HEADS.keys())
async def test_a_connection_with_a_malformed_head_is_not_used_again(
    transport: Transport, upstream: ScriptedUpstream, wire: bytes
):
    upstream.script(raw(wire), chat())
    with pytest.raises(Malformed):
        await send(transport, upstream.url)
    assert (await fetch(transport, upstream.url))[0] == 200
    assert upstream.accepted == 2


@pytest.mark.parametrize("wire", BODIES.values(), ids=BODIES.keys())
async def test_a_malformed_body_does_not_end_well(
    transport: Transport, upstream: ScriptedUpstream, wire: bytes
):
    upstream.script(raw(wire, Close()))
    reply = await send(transport, upstream.url)
    with pytest.raises(Malformed):
        await body_of(reply)


@pytest.mark.parametrize("wire", BODIES.values(), ids=BODIES.keys())
async def test_a_malformed_body_stays_malformed(
    transport: Transport, upstream: ScriptedUpstream, wire: bytes
):
    upstream.script(raw(wire, Close()))
    reply = await send(transport, upstream.url)
    with pytest.raises(Malformed):
        await rest_of(reply)
    with pytest.raises(Malformed):
        await reply.receive(soon())
    await reply.aclose()


async def test_what_came_before_the_break_is_delivered(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(raw(CHUNKED + b"4\r\nbody\r\n", Close()))
    reply = await send(transport, upstream.url)
    assert await reply.receive(soon()) == b"body"
    with pytest.raises(Malformed):
        await reply.receive(soon())
    await reply.aclose()


async def test_a_small_body_that_unfolds_to_a_large_one_comes_in_pieces(
    transport: Transport, upstream: ScriptedUpstream
):
    bomb = gzip.compress(bytes(20_000_000))
    upstream.script(raw(OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb))
    reply = await send(transport, upstream.url)
    assert 0 < len(await reply.receive(soon())) <= 64 * 1024
    await reply.aclose()
