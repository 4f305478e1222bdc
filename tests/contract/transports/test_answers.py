from __future__ import annotations

import asyncio
import gzip
import zlib
from contextlib import suppress

import pytest

from llmgw_middleware.testing.upstream import (
    Close,
    Script,
    ScriptedUpstream,
    Wait,
    answer,
    chat,
    raw,
    sse,
    stream,
)
from llmgw_middleware.transport.port import Malformed, Transport
from tests.contract.transports.calls import body_of, fetch, send, soon

OK = b"HTTP/1.1 200 OK\r\n"
BIG = bytes(range(256)) * 20_480  # 5 MiB


async def test_a_json_answer_arrives_with_status_headers_and_body(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.script(answer(201, json={"a": 1}, headers={"X-Request-ID": "r1"}))
    reply = await send(transport, upstream.url)
    assert reply.status == 201
    assert (b"x-request-id", b"r1") in reply.headers
    assert await body_of(reply) == b'{"a": 1}'


async def test_the_call_arrives_as_it_was_said(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(chat())
    await fetch(
        transport,
        upstream.url,
        body=b'{"model":"m"}',
        headers=((b"authorization", b"Bearer s"), (b"x-a", b"1")),
    )
    seen = upstream.requests[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat/completions", b'{"model":"m"}')
    assert seen.header("authorization") == "Bearer s"
    assert seen.header("x-a") == "1"
    assert seen.header("host") == upstream.url.removeprefix("http://")
    assert seen.header("content-length") == "13"


async def test_headers_of_the_connection_are_not_sent(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(chat())
    own = (
        (b"connection", b"x-hop"),
        (b"x-hop", b"1"),
        (b"te", b"trailers"),
        (b"host", b"evil"),
        (b"content-length", b"9"),
    )
    await fetch(transport, upstream.url, headers=own)
    seen = upstream.requests[0]
    assert [seen.header(name) for name in ("x-hop", "te", "content-length")] == [None, None, "2"]
    assert [value for name, value in seen.headers if name == b"host"] == [upstream.url[7:].encode()]


async def test_headers_of_the_connection_are_not_returned(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(
        answer(
            json={}, chunked=True, headers={"Connection": "X-Hop", "X-Hop": "1", "Keep-Alive": "timeout=5"}
        )
    )
    reply = await send(transport, upstream.url)
    await body_of(reply)
    assert reply.headers == ((b"content-type", b"application/json"),)


async def test_repeated_headers_stay_apart_and_in_order(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(answer(json={}, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))
    reply = await send(transport, upstream.url)
    await body_of(reply)
    assert [value for name, value in reply.headers if name == b"set-cookie"] == [b"a=1", b"b=2"]


async def test_cookies_are_not_kept(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(answer(json={}, headers={"Set-Cookie": "a=1; Path=/"}), chat())
    await fetch(transport, upstream.url)
    await fetch(transport, upstream.url)
    assert upstream.requests[1].header("cookie") is None


async def test_a_redirect_is_an_answer_like_any_other(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(answer(302, headers={"Location": "/elsewhere"}, body=""))
    assert await fetch(transport, upstream.url) == (302, b"")
    assert len(upstream.requests) == 1


async def test_connections_are_reused(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(chat(), stream("a"), answer(204, body=""), chat())
    for _ in range(4):
        await fetch(transport, upstream.url)
    assert (len(upstream.requests), upstream.accepted) == (4, 1)


async def test_an_upstream_that_closes_after_its_answer_is_connected_to_anew(
    transport: Transport, upstream: ScriptedUpstream
):
    upstream.script(chat() + raw(Close()), chat())
    await fetch(transport, upstream.url)
    await asyncio.to_thread(upstream.wait_open, 0)
    assert (await fetch(transport, upstream.url))[0] == 200
    assert (len(upstream.requests), upstream.accepted) == (2, 2)


async def test_concurrent_calls_get_their_own_answers(transport: Transport, upstream: ScriptedUpstream):
    upstream.default(lambda seen: answer(body=seen.body))
    bodies = [b"%d" % number for number in range(20)]
    got = await asyncio.gather(*(fetch(transport, upstream.url, body=body) for body in bodies))
    assert [body for _, body in got] == bodies


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_big_bodies_pass_both_ways(transport: Transport, upstream: ScriptedUpstream, chunked: bool):  # noqa: FBT001
    upstream.script(answer(body=BIG, chunked=chunked))
    assert await fetch(transport, upstream.url, body=BIG) == (200, BIG)
    assert upstream.requests[0].body == BIG


async def test_events_arrive_while_the_stream_goes_on(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(
        sse(["one"], done=False, finish=False) + raw(Wait("more")) + raw(b"5\r\nmore\n\r\n0\r\n\r\n")
    )
    reply = await send(transport, upstream.url)
    assert await reply.receive(soon()) == b"data: one\n\n"
    upstream.release("more")
    assert await body_of(reply) == b"more\n"


async def test_a_complete_body_stays_complete(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(answer(body="x"))
    reply = await send(transport, upstream.url)
    assert [await reply.receive(soon()) for _ in range(3)] == [b"x", b"", b""]
    await reply.aclose()
    await reply.aclose()


def gzipped(data: bytes) -> Script:
    return answer(body=data, headers={"Content-Encoding": "gzip"})


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


CODED = {
    "gzip": gzipped(gzip.compress(BIG)),
    "two gzip members": gzipped(gzip.compress(BIG[:100]) + gzip.compress(BIG[100:])),
    "deflate": answer(body=zlib.compress(BIG), headers={"Content-Encoding": "deflate"}),
    "deflate without its header": answer(body=raw_deflate(BIG), headers={"Content-Encoding": "deflate"}),
    "identity": answer(body=BIG, headers={"Content-Encoding": "identity"}),
}


@pytest.mark.parametrize("script", CODED.values(), ids=CODED.keys())
async def test_coded_bodies_arrive_plain(transport: Transport, upstream: ScriptedUpstream, script: Script):
    upstream.script(script)
    reply = await send(transport, upstream.url)
    assert await body_of(reply) == BIG
    lengths = [int(value) for name, value in reply.headers if name == b"content-length"]
    assert lengths in ([], [len(BIG)])
    assert b"content-encoding" not in dict(reply.headers)


async def test_answers_are_asked_for_uncompressed(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(chat())
    await fetch(transport, upstream.url)
    assert upstream.requests[0].header("accept-encoding") == "identity"


UNUSUAL = {
    "an interim answer first": (
        OK.replace(b"200 OK", b"100 Continue") + b"\r\n" + OK + b"content-length: 1\r\n\r\nx",
        b"x",
    ),
    "ten interim answers": (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 10 + OK + b"content-length: 0\r\n\r\n",
        b"",
    ),
    "chunk extensions and trailers": (
        OK + b"transfer-encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nx-t: 1\r\n\r\n",
        b"x",
    ),
    "the same length twice": (OK + b"content-length: 1\r\ncontent-length: 1\r\n\r\nx", b"x"),
    "no reason phrase": (b"HTTP/1.1 200\r\ncontent-length: 1\r\n\r\nx", b"x"),
    "upper-case transfer coding": (OK + b"Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n", b"x"),
    "a head just below the limit": (
        OK + b"x-long: " + b"a" * 65_000 + b"\r\ncontent-length: 1\r\n\r\nx",
        b"x",
    ),
}


@pytest.mark.parametrize(("wire", "body"), UNUSUAL.values(), ids=UNUSUAL.keys())
async def test_what_http_allows_is_understood(
    transport: Transport, upstream: ScriptedUpstream, wire: bytes, body: bytes
):
    upstream.script(raw(wire), chat())
    assert await fetch(transport, upstream.url) == (200, body)
    await fetch(transport, upstream.url)
    assert upstream.accepted == 1


UNTIL_THE_END = {
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nall of it",
    "HTTP/1.1 without any length": OK + b"\r\nall of it",
}


@pytest.mark.parametrize("wire", UNTIL_THE_END.values(), ids=UNTIL_THE_END.keys())
async def test_a_body_may_end_with_its_connection(
    transport: Transport, upstream: ScriptedUpstream, wire: bytes
):
    upstream.script(raw(wire, Close()))
    assert await fetch(transport, upstream.url) == (200, b"all of it")


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_that_have_no_body_end_at_their_head(
    transport: Transport, upstream: ScriptedUpstream, status: int
):
    upstream.script(answer(status, body=""), chat())
    assert await fetch(transport, upstream.url) == (status, b"")
    assert (await fetch(transport, upstream.url))[0] == 200


async def test_the_answer_to_head_has_a_length_and_no_body(transport: Transport, upstream: ScriptedUpstream):
    upstream.script(answer(headers={"Content-Length": "500"}, body=""), chat())
    assert await fetch(transport, upstream.url, method="HEAD", body=b"") == (200, b"")
    assert (await fetch(transport, upstream.url))[0] == 200


async def test_an_answer_may_come_before_the_body_was_sent(transport: Transport, upstream: ScriptedUpstream):
    refusal = answer(413, body="too much", headers={"Connection": "close"})
    upstream.script(Script(refusal.actions, early=True))
    assert await fetch(transport, upstream.url, body=BIG) == (413, b"too much")


SMUGGLED = OK + b"content-length: 5\r\n\r\nstole"
BEHIND = {
    "a length": OK + b"content-length: 1\r\n\r\nx",
    "chunks": OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("first", BEHIND.values(), ids=BEHIND.keys())
async def test_bytes_behind_an_answer_are_not_taken_for_the_next(
    transport: Transport, upstream: ScriptedUpstream, first: bytes
):
    upstream.script(raw(first + SMUGGLED), answer(body="right"))
    with suppress(Malformed):  # a transport may find out in time to refuse the answer itself
        assert await fetch(transport, upstream.url) == (200, b"x")
    assert await fetch(transport, upstream.url) == (200, b"right")
    assert upstream.accepted == 2


async def test_bytes_that_come_while_a_connection_rests_are_not_taken_for_the_next_answer(
    transport: Transport, upstream: ScriptedUpstream
):
    first = BEHIND["a length"]
    upstream.script(raw(first, Wait("later"), SMUGGLED), answer(body="right"))
    assert await fetch(transport, upstream.url) == (200, b"x")
    upstream.release("later")
    await asyncio.to_thread(upstream.wait_sent, len(first + SMUGGLED))
    assert await fetch(transport, upstream.url) == (200, b"right")
    assert upstream.accepted == 2
