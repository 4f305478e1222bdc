"""One answer of HTTP/1.1, byte by byte and without a socket.

``httptools`` (llhttp) reads heads and chunks. It reads on where one answer ends and the next may begin, and forgives
some things that two readers of one connection may understand differently (RFC 9112, 6.3 and 11.2). So the place where
an answer ends is found here, and what is ambiguous is Malformed:

1. A head is handed over whole, up to its blank line, and nothing else: interim answers are counted, the answer to
   ``HEAD`` has no body, and bytes behind the end are seen.
2. A body with a length is counted here. Chunks are read by llhttp, and the end of the last one is checked.
3. Whatever comes after the end is ``surplus``. It may be the end of an answer that said a wrong length, or the begin
   of one that was smuggled in: the answer is not ``whole``, and the connection is of no more use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.port import MAX_HEAD, Malformed, Reset

MAX_INTERIM = 10
"""Answers of 1xx before the real one; more are a flood."""

MAX_LENGTH_DIGITS = 20
"""Of a content-length: enough for 2⁶⁴."""

_START = b"HTTP/1."
_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LINE_ENDS = b"\r\n"
_CONTROLS = bytes({*range(32), 127} - {*b"\t\r\n"})
_NO_BODY = frozenset({204, 304})  # RFC 9110, 6.4.1


class Part(Enum):
    """What of an answer comes next."""

    HEAD = "head"
    LENGTH = "body of a known length"
    CHUNKS = "chunks"
    UNTIL_END = "body until the connection's end"
    NOTHING = "nothing"


_HEAD, _LENGTH, _CHUNKS, _UNTIL_END, _NOTHING = Part  # names of their own: they are looked up all the time


class Answer:
    """Takes in what a connection receives for one request; ``bodiless`` says that the request was ``HEAD``."""

    # What most answers never change stands here once.
    _waiting: bytes | bytearray = b""
    _size: int = 0
    _interim: int = 0
    _left: int = 0
    _idle_bytes: int = 0
    _tail: bytes = b""
    _ended: bool = False
    _own: int = 0
    _parser: HttpResponseParser | None = None
    status: int = 0
    """The status code once the head is there, 0 before."""
    buffered: int = 0
    """Bytes of the body that nobody took yet, those between its chunks included."""
    received: bool = False
    """Whether as much as a byte came."""
    complete: bool = False
    keep: bool = False
    """Whether the upstream keeps the connection after this answer."""
    surplus: bool = False
    """Whether something came behind the end."""

    def __init__(self, *, bodiless: bool = False) -> None:
        self._bodiless = bodiless
        self._pieces: list[bytes] = []
        self.part: Part = _HEAD
        self.named: Mapping[bytes, bytes] = MappingProxyType({})
        """The last line of each name."""
        self.headers: list[Header] = []
        """Lower-case names; nothing is left out."""

    @property
    def whole(self) -> bool:
        """Whether all of it came, and nothing else."""
        return self.complete and not self.surplus

    def feed(self, data: bytes | memoryview) -> None:
        """Take in bytes. Raises Malformed; then nothing may be fed any more."""
        self.received = True
        if self.part is _CHUNKS:
            self._chunks(data)
        elif self.part is _LENGTH:
            self._counted(data)
        elif self.part is _HEAD:
            self._head(data)
        elif self.part is _UNTIL_END:
            self._piece(bytes(data))
        elif data:
            self.surplus = True

    def end(self, *, clean: bool = True) -> None:
        """Say that the connection ended; ``clean`` false if TLS did not say so. Raises Reset or Malformed."""
        if self.complete:
            return
        if self.part is _HEAD:
            raise Reset("the connection ended before the answer's headers were complete")
        if self.part is not _UNTIL_END:
            raise Malformed("the connection ended before the body was complete")
        if not clean:
            raise Malformed("TLS was cut, which may have cut a body that has no length")
        self._finish(surplus=False)

    def take(self) -> bytes:
        """Return what came of the body since the last time."""
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered = 0
        return data

    def forget_parser(self) -> None:
        """Let go of the parser, which refers back to this answer. Nothing may be fed any more."""
        self._parser = None

    # Heads.

    def _head(self, data: bytes | memoryview) -> None:
        """Take in bytes of which at least the first belong to a head."""
        waiting, start = self._waiting, 0
        if waiting:  # in a bytearray, so that a head in tiny pieces costs no more
            start = max(0, len(waiting) - 3)
            waiting += data
        else:
            waiting = bytes(data)
        end = waiting.find(_END, start) + len(_END)
        if end < len(_END):
            self._waiting = waiting if isinstance(waiting, bytearray) else bytearray(waiting)
            self._check_begun(start)
            return
        self._waiting = b""
        self._whole_head(bytes(waiting[:end]))
        if end < len(waiting):
            self.feed(memoryview(waiting)[end:])

    def _check_begun(self, start: int) -> None:
        """Judge a head that is not complete, so that a peer of another protocol is not waited for."""
        if self._size + len(self._waiting) > MAX_HEAD:
            raise _too_long()
        if not self._waiting.startswith(_START[: len(self._waiting)]):
            raise Malformed("the answer does not begin with HTTP/1")
        if _BARE_LF.search(self._waiting, start):
            raise Malformed("a line of the answer's head ends without CR")

    def _whole_head(self, head: bytes) -> None:
        self._size += len(head)
        if self._size > MAX_HEAD:
            raise _too_long()
        old = not head.startswith(b"HTTP/1.1 ")
        if old and not head.startswith(b"HTTP/1.0 "):
            raise Malformed(f"an answer that begins {head[:20]!r}")
        if len(head.translate(None, _CONTROLS)) != len(head):
            raise Malformed("a control character in the answer's head")
        status = self._read_head(head)
        if status < 100 or status == 101:  # noqa: PLR2004
            raise Malformed(f"an answer of status {status}, which nobody asked for")
        if status < 200:  # noqa: PLR2004
            self._count_interim()
            return
        self._choose_part(status, old=old)
        # llhttp leaves the white space behind a value (RFC 9110, 5.5).
        if head.find(b" \r") >= 0 or head.find(b"\t\r") >= 0:
            self.headers = [(name, value.rstrip(b" \t")) for name, value in self.headers]
        self.status = status
        if self.part is not _CHUNKS:
            self._parser = None

    def _read_head(self, head: bytes) -> int:
        self._parser = parser = HttpResponseParser(self)
        self.headers = []
        self._ended = False
        try:
            parser.feed_data(head)
        except HttpParserUpgrade as error:
            raise Malformed("the connection was switched to another protocol") from error
        except HttpParserError as error:
            once = without_repeated_length(head)
            if once == head:
                raise Malformed(f"the answer's head: {error}") from error
            return self._read_head(once)
        return int(parser.get_status_code())

    def _count_interim(self) -> None:
        self._interim += 1
        if self._interim > MAX_INTERIM:
            raise Malformed(f"more than {MAX_INTERIM} interim answers")

    def _choose_part(self, status: int, *, old: bool) -> None:
        """RFC 9112, 6.3, where every doubt is Malformed. llhttp refuses a length beside a transfer-encoding."""
        named = self.named = dict(self.headers)
        chunked = b"transfer-encoding" in named
        if chunked:
            self._check_chunked(old=old)
        length: int | None = None
        digits = named.get(b"content-length")
        if digits is not None:
            if len(digits) > MAX_LENGTH_DIGITS:
                raise Malformed("a content-length of too many digits")
            length = int(digits)
        if self._bodiless or status in _NO_BODY or length == 0:
            self._finish(surplus=False)
        elif chunked:
            self.part = _CHUNKS
        elif length is not None:
            self.part, self._left = _LENGTH, length
        else:
            self.part, self.keep = _UNTIL_END, False

    def _check_chunked(self, *, old: bool) -> None:
        values = [value for name, value in self.headers if name == b"transfer-encoding"]
        # llhttp knows spaces behind it, but with a tab it reads until the end: both must see the same.
        if len(values) > 1 or old or values[0].rstrip(b" ").lower() != b"chunked":
            raise Malformed(f"a transfer-encoding that is not chunked once: {values[-1][:40]!r}")

    # Bodies.

    def _piece(self, data: bytes) -> None:
        self._pieces.append(data)
        self.buffered += len(data)

    def _counted(self, data: bytes | memoryview) -> None:
        over = len(data) - self._left
        if over < 0:
            self._left = -over
            self._piece(bytes(data))
        else:
            self._piece(bytes(data[: self._left]))
            self._finish(surplus=over > 0)

    def _chunks(self, data: bytes | memoryview) -> None:
        if self._parser is None:
            raise RuntimeError("this answer was let go: nothing more can be fed to it")
        pieces = self._pieces
        before = len(pieces)
        fault: HttpParserError | None = None
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            fault = error
        if self._ended:
            del pieces[self._own :]  # they are of an answer behind this one
        if len(pieces) > before:
            self.buffered += len(data)
        if fault is not None:
            if not self._ended:
                raise Malformed(f"the answer's chunks: {fault}") from fault
            self.surplus = True
        self._tail = bytes(data[-5:]) if len(data) >= 5 else (self._tail + bytes(data))[-5:]  # noqa: PLR2004
        if self._ended:
            # llhttp passes over line breaks between two answers. The last line but the blank one is never empty.
            self._finish(surplus=self.surplus or self._tail[0] in _LINE_ENDS or self._tail[1:] != _END)
        elif len(pieces) > before:
            self._idle_bytes = 0
        else:
            self._idle_bytes += len(data)
            if self._idle_bytes > MAX_HEAD:
                raise Malformed("chunk extensions or trailers without end")

    def _finish(self, *, surplus: bool) -> None:
        self.part = _NOTHING
        self.complete = True
        self.surplus = surplus
        self._parser = None

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Note an answer behind the end of this one."""
        if self._ended:
            self.surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; those behind the last chunk are dropped."""
        if self.part is _HEAD:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Note what llhttp makes of version, ``connection`` and lengths; it forgets that with the end."""
        if self._parser is not None:
            self.keep = self._parser.should_keep_alive()

    @property
    def on_body(self) -> Callable[[bytes], None]:
        """What keeps a chunk's bytes: the list itself, as there may be hundreds in a read."""
        return self._pieces.append

    def on_message_complete(self) -> None:
        """Note the end; of several, the first."""
        if not self._ended:
            self._ended = True
            self._own = len(self._pieces)

    def __repr__(self) -> str:
        return f"<Answer {self.status or '-'} [next: {self.part.value}, buffered: {self.buffered}]>"


def _too_long() -> Malformed:
    return Malformed(f"the answer's head is longer than {MAX_HEAD} bytes")


def without_repeated_length(head: bytes) -> bytes:
    """Return ``head`` with one content-length where it had several of the same digits (RFC 9110, 8.6)."""
    lines = head.split(b"\r\n")
    lengths = [line for line in lines if line[:15].lower() == b"content-length:"]
    if len(lengths) < 2 or len({line[15:].strip(b" \t") for line in lengths}) != 1:  # noqa: PLR2004
        return head
    first = lines.index(lengths[0])
    kept = [line for at, line in enumerate(lines) if at <= first or line[:15].lower() != b"content-length:"]
    return b"\r\n".join(kept)
