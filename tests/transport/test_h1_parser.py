"""Answers read without a socket: the corpus whole, cut anywhere, and beside another parser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgw_middleware.transport.h1_parser import Answer, without_repeated_length
from llmgw_middleware.transport.port import Malformed, Reset, TransportError
from tests.transport.h1_corpus import BODIES, CHUNKED, EARLY, EMPTY, GOOD, HEADS, LAST, OK, Bad, Good

SHORT = 2_000
"""Bytes of an answer that is cut at each of its places."""


def outcome(parts: Iterable[bytes], *, head: bool = False) -> Good | Bad:
    """What the parser makes of an answer that comes in these parts, and then ends."""
    answer = Answer(bodiless=head)
    try:
        feed_all(answer, parts)
        answer.end()
    except TransportError as fault:
        return Bad(fault=type(fault), body=answer.take(), status=answer.status)
    assert answer.complete
    return Good(body=answer.take(), status=answer.status, keep=answer.keep, surplus=answer.surplus, head=head)


def feed_all(answer: Answer, parts: Iterable[bytes]) -> None:
    for part in parts:
        answer.feed(part)


def asks_head(expected: Good | Bad) -> bool:
    return isinstance(expected, Good) and expected.head


def cut_at(wire: bytes, places: Iterable[int]) -> Iterator[bytes]:
    edges = sorted({0, len(wire), *places})
    return (wire[start:end] for start, end in pairwise(edges))


CORPUS: dict[str, tuple[bytes, Good | Bad]] = {**GOOD, **HEADS, **BODIES}
corpus = pytest.mark.parametrize(("wire", "expected"), CORPUS.values(), ids=CORPUS.keys())


def test_no_name_of_the_corpus_hides_another():
    assert len(CORPUS) == len(GOOD) + len(HEADS) + len(BODIES)


@corpus
def test_an_answer_is_what_it_is(wire: bytes, expected: Good | Bad):
    assert outcome([wire], head=asks_head(expected)) == expected


@corpus
def test_an_answer_is_the_same_cut_at_any_one_place(wire: bytes, expected: Good | Bad):
    places = range(1, len(wire)) if len(wire) < SHORT else range(1, len(wire), 997)
    for place in places:
        assert outcome([wire[:place], wire[place:]], head=asks_head(expected)) == expected


@corpus
def test_an_answer_is_the_same_byte_by_byte(wire: bytes, expected: Good | Bad):
    step = 1 if len(wire) < SHORT else 61
    assert outcome(cut_at(wire, range(0, len(wire), step)), head=asks_head(expected)) == expected


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(CORPUS)), data=st.data())
def test_an_answer_is_the_same_wherever_it_is_cut(name: str, data: st.DataObject):
    wire, expected = CORPUS[name]
    places = data.draw(st.sets(st.integers(0, len(wire)), max_size=8))
    assert outcome(cut_at(wire, places), head=asks_head(expected)) == expected


@corpus
def test_an_answer_may_come_in_a_view_of_a_buffer(wire: bytes, expected: Good | Bad):
    assert outcome([memoryview(bytearray(wire))], head=asks_head(expected)) == expected  # type: ignore[list-item]


def test_nothing_of_a_shared_buffer_is_kept():
    buffer = bytearray(CHUNKED + b"3\r\nabc\r\n")
    answer = Answer()
    answer.feed(memoryview(buffer))
    buffer[:] = b"x" * len(buffer)
    assert (answer.take(), answer.headers) == (b"abc", [(b"transfer-encoding", b"chunked")])


# What comes when


def test_headers_keep_order_and_repeats_and_lose_case():
    answer = Answer()
    answer.feed(OK + b"X-B: 1\r\nx-a:  2 \r\nX-B: 3\r\nx-c:\r\nx-d: \xff\r\n" + EMPTY)
    assert answer.headers[:-1] == [
        (b"x-b", b"1"),
        (b"x-a", b"2"),
        (b"x-b", b"3"),
        (b"x-c", b""),
        (b"x-d", b"\xff"),
    ]


def test_headers_of_interim_answers_and_trailers_are_not_the_answers():
    answer = Answer()
    answer.feed(EARLY + CHUNKED + b"0\r\nx-t: 1\r\n\r\n")
    assert answer.headers == [(b"transfer-encoding", b"chunked")]


def test_the_status_is_there_with_the_last_byte_of_the_head():
    answer = Answer()
    answer.feed(EARLY + OK + b"content-length: 1\r\n\r")
    assert (answer.status, answer.received) == (0, True)
    answer.feed(b"\n")
    assert (answer.status, answer.complete, answer.buffered) == (200, False, 0)


def test_a_body_is_taken_as_it_comes():
    answer = Answer()
    came = b"3\r\nabc\r\n2\r\nd"
    answer.feed(CHUNKED + came)
    assert (answer.buffered, answer.take(), answer.buffered) == (len(came), b"abcd", 0)
    answer.feed(b"e\r\n" + LAST)
    assert (answer.take(), answer.complete, answer.take()) == (b"e", True, b"")


def test_an_answer_is_complete_with_its_last_byte_and_not_before():
    wire = CHUNKED + b"1\r\na\r\n" + LAST
    answer = Answer()
    answer.feed(wire[:-1])
    assert not answer.complete
    answer.feed(wire[-1:])
    assert answer.complete


def test_what_came_before_a_breach_may_still_be_taken():
    answer = Answer()
    with pytest.raises(Malformed, match="chunks"):
        answer.feed(CHUNKED + b"3\r\nabc\r\nxyz\r\n")
    assert answer.take() == b"abc"


def test_a_body_that_ends_with_its_connection_is_whole_only_if_tls_said_so():
    answer = Answer()
    answer.feed(OK + b"\r\nabc")
    with pytest.raises(Malformed, match="TLS was cut"):
        answer.end(clean=False)


def test_a_body_with_a_length_needs_no_farewell_of_tls():
    answer = Answer()
    answer.feed(OK + b"content-length: 1\r\n\r\na")
    answer.end(clean=False)
    assert answer.complete


def test_an_end_before_any_byte_is_told_from_one_after_it():
    answer = Answer()
    with pytest.raises(Reset):
        answer.end()
    assert not answer.received


@pytest.mark.parametrize("filler", [b"x: y\r\n", b"x-" + b"y" * 50 + b": z\r\n"], ids=["short", "long"])
def test_trailers_that_come_in_parts_without_end_are_given_up(filler: bytes):
    answer = Answer()
    answer.feed(CHUNKED + b"0\r\n")
    with pytest.raises(Malformed, match="without end"):
        feed_all(answer, [filler] * (70_000 // len(filler)))


def test_a_chunk_extension_without_end_is_given_up():
    answer = Answer()
    answer.feed(CHUNKED + b"3;a=")
    with pytest.raises(Malformed, match="without end"):
        feed_all(answer, [b"b" * 1_000] * 70)


def test_many_small_chunks_are_no_flood():
    answer = Answer()
    answer.feed(CHUNKED)
    for _ in range(20_000):
        answer.feed(b"1;x=yyyyyyyy\r\na\r\n")
    answer.feed(LAST)
    assert (answer.complete, len(answer.take())) == (True, 20_000)


def test_a_head_of_exactly_the_limit_is_read():
    filler = 64 * 1024 - len(OK + b"x: \r\n" + EMPTY)
    assert outcome([OK + b"x: " + b"y" * filler + b"\r\n" + EMPTY]) == Good()
    assert outcome([OK + b"x: " + b"y" * (filler + 1) + b"\r\n" + EMPTY]) == Bad()


def test_it_says_where_it_is():
    answer = Answer()
    assert repr(answer) == "<Answer - [next: head, buffered: 0]>"
    answer.feed(CHUNKED + b"3\r\nabc\r\n")
    assert repr(answer) == "<Answer 200 [next: chunks, buffered: 8]>"


def test_only_lengths_that_say_the_same_become_one():
    head = OK + b"content-length: 1\r\nX: y\r\nCONTENT-LENGTH:  1 \r\n\r\n"
    assert without_repeated_length(head) == OK + b"content-length: 1\r\nX: y\r\n\r\n"
    other = OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n"
    assert without_repeated_length(other) == other


# Beside h11

TOKENS = st.text("abcXYZ019-_!#", min_size=1, max_size=8).map(str.encode)
VALUES = st.text("abc ,;=\t\"'/\xe4", max_size=20).map(lambda text: text.strip(" \t").encode("latin-1"))
RESERVED = {b"content-length", b"transfer-encoding", b"connection"}
BYTES = st.binary(max_size=40)


@st.composite
def framed(draw: Any) -> tuple[bytes, bytes]:
    """The framing headers of an answer, and its body as they say."""
    body = draw(BYTES)
    match draw(st.sampled_from(["length", "chunks", "end"])):
        case "length":
            return b"Content-Length: %d\r\n" % len(body), body
        case "chunks":
            chunks = [chunk for chunk in draw(st.lists(BYTES, max_size=4)) if chunk]
            extension = draw(st.sampled_from([b"", b";a=b"]))
            wire = b"".join(b"%x%b\r\n%b\r\n" % (len(each), extension, each) for each in chunks)
            trailer = draw(st.sampled_from([b"", b"X-T: 1\r\n"]))
            return b"Transfer-Encoding: chunked\r\n", wire + b"0\r\n" + trailer + b"\r\n"
        case _:
            return b"", body


@st.composite
def answers(draw: Any) -> bytes:
    """Answers as HTTP has them."""
    status = draw(st.sampled_from([200, 201, 204, 304, 400, 429, 500, 599]))
    headers = draw(st.lists(st.tuples(TOKENS, VALUES), max_size=5))
    lines = b"".join(b"%b: %b\r\n" % line for line in headers if line[0].lower() not in RESERVED)
    framing, body = draw(framed())
    if status in (204, 304):
        framing, body = b"", b""
    interim = EARLY * draw(st.integers(0, 3))
    wire: bytes = interim + b"HTTP/1.1 %d Reason\r\n" % status + lines + framing + b"\r\n" + body
    return wire


@st.composite
def damaged(draw: Any) -> bytes:
    """Answers of the corpus or generated, with a few bytes changed, put in, left out or put twice."""
    short = sorted(name for name, (wire, _) in CORPUS.items() if 0 < len(wire) < SHORT)
    wire = bytearray(draw(st.one_of(answers(), st.sampled_from(short).map(lambda name: CORPUS[name][0]))))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(wire)))
        noise = draw(
            st.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b" ", b":", b"0", b"1", b",", b"\xff", b"a"])
        )
        width = draw(st.integers(0, 2))
        wire[place : place + width] = noise if draw(st.booleans()) else b""
    return bytes(wire)


def as_h11_reads(wire: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes, bool] | None:
    """Status, headers, body, and whether more came; None for what h11 does not take for a whole answer."""
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=64 * 1024)
    peer.send(h11.Request(method="GET", target="/", headers=[("Host", "h")]))
    peer.send(h11.EndOfMessage())
    status, headers, body, ended = 0, [], b"", False
    peer.receive_data(wire)
    try:
        while True:
            event = peer.next_event()
            match event:
                case h11.Response():
                    status, headers = event.status_code, [(name, value) for name, value in event.headers]
                case h11.Data():
                    body += event.data
                case h11.EndOfMessage():
                    return status, headers, body, bool(peer.trailing_data[0])
                case h11.NEED_DATA if not ended:
                    ended = True
                    peer.receive_data(b"")
                case h11.InformationalResponse():
                    pass
                case _:
                    return None
    except h11.RemoteProtocolError:
        return None


def as_read_here(wire: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes, bool] | None:
    answer = Answer()
    try:
        answer.feed(wire)
        answer.end()
    except TransportError:
        return None
    return answer.status, answer.headers, answer.take(), answer.surplus


def without_framing(read: tuple[int, list[tuple[bytes, bytes]], bytes, bool]) -> tuple[Any, ...]:
    """As read, but for how h11 writes a length that was said twice."""
    status, headers, body, more = read
    return status, [line for line in headers if line[0] != b"content-length"], body, more


@settings(max_examples=400, deadline=None)
@given(wire=answers())
def test_what_http_allows_is_read_as_h11_reads_it(wire: bytes):
    here = as_read_here(wire)
    assert here is not None
    assert here == as_h11_reads(wire)


@settings(max_examples=1000, deadline=None)
@given(wire=damaged())
def test_nothing_is_taken_for_whole_that_h11_reads_otherwise(wire: bytes):
    here = as_read_here(wire)
    if here is not None:
        there = as_h11_reads(wire)
        assert there is not None, "h11 refuses it"
        assert without_framing(here) == without_framing(there)


@pytest.mark.parametrize("name", sorted(name for name, (_, good) in GOOD.items() if not good.head))
def test_the_good_part_of_the_corpus_is_read_as_h11_reads_it(name: str):
    here, there = as_read_here(GOOD[name][0]), as_h11_reads(GOOD[name][0])
    assert here is not None
    assert there is not None
    assert without_framing(here) == without_framing(there)
