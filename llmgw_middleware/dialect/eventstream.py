"""AWS event streams as bytes: frames with two checksums, split anywhere in, whole messages out.

A frame is big-endian: total length, length of the headers, CRC-32 of those eight bytes, headers, payload, CRC-32 of all
that stands before it. Of header values only strings matter here; the other types are read over by their lengths.
(Amazon's "Event stream encoding", as in the Transcribe and Smithy documents.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

MAX_FRAME = 16 * 1024 * 1024
"""Bytes of one frame beyond which a stream is malformed; Amazon's own limit."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_SMALLEST = _PRELUDE.size + _CRC.size

_STRING = 7
_PREFIXED = frozenset({6, _STRING})
_FIXED: Mapping[int, int] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; bytes and strings have their length before them."""


class MalformedFrame(Exception):
    """What came is no event stream. ``messages`` are the whole ones before it."""

    def __init__(self, problem: str, messages: list[Message]) -> None:
        super().__init__(problem)
        self.messages = messages


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its string headers (``:event-type``, ``:message-type``, …) and its payload."""

    headers: Mapping[str, str]
    payload: bytes

    @property
    def kind(self) -> str:
        """What happened: the event's type, or the exception's or error's."""
        names = (":event-type", ":exception-type", ":error-code")
        return next((self.headers[name] for name in names if name in self.headers), "")

    @property
    def failed(self) -> bool:
        """Whether it tells of an error."""
        return self.headers.get(":message-type", "event") != "event"


class Frames:
    """Bytes split anywhere in, messages out."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = min(limit, MAX_FRAME)
        self._rest = bytearray()

    def __repr__(self) -> str:
        return f"<Frames {len(self._rest)} bytes of an unfinished frame>"

    @property
    def empty(self) -> bool:
        """Whether no part of a frame is left."""
        return not self._rest

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are whole now. Raises MalformedFrame; then nothing may be fed any more."""
        self._rest += data
        messages: list[Message] = []
        start = 0
        try:
            while (end := self._end(start)) is not None:
                messages.append(_message(memoryview(self._rest)[start:end].tobytes()))
                start = end
        except ValueError as problem:
            raise MalformedFrame(str(problem), messages) from problem
        del self._rest[:start]
        return messages

    def _end(self, start: int) -> int | None:
        """Return where the frame at ``start`` ends, None while it is not whole. Raises ValueError."""
        if len(self._rest) - start < _PRELUDE.size:
            return None
        total, _, checksum = _PRELUDE.unpack_from(self._rest, start)
        if crc32(self._rest[start : start + 8]) != checksum:
            raise ValueError("a frame of the event stream has a wrong prelude checksum")
        if not _SMALLEST <= total <= self._limit:
            raise ValueError(f"a frame of the event stream has {total} bytes")
        return start + total if len(self._rest) - start >= total else None


def _message(frame: bytes) -> Message:
    if crc32(frame[:-4]) != _CRC.unpack(frame[-4:])[0]:
        raise ValueError("a frame of the event stream has a wrong checksum")
    _, size, _ = _PRELUDE.unpack_from(frame)
    end = _PRELUDE.size + size
    if end > len(frame) - _CRC.size:
        raise ValueError("the headers of a frame are longer than the frame")
    return Message(dict(_headers(frame[_PRELUDE.size : end])), frame[end:-4])


def _headers(block: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    try:
        while at < len(block):
            named = at + 1 + block[at]
            name, kind = block[at + 1 : named].decode(), block[named]
            at = named + 1
            if kind in _PREFIXED:
                length = _LENGTH.unpack_from(block, at)[0]
                at += _LENGTH.size
            else:
                length = _FIXED[kind]
            value, at = block[at : at + length], at + length
            if at > len(block):
                raise ValueError("a header of a frame is cut off")
            if kind == _STRING:
                yield name, value.decode()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as problem:
        raise ValueError("a header of a frame cannot be read") from problem


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one frame with string headers."""
    block = b"".join(
        bytes((len(name.encode()),)) + name.encode() + bytes((_STRING,)) + _LENGTH.pack(len(value.encode())) + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    head = struct.pack(">II", _SMALLEST + len(block) + len(payload), len(block))
    body = head + _CRC.pack(crc32(head)) + block + payload
    return body + _CRC.pack(crc32(body))
