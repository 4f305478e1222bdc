from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.sse import EventTooLong, Splitter, read_event
from tests.dialect.events import cut

LINES = st.lists(
    st.sampled_from([b"data: a", b"data:b", b": hi", b"event: x", b"\r", b"\n", b"\r\n", b"\n\n"])
)
CUTS = st.lists(st.integers(0, 400), max_size=12)


def split(*parts: bytes, limit: int = 1000) -> tuple[list[bytes], bytes]:
    splitter = Splitter(limit)
    events = [event for part in parts for event in splitter.feed(part)]
    return events, splitter.close()


def feed_in_pieces(data: bytes, size: int, events: list[bytes]) -> None:
    splitter = Splitter(limit=40)
    for start in range(0, len(data), size):
        events += splitter.feed(data[start : start + size])


@given(LINES.map(b"".join), CUTS)
def test_events_are_the_same_however_the_bytes_were_split(data, places):
    assert split(*cut(data, places)) == split(data)


@given(LINES.map(b"".join), CUTS)
def test_what_comes_out_joined_is_what_went_in(data, places):
    events, rest = split(*cut(data, places))
    assert b"".join(events) + rest == data


@given(st.binary(max_size=200), CUTS)
def test_any_bytes_survive(data, places):
    events, rest = split(*cut(data, places))
    assert b"".join(events) + rest == data


@pytest.mark.parametrize(
    ("data", "events"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"data: a\n\n", b"data: b\n\n"], id="lf"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a\r\n\r\n", b"data: b\r\n\r\n"], id="crlf"),
        pytest.param(b"data: a\r\rdata: b\r\r", [b"data: a\r\r", b"data: b\r\r"], id="cr"),
        pytest.param(b"data: a\n\r\ndata: b\r\n\n", [b"data: a\n\r\n", b"data: b\r\n\n"], id="mixed"),
        pytest.param(b"data: a\n\rdata: b\n\n", [b"data: a\n\r", b"data: b\n\n"], id="lf-then-cr"),
        pytest.param(b": ping\n\ndata: a\n\n", [b": ping\n\n", b"data: a\n\n"], id="comment"),
        pytest.param(b"data: a\n\n\ndata: b\n\n", [b"data: a\n\n", b"\ndata: b\n\n"], id="extra-blank-line"),
        pytest.param(
            "data: a\u2028\u0085\x1cb\n\n".encode(), ["data: a\u2028\u0085\x1cb\n\n".encode()], id="text"
        ),
    ],
)
def test_an_event_ends_with_a_blank_line(data, events):
    assert split(data) == (events, b"")
    assert split(*(bytes([byte]) for byte in data)) == (events, b"")


def test_a_crlf_event_is_not_given_before_its_last_line_feed():
    splitter = Splitter()
    assert splitter.feed(b"data: a\r\n\r") == []
    assert splitter.feed(b"\n") == [b"data: a\r\n\r\n"]


def test_an_event_of_carriage_returns_is_given_at_once():
    assert Splitter().feed(b"data: a\r\r") == [b"data: a\r\r"]


def test_the_last_event_without_its_blank_line_is_what_is_left():
    assert split(b"data: a\n\ndata: b\n") == ([b"data: a\n\n"], b"data: b\n")


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_an_event_over_the_limit_is_refused_and_the_ones_before_are_kept(size):
    data = b"data: a\n\n" + b"data: " + b"x" * 50 + b"\n\n" + b"data: c\n\n"
    events: list[bytes] = []
    with pytest.raises(EventTooLong, match="longer than 40 bytes") as caught:
        feed_in_pieces(data, size, events)
    assert [*events, *caught.value.events] == [b"data: a\n\n"]


def test_an_event_that_never_ends_is_refused_before_it_fills_the_memory():
    with pytest.raises(EventTooLong):
        feed_in_pieces(b"x" * 41, 1, [])


def test_an_event_of_exactly_the_limit_passes():
    data = b"data: " + b"x" * 32 + b"\n\n"
    assert split(data, limit=40) == ([data], b"")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(b"data: a\n\n", (b"", b"a"), id="plain"),
        pytest.param(b"data:a\n\n", (b"", b"a"), id="no-space"),
        pytest.param(b"data:  a\n\n", (b"", b" a"), id="only-one-space-goes"),
        pytest.param(b"data: a\ndata: b\n\n", (b"", b"a\nb"), id="two-lines"),
        pytest.param(b"event: error\ndata: a\r\n\r\n", (b"error", b"a"), id="named"),
        pytest.param(b"data\n\n", (b"", b""), id="field-without-colon"),
        pytest.param(b": comment\n\n", (b"", None), id="comment"),
        pytest.param(b"id: 1\nretry: 5\n\n", (b"", None), id="other-fields"),
        pytest.param(b" data: a\n\n", (b"", None), id="a-leading-space-makes-another-field"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", (b"", b"a"), id="byte-order-mark"),
        pytest.param("data: a\u2028b\n\n".encode(), (b"", "a\u2028b".encode()), id="line-separator-is-text"),
        pytest.param(b"\n\ndata: a\n\n", (b"", b"a"), id="blank-lines-before"),
    ],
)
def test_what_an_event_says(event, expected):
    assert read_event(event) == expected


def test_the_repr_tells_how_much_waits():
    splitter = Splitter()
    splitter.feed(b"data: a\n\ndata")
    assert repr(splitter) == "<Splitter 4 bytes of an unfinished event>"
