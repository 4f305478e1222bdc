"""Requests as bytes."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.h1_request import (
    MAX_KNOWN,
    Origin,
    RequestWriter,
    origin_of,
    split_url,
    target_of,
)
from llmgw_middleware.transport.port import Call

IDENTITY = b"accept-encoding: identity\r\n"


def written(*headers: Header, method: str = "POST", body: bytes = b"", target: bytes = b"/") -> bytes:
    call = Call(method=method, url="http://h/", headers=headers, body=body)
    return RequestWriter().head(call, b"h", target)


# Heads


def test_a_head_is_request_line_host_headers_and_length():
    head = written((b"x-a", b"1"), (b"x-b", b""), body=b"abc", target=b"/v1?a=b")
    assert head == (
        b"POST /v1?a=b HTTP/1.1\r\nhost: h\r\nx-a: 1\r\nx-b: \r\n" + IDENTITY + b"content-length: 3\r\n\r\n"
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_methods_with_a_body_say_that_it_is_empty(method: str):
    assert b"content-length: 0\r\n" in written(method=method)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_methods_without_a_body_say_no_length(method: str):
    assert b"content-length" not in written(method=method)


def test_the_coding_that_a_call_asks_for_is_left():
    head = written((b"accept-encoding", b"gzip"))
    assert head.count(b"accept-encoding") == 1
    assert b"accept-encoding: gzip\r\n" in head


OF_THE_CONNECTION = [
    ((b"connection", b"x-hop"), (b"x-hop", b"1")),
    ((b"transfer-encoding", b"chunked"),),
    ((b"content-length", b"99"),),
    ((b"host", b"evil"),),
    ((b"expect", b"100-continue"),),
    ((b"upgrade", b"h2c"),),
    ((b"te", b"trailers"), (b"trailer", b"x"), (b"keep-alive", b"1"), (b"proxy-authorization", b"s")),
]


@pytest.mark.parametrize("headers", OF_THE_CONNECTION, ids=lambda lines: lines[0][0].decode())
def test_headers_of_the_connection_are_not_written(headers: tuple[Header, ...]):
    writer = RequestWriter()
    call = Call(method="POST", url="http://h/", headers=((b"x-a", b"1"), *headers))
    for _ in range(2):  # names are remembered: once more to see that these are not
        assert writer.head(call, b"h", b"/") == written((b"x-a", b"1"))


def test_names_in_capitals_become_small():
    assert b"\r\nx-a: V\r\n" in written((b"X-A", b"V"))


BREAKS = {
    "a line break": b"1\r\nx-b: 2",
    "LF": b"1\nx-b: 2",
    "CR": b"1\rx-b: 2",
    "LF and CR": b"\n\r",
    "NUL": b"1\0",
    "a control character": b"1\x07",
    "delete": b"1\x7f",
}


@pytest.mark.parametrize("value", BREAKS.values(), ids=BREAKS.keys())
def test_a_value_that_breaks_out_of_its_line_is_refused(value: bytes):
    with pytest.raises(ValueError, match="cannot carry"):
        written((b"x-a", value))


@pytest.mark.parametrize(
    "value", [b"a\tb", b"\xc3\xa4\xff", b"a: b, c"], ids=["a tab", "high bytes", "a colon"]
)
def test_what_a_value_may_hold_is_written(value: bytes):
    assert b"x-a: " + value + b"\r\n" in written((b"x-a", value))


@pytest.mark.parametrize("name", [b"", b"x a", b"x:a", b"x\r\n", b"x\0", b"\xe4", b"(x)"])
def test_a_name_that_is_none_is_refused(name: bytes):
    writer = RequestWriter()
    call = Call(method="POST", url="http://h/", headers=((name, b"1"),))
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot carry"):
            writer.head(call, b"h", b"/")


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "CONNECT", "GÊT"])
def test_a_method_that_is_none_or_makes_a_tunnel_is_refused(method: str):
    with pytest.raises(ValueError, match="cannot carry"):
        written(method=method)


def test_ever_new_names_are_not_remembered_for_ever():
    writer = RequestWriter()
    for number in range(3 * MAX_KNOWN):
        call = Call(method=f"M{number}", url="http://h/", headers=((b"x-%d" % number, b"secret"),))
        assert b"x-%d: secret" % number in writer.head(call, b"h", b"/")
    assert len(writer._names) <= MAX_KNOWN
    assert len(writer._methods) <= MAX_KNOWN
    assert "secret" not in repr(writer)


NAMES = st.from_regex(rb"x-[a-z0-9]{1,8}", fullmatch=True)
VALUES = st.text("abc ,;=\"'/\xe4", max_size=20).map(lambda text: text.strip().encode("latin-1"))


@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=6), body=st.binary(max_size=50))
def test_a_request_is_read_as_it_was_said(headers: list[Header], body: bytes):
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(written(*headers, body=body) + body)
    request = peer.next_event()
    assert isinstance(request, h11.Request)
    assert [line for line in request.headers if line[0].startswith(b"x-")] == headers
    if body:
        data = peer.next_event()
        assert isinstance(data, h11.Data)
        assert data.data == body
    assert isinstance(peer.next_event(), h11.EndOfMessage)


@given(value=st.binary(max_size=12))
def test_no_value_makes_a_second_line(value: bytes):
    try:
        head = written((b"x-a", value))
    except ValueError:
        return
    assert head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r") == 6


# Where to

ORIGINS = {
    "http://h": (Origin("http", "h", 80), b"h"),
    "http://h:80": (Origin("http", "h", 80), b"h"),
    "https://h": (Origin("https", "h", 443), b"h"),
    "https://h:80": (Origin("https", "h", 80), b"h:80"),
    "HTTPS://Host.Example:8443": (Origin("https", "host.example", 8443), b"host.example:8443"),
    "http://[::1]:8000": (Origin("http", "::1", 8000), b"[::1]:8000"),
    "http://user:secret@h": (Origin("http", "h", 80), b"h"),
    "http://bücher.example": (Origin("http", "xn--bcher-kva.example", 80), b"xn--bcher-kva.example"),
}


@pytest.mark.parametrize("text", ORIGINS)
def test_an_origin_is_read(text: str):
    origin, authority = ORIGINS[text]
    assert (origin_of(text), origin_of(text).authority) == (origin, authority)
    assert origin_of(str(origin)) == origin


NO_ORIGINS = [
    "",
    "h",
    "ftp://h",
    "http://",
    "http://:80",
    "http://h:nine",
    "http://h:99999",
    "http://h h",
    "http://h\n",
    "http://h?a",
    "http://h#a",
    "http://h\\@evil",
    "http://[::1",
]


@pytest.mark.parametrize("text", NO_ORIGINS)
def test_what_is_no_origin_is_refused(text: str):
    with pytest.raises(ValueError, match="cannot carry"):
        origin_of(text)


URLS = {
    "http://h": ("http://h", "/"),
    "http://h/": ("http://h", "/"),
    "https://h:1/a/b?c=/d": ("https://h:1", "/a/b?c=/d"),
    "http://h?a=/b": ("http://h?a=", "/b"),  # no origin, as is found then
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_cut_behind_its_origin(url: str):
    assert split_url(url) == URLS[url]


TARGETS = {
    "/a%20b?c=%2F&d=e": b"/a%20b?c=%2F&d=e",
    "/a b": b"/a%20b",
    "/ä?ö": b"/%C3%A4?%C3%B6",
    "/a#b": b"/a",
    "/a:b@c!$&'()*+,;=~": b"/a:b@c!$&'()*+,;=~",
}


@pytest.mark.parametrize("text", TARGETS)
def test_path_and_query_are_written_as_they_are_but_for_what_no_line_can_hold(text: str):
    assert target_of(text) == TARGETS[text]


@pytest.mark.parametrize("letter", ["\n", "\r", "\0", "\x7f", "\t"])
def test_a_control_character_in_a_path_is_refused(letter: str):
    with pytest.raises(ValueError, match="control character"):
        target_of(f"/a{letter}b")


@given(text=st.text(max_size=20))
def test_no_path_makes_a_second_line(text: str):
    try:
        target = target_of("/" + text)
    except ValueError:
        return
    assert target.isascii()
    assert not any(byte <= 32 or byte == 127 for byte in target)


def test_paths_that_differ_stay_different():
    targets = [target_of(text) for text in ("/a%2Fb", "/a/b", "/a%2fb", "/a//b")]
    assert all(one != other for one, other in pairwise(targets))
