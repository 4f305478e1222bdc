"""Server-sent events as bytes: where one ends, and what it says.

The splitter never changes a byte: what it returns, joined, is what it was fed. Lines end with CR, LF or CRLF and
with nothing else, so U+2028 or U+0085 inside a text are text (WHATWG HTML, 9.2.5 and 9.2.6).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_EVENT = 1024 * 1024
"""Bytes of one event, its blank line included, beyond which a stream is malformed."""

_CR = 0x0D  # as a number it is looked for seven times as fast
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")

# An event ends where one line ending follows another. A CR after LF may be half of a CRLF: only the byte after it
# tells. After CR CR nothing is waited for, or a stream of CRs would lag by one event.
_BLANK_LINE = re.compile(rb"\n\n|\n\r\n|\r\r|\n\r(?=[^\n])")
_OVERLAP = 3
"""How many bytes already seen can belong to a blank line that ends in bytes to come."""


class EventTooLong(Exception):
    """An event is longer than the limit. ``events`` are the whole ones before it."""

    def __init__(self, events: Sequence[bytes], limit: int) -> None:
        super().__init__(f"an event of the stream is longer than {limit} bytes")
        self.events = events


class Splitter:
    """Bytes split anywhere in, whole events out. However the bytes were split, the events are the same.

    An event is the shortest run of bytes that ends with a blank line; further blank lines head the next event.
    """

    __slots__ = ("_limit", "_parts", "_size", "_tail")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._tail = b""

    def __repr__(self) -> str:
        return f"<Splitter {self._size} bytes of an unfinished event>"

    @property
    def amid(self) -> bool:
        """Whether an event has begun and not ended."""
        return self._size > 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events that are whole now. Raises EventTooLong; then nothing may be fed any more."""
        if self._parts:
            # Unfinished events are kept in parts and searched once: a long one in tiny pieces costs no more.
            tail = self._tail + data
            if _BLANK_LINE.search(tail) is None:
                return self._keep(data, tail)
            data = b"".join(self._parts) + data
        elif data.find(b"\n\n") == len(data) - 2 and _CR not in data and 1 < len(data) <= self._limit:
            return [data]  # one whole event, as most upstreams send them
        events = _split(data)
        rest = events.pop()
        self._parts, self._size, self._tail = [], 0, b""
        if len(data) > self._limit:
            self._check(events)
        return self._keep(rest, rest, events) if rest else events

    def close(self) -> bytes:
        """Return what is left: a last event without its blank line, or nothing."""
        rest = b"".join(self._parts)
        self._parts, self._size, self._tail = [], 0, b""
        return rest

    def _keep(self, data: bytes, tail: bytes, events: Sequence[bytes] = ()) -> list[bytes]:
        self._parts.append(data)
        self._size += len(data)
        self._tail = tail[-_OVERLAP:]
        if self._size > self._limit:
            raise EventTooLong(events, self._limit)
        return list(events)

    def _check(self, events: list[bytes]) -> None:
        for index, event in enumerate(events):
            if len(event) > self._limit:
                raise EventTooLong(events[:index], self._limit)


def _split(data: bytes) -> list[bytes]:
    """Return the whole events, and last the rest, which may be empty."""
    if _CR not in data:
        parts = data.split(b"\n\n")
        rest = parts.pop()
        events = [part + b"\n\n" for part in parts]
        events.append(rest)
        return events
    events, start = [], 0
    for match in _BLANK_LINE.finditer(data):
        end = match.end()
        events.append(data[start:end])
        start = end
    events.append(data[start:])
    return events


def read_event(event: bytes) -> tuple[bytes, bytes | None]:
    """Return an event's name (empty if it has none) and its data, None if it has no data line.

    Several data lines are joined by LF. Comments, other fields and a byte order mark are passed over.
    """
    name = b""
    lines: list[bytes] = []
    for line in _LINE_END.split(event.removeprefix(_BOM)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value
    return name, b"\n".join(lines) if lines else None
