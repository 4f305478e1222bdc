"""Answers as bytes, and what is to be made of them."""

from __future__ import annotations

from dataclasses import dataclass

from llmgw_middleware.transport.port import Malformed, Reset, TransportError

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"content-length: 0\r\n\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
LAST = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """An answer that is whole. ``keep``: another may come on its connection."""

    body: bytes = b""
    status: int = 200
    keep: bool = True
    surplus: bool = False
    head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """An answer that is not. ``body``: what of it is passed on before that is found out."""

    fault: type[TransportError] = Malformed
    body: bytes = b""
    status: int = 0


AMBIGUOUS = Bad()
CUT = Bad(fault=Reset)


def cut(body: bytes = b"") -> Bad:
    return Bad(body=body, status=200)


GOOD: dict[str, tuple[bytes, Good]] = {
    "a length": (OK + b"content-length: 3\r\n\r\nabc", Good(body=b"abc")),
    "a length of zero": (OK + EMPTY, Good()),
    "a length with leading zeros": (OK + b"content-length: 003\r\n\r\nabc", Good(body=b"abc")),
    "a length said twice": (OK + b"content-length: 1\r\nx: y\r\nContent-Length:1\r\n\r\na", Good(body=b"a")),
    "a length said thrice": (OK + b"content-length: 1\r\n" * 3 + b"\r\na", Good(body=b"a")),
    "chunks": (CHUNKED + b"1\r\na\r\n2\r\nbc\r\n" + LAST, Good(body=b"abc")),
    "no chunk but the last": (CHUNKED + LAST, Good()),
    "chunk sizes in hexadecimal of both cases": (
        CHUNKED + b"a\r\n0123456789\r\nA\r\n0123456789\r\n" + LAST,
        Good(body=b"0123456789" * 2),
    ),
    "chunk sizes with leading zeros": (CHUNKED + b"0001\r\na\r\n000\r\n\r\n", Good(body=b"a")),
    "chunk extensions": (CHUNKED + b'1;a=b;c="d e"\r\na\r\n0;e\r\n\r\n', Good(body=b"a")),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\nx-t: 1\r\nx-u: 2\r\n\r\n", Good(body=b"a")),
    "a chunk that looks like an end": (CHUNKED + b"5\r\n0\r\n\r\n\r\n" + LAST, Good(body=b"0\r\n\r\n")),
    "until the end": (OK + b"\r\nabc", Good(body=b"abc", keep=False)),
    "nothing until the end": (OK + b"\r\n", Good(keep=False)),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nabc", Good(body=b"abc", keep=False)),
    "HTTP/1.0 with a length": (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", Good(body=b"a", keep=False)),
    "HTTP/1.0 that keeps": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na",
        Good(body=b"a"),
    ),
    "close": (OK + b"connection: close\r\n" + EMPTY, Good(keep=False)),
    "close among others": (OK + b"Connection: Keep-Alive, CLOSE\r\n" + EMPTY, Good(keep=False)),
    "close, and white space": (OK + b"Connection: \t close \t\r\n" + EMPTY, Good(keep=False)),
    "a length, and white space": (OK + b"content-length: \t 1 \t\r\n\r\na", Good(body=b"a")),
    "chunked, and white space": (OK + b"transfer-encoding: \t chunked  \r\n\r\n" + LAST, Good()),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", Good(status=204)),
    "no content, and a length of it": (
        b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
        Good(status=204),
    ),
    "not modified, and its length": (
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        Good(status=304),
    ),
    "the answer to HEAD": (OK + b"content-length: 5\r\n\r\n", Good(head=True)),
    "the answer to HEAD, in chunks": (CHUNKED, Good(head=True)),
    "the answer to HEAD, with a body all the same": (
        OK + b"content-length: 5\r\n\r\nabcde",
        Good(head=True, surplus=True),
    ),
    "an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + EMPTY, Good()),
    "ten interim answers": (EARLY * 10 + CHUNKED + b"1\r\na\r\n" + LAST, Good(body=b"a")),
    "no reason": (b"HTTP/1.1 200\r\n" + EMPTY, Good()),
    "an empty reason": (b"HTTP/1.1 200 \r\n" + EMPTY, Good()),
    "a status nobody knows": (b"HTTP/1.1 799 Odd\r\n" + EMPTY, Good(status=799)),
    "an upgrade that is offered only": (OK + b"upgrade: h2c\r\nconnection: upgrade\r\n" + EMPTY, Good()),
    "bytes behind a length": (OK + b"content-length: 1\r\n\r\nab", Good(body=b"a", surplus=True)),
    "an answer behind a length": (
        OK + b"content-length: 1\r\n\r\na" + OK + EMPTY,
        Good(body=b"a", surplus=True),
    ),
    "a line end behind a length": (OK + b"content-length: 1\r\n\r\na\r\n", Good(body=b"a", surplus=True)),
    "bytes behind a length of zero": (OK + EMPTY + b"x", Good(surplus=True)),
    "bytes behind no content": (b"HTTP/1.1 204 No Content\r\n\r\n" + LAST, Good(status=204, surplus=True)),
    "bytes behind chunks": (CHUNKED + LAST + b"x", Good(surplus=True)),
    "an answer behind chunks": (
        CHUNKED + b"1\r\na\r\n" + LAST + OK + EMPTY,
        Good(body=b"a", surplus=True),
    ),
    "chunks behind chunks": (CHUNKED + b"1\r\na\r\n" + LAST + b"1\r\nb\r\n" + LAST, Good(body=b"a", surplus=True)),
    "a line end behind chunks": (CHUNKED + LAST + b"\r\n", Good(surplus=True)),
    "half a line end behind chunks": (CHUNKED + LAST + b"\r", Good(surplus=True)),
    "a bare LF behind chunks": (CHUNKED + LAST + b"\n", Good(surplus=True)),
    "two line ends behind trailers": (CHUNKED + b"0\r\na: b\r\n\r\n\r\n\r\n", Good(surplus=True)),
    "an odd line end behind chunks": (CHUNKED + LAST + b"\n\r\n\r\n", Good(surplus=True)),
}  # fmt: skip

HEADS: dict[str, tuple[bytes, Bad]] = {
    "nothing": (b"", CUT),
    "half a status line": (b"HTTP/1.1 20", CUT),
    "half a head": (OK + b"content-le", CUT),
    "a head without its blank line": (OK + b"content-length: 0\r\n", CUT),
    "an interim answer only": (EARLY, CUT),
    "another protocol": (b"SSH-2.0-OpenSSH_9.9\r\n", AMBIGUOUS),
    "a record of TLS": (b"\x15\x03\x03\x00\x02\x02\x28", AMBIGUOUS),
    "a frame of HTTP/2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", AMBIGUOUS),
    "a request": (b"GET / HTTP/1.1\r\n\r\n", AMBIGUOUS),
    "a body without a head": (b'{"a": 1}\r\n\r\n', AMBIGUOUS),
    "a line end first": (b"\r\n" + OK + EMPTY, AMBIGUOUS),
    "a space first": (b" " + OK + EMPTY, AMBIGUOUS),
    "small letters": (b"http/1.1 200 OK\r\n" + EMPTY, AMBIGUOUS),
    "HTTP/0.9": (b"HTTP/0.9 200 OK\r\n" + EMPTY, AMBIGUOUS),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\n" + EMPTY, AMBIGUOUS),
    "HTTP/1.11": (b"HTTP/1.11 200 OK\r\n" + EMPTY, AMBIGUOUS),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\n" + EMPTY, AMBIGUOUS),
    "RTSP": (b"RTSP/1.0 200 OK\r\n" + EMPTY, AMBIGUOUS),
    "a tab behind the version": (b"HTTP/1.1\t200 OK\r\n" + EMPTY, AMBIGUOUS),
    "two spaces behind the version": (b"HTTP/1.1  200 OK\r\n" + EMPTY, AMBIGUOUS),
    "no status": (b"HTTP/1.1 \r\n" + EMPTY, AMBIGUOUS),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\n" + EMPTY, AMBIGUOUS),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\n" + EMPTY, AMBIGUOUS),
    "a status below 100": (b"HTTP/1.1 099 OK\r\n" + EMPTY, AMBIGUOUS),
    "a status of zero": (b"HTTP/1.1 000 OK\r\n" + EMPTY, AMBIGUOUS),
    "a negative status": (b"HTTP/1.1 -20 OK\r\n" + EMPTY, AMBIGUOUS),
    "NUL in the reason": (b"HTTP/1.1 200 O\0K\r\n" + EMPTY, AMBIGUOUS),
    "a control character in the reason": (b"HTTP/1.1 200 O\x0bK\r\n" + EMPTY, AMBIGUOUS),
    "CR in the reason": (b"HTTP/1.1 200 O\rK\r\n" + EMPTY, AMBIGUOUS),
    "lines that end with LF": (b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", AMBIGUOUS),
    "one line that ends with LF": (OK + b"x: y\ncontent-length: 0\r\n\r\n", AMBIGUOUS),
    "a head that ends with LF": (OK + b"content-length: 0\r\n\n", AMBIGUOUS),
    "lines that end with CR": (b"HTTP/1.1 200 OK\rcontent-length: 0\r\r\n\r\n", AMBIGUOUS),
    "a folded header": (OK + b"x: y\r\n z\r\n" + EMPTY, AMBIGUOUS),
    "a fold before any header": (OK + b" x: y\r\n" + EMPTY, AMBIGUOUS),
    "a header without a colon": (OK + b"x\r\n" + EMPTY, AMBIGUOUS),
    "a header without a name": (OK + b": y\r\n" + EMPTY, AMBIGUOUS),
    "a space before the colon": (OK + b"content-length : 0\r\n\r\n", AMBIGUOUS),
    "a space in a name": (OK + b"x y: z\r\n" + EMPTY, AMBIGUOUS),
    "a tab in a name": (OK + b"x\ty: z\r\n" + EMPTY, AMBIGUOUS),
    "a high byte in a name": (OK + b"x\xe4: z\r\n" + EMPTY, AMBIGUOUS),
    "NUL in a name": (OK + b"x\0: z\r\n" + EMPTY, AMBIGUOUS),
    "NUL in a value": (OK + b"x: y\0z\r\n" + EMPTY, AMBIGUOUS),
    "a control character in a value": (OK + b"x: y\x01z\r\n" + EMPTY, AMBIGUOUS),
    "CR in a value": (OK + b"x: y\rz\r\n" + EMPTY, AMBIGUOUS),
    "a length and chunks": (OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + LAST, AMBIGUOUS),
    "chunks and a length": (OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n" + LAST, AMBIGUOUS),
    "a length of zero and chunks": (OK + b"content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n" + LAST, AMBIGUOUS),
    "two lengths": (OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab", AMBIGUOUS),
    "two lengths of one value": (OK + b"content-length: 1\r\ncontent-length: 01\r\n\r\na", AMBIGUOUS),
    "two lengths in one line": (OK + b"content-length: 1, 2\r\n\r\nab", AMBIGUOUS),
    "a length said twice, once behind a bare CR": (OK + b"content-length: 1\r\ncontent-length:\r1\r\n\r\na", AMBIGUOUS),
    "a length twice in one line": (OK + b"content-length: 1, 1\r\n\r\na", AMBIGUOUS),
    "an empty length": (OK + b"content-length:\r\n\r\n", AMBIGUOUS),
    "a length of letters": (OK + b"content-length: many\r\n\r\n", AMBIGUOUS),
    "a negative length": (OK + b"content-length: -1\r\n\r\n", AMBIGUOUS),
    "a length with a sign": (OK + b"content-length: +1\r\n\r\na", AMBIGUOUS),
    "a length in hexadecimal": (OK + b"content-length: 0x1\r\n\r\na", AMBIGUOUS),
    "a length with a point": (OK + b"content-length: 1.0\r\n\r\na", AMBIGUOUS),
    "a length with a space": (OK + b"content-length: 1 1\r\n\r\na", AMBIGUOUS),
    "a length with an underscore": (OK + b"content-length: 1_0\r\n\r\n0123456789", AMBIGUOUS),
    "a length beyond 64 bits": (OK + b"content-length: 18446744073709551616\r\n\r\n", AMBIGUOUS),
    "a length of thousands of zeros": (OK + b"content-length: " + b"0" * 9000 + b"1\r\n\r\na", AMBIGUOUS),
    "gzip below the chunks": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n" + LAST, AMBIGUOUS),
    "gzip above the chunks": (OK + b"transfer-encoding: chunked, gzip\r\n\r\n" + LAST, AMBIGUOUS),
    "another transfer coding": (OK + b"transfer-encoding: gzip\r\n\r\nabc", AMBIGUOUS),
    "the identity as a transfer coding": (OK + b"transfer-encoding: identity\r\n\r\nabc", AMBIGUOUS),
    "an empty transfer coding": (OK + b"transfer-encoding:\r\n\r\nabc", AMBIGUOUS),
    "chunked and a tab": (OK + b"transfer-encoding: chunked\t\r\n\r\n" + LAST, AMBIGUOUS),
    "nearly chunked": (OK + b"transfer-encoding: xchunked\r\n\r\n" + LAST, AMBIGUOUS),
    "chunked in quotes": (OK + b'transfer-encoding: "chunked"\r\n\r\n' + LAST, AMBIGUOUS),
    "chunked with a vertical tab": (OK + b"transfer-encoding: \x0bchunked\r\n\r\n" + LAST, AMBIGUOUS),
    "chunked with a parameter": (OK + b"transfer-encoding: chunked;q=1\r\n\r\n" + LAST, AMBIGUOUS),
    "chunked twice": (OK + b"transfer-encoding: chunked\r\n" * 2 + b"\r\n" + LAST, AMBIGUOUS),
    "chunked twice in one line": (OK + b"transfer-encoding: chunked, chunked\r\n\r\n" + LAST, AMBIGUOUS),
    "chunks in HTTP/1.0": (b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + LAST, AMBIGUOUS),
    "eleven interim answers": (EARLY * 11 + OK + EMPTY, AMBIGUOUS),
    "an interim answer with a body": (b"HTTP/1.1 103 Hi\r\ncontent-length: 1\r\n\r\na" + OK + EMPTY, AMBIGUOUS),
    "another protocol behind an interim answer": (EARLY + b"SSH-2.0\r\n", AMBIGUOUS),
    "an upgrade": (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nabc", AMBIGUOUS),
    "an upgrade without its header": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", AMBIGUOUS),
    "a head that is too long": (OK + b"x: " + b"y" * 65_600 + b"\r\n" + EMPTY, AMBIGUOUS),
    "a head without an end": (OK + b"x: " + b"y" * 65_600, AMBIGUOUS),
    "too many headers": (OK + b"x: y\r\n" * 12_000 + EMPTY, AMBIGUOUS),
    "long interim answers": ((b"HTTP/1.1 103 Hi\r\nx: " + b"y" * 9_000 + b"\r\n\r\n") * 9 + OK + EMPTY, AMBIGUOUS),
}  # fmt: skip

BODIES: dict[str, tuple[bytes, Bad]] = {
    "no byte of a length": (OK + b"content-length: 5\r\n\r\n", cut()),
    "too few bytes of a length": (OK + b"content-length: 5\r\n\r\nabcd", cut(b"abcd")),
    "no chunk": (CHUNKED, cut()),
    "half a chunk size": (CHUNKED + b"1", cut()),
    "half a chunk": (CHUNKED + b"5\r\nabc", cut(b"abc")),
    "a chunk without its line end": (CHUNKED + b"3\r\nabc", cut(b"abc")),
    "no last chunk": (CHUNKED + b"3\r\nabc\r\n", cut(b"abc")),
    "a last chunk without its blank line": (CHUNKED + b"3\r\nabc\r\n0\r\n", cut(b"abc")),
    "a last chunk with half its blank line": (CHUNKED + b"3\r\nabc\r\n0\r\n\r", cut(b"abc")),
    "half a trailer": (CHUNKED + b"0\r\nx: y\r\n", cut()),
    "an empty chunk size": (CHUNKED + b"\r\nabc\r\n" + LAST, cut()),
    "a chunk size of letters": (CHUNKED + b"xyz\r\nabc\r\n" + LAST, cut()),
    "a negative chunk size": (CHUNKED + b"-3\r\nabc\r\n" + LAST, cut()),
    "a chunk size with a sign": (CHUNKED + b"+3\r\nabc\r\n" + LAST, cut()),
    "a chunk size with 0x": (CHUNKED + b"0x3\r\nabc\r\n" + LAST, cut()),
    "a chunk size with an underscore": (CHUNKED + b"0_3\r\nabc\r\n" + LAST, cut()),
    "a space before a chunk size": (CHUNKED + b" 3\r\nabc\r\n" + LAST, cut()),
    "a space behind a chunk size": (CHUNKED + b"3 \r\nabc\r\n" + LAST, cut()),
    "a chunk size beyond 64 bits": (CHUNKED + b"10000000000000003\r\nabc\r\n" + LAST, cut()),
    "a chunk size of 64 bits": (CHUNKED + b"ffffffffffffffff\r\nabc", cut(b"abc")),
    "a chunk size that ends with LF": (CHUNKED + b"3\nabc\r\n" + LAST, cut()),
    "a chunk that ends with LF": (CHUNKED + b"3\r\nabc\n" + LAST, cut(b"abc")),
    "a chunk that ends with nothing": (CHUNKED + b"3\r\nabc" + LAST, cut(b"abc")),
    "a chunk longer than its size": (CHUNKED + b"2\r\nabc\r\n" + LAST, cut(b"ab")),
    "a chunk shorter than its size": (CHUNKED + b"4\r\nabc\r\n" + LAST, cut(b"abc\r")),
    "a chunk extension with NUL": (CHUNKED + b"3;\0\r\nabc\r\n" + LAST, cut()),
    "a chunk extension with LF": (CHUNKED + b"3;a\nb\r\nabc\r\n" + LAST, cut()),
    "a last chunk that ends with LF": (CHUNKED + b"0\n\n", cut()),
    "a trailer without a colon": (CHUNKED + b"0\r\nx\r\n\r\n", cut()),
    "a trailer that ends with LF": (CHUNKED + b"0\r\nx: y\n\r\n", cut()),
    "a length among the trailers": (CHUNKED + b"0\r\ncontent-length: 5\r\n\r\nabcde", cut()),
    "trailers without end": (CHUNKED + b"0\r\n" + b"x: y\r\n" * 12_000, cut()),
}  # fmt: skip
