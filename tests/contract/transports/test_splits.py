"""The network may cut an answer anywhere."""

from __future__ import annotations

import gzip
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgw_middleware.testing.answers import LAST_CHUNK, chunk
from llmgw_middleware.testing.upstream import Pause, Script, ScriptedUpstream, Send
from llmgw_middleware.transport.port import Transport
from tests.contract.transports.calls import fetch

OK = b"HTTP/1.1 200 OK\r\n"
SQUEEZED = gzip.compress(b"abc" * 200)
ANSWERS = {
    "length": (OK + b"x-a: 1\r\ncontent-length: 6\r\n\r\nabcdef", b"abcdef"),
    "chunks": (
        OK + b"transfer-encoding: chunked\r\n\r\n" + chunk(b"abc") + chunk(b"d" * 30) + LAST_CHUNK,
        b"abc" + b"d" * 30,
    ),
    "interim": (b"HTTP/1.1 103 Hi\r\nx: 1\r\n\r\n" * 2 + OK + b"content-length: 1\r\n\r\na", b"a"),
    "gzip": (
        OK + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(SQUEEZED) + LAST_CHUNK,
        b"abc" * 200,
    ),
}


def pieces(wire: bytes, cuts: set[int]) -> Script:
    """The bytes, cut at those places, with a breath between so that they travel apart."""
    edges = sorted({0, len(wire), *(cut % len(wire) for cut in cuts)})
    parts = [Send(wire[start:end]) for start, end in pairwise(edges)]
    return Script(tuple(step for part in parts for step in (part, Pause(0.001))))


@pytest.mark.parametrize(("wire", "body"), ANSWERS.values(), ids=ANSWERS.keys())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(min_value=1, max_value=400), max_size=6))
async def test_an_answer_is_the_same_wherever_it_is_cut(
    transport: Transport, upstream: ScriptedUpstream, wire: bytes, body: bytes, cuts: set[int]
):
    upstream.script(pieces(wire, cuts))
    assert await fetch(transport, upstream.url) == (200, body)


@pytest.mark.parametrize(("wire", "body"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_may_come_byte_by_byte(
    transport: Transport, upstream: ScriptedUpstream, wire: bytes, body: bytes
):
    upstream.script(pieces(wire, set(range(len(wire)))))
    assert await fetch(transport, upstream.url) == (200, body)
    assert upstream.accepted == 1
