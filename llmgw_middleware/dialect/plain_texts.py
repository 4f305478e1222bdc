"""Whether the texts of events that are otherwise the same are plain: asked of every chunk of a stream, so told in two ways.

As machine code the walk takes a quarter of the time of counting, which goes over the whole chunk in C; as Python it takes eight
times as long. They answer alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_extensions import i64

COMPILED = not __file__.endswith((".py", ".pyc"))
"""Whether the walk is the quicker way."""

_NO_LETTERS = bytes(range(32)) + b'"\\' + bytes(range(128, 256))
"""What a JSON string holds only as an escape (RFC 8259, 7), the sign of one, and bytes that may not be UTF-8."""

_SPACE: Final = 0x20
_QUOTE: Final = 0x22
_ESCAPE: Final = 0x5C
_LAST: Final = 0x7F


def walked(data: bytes, start: int, joint: bytes, tail: bytes) -> bool:
    """Whether what stands from ``start`` on is plain texts with ``joint`` between them and ``tail`` behind the last.

    Not all of them are empty. ``data`` ends with ``tail``; that and ``joint`` begin with a quote.
    """
    at: i64 = start
    said: i64 = 0
    step: i64 = len(joint)
    end: i64 = len(data) - len(tail)
    while True:
        begin: i64 = at
        while at < end:
            letter: i64 = data[at]
            if letter < _SPACE or letter > _LAST or letter in (_QUOTE, _ESCAPE):
                break
            at += 1
        said += at - begin
        if at == end:
            return said > 0
        if data[at : at + step] != joint:
            return False
        at += step


def counted(data: bytes, joint: bytes, marks: int) -> bool:
    """Return the same of whole events, which begin with the end of ``joint`` and end with its beginning.

    ``marks`` are those in ``joint``. Where the events are as many as their joints and one, a mark in a text would be one too many.
    """
    events = data.count(joint) + 1
    return marks_in(data) == events * marks and len(data) > events * len(joint)


def marks_in(data: bytes) -> int:
    """Return how many bytes of ``data`` no plain text has."""
    return len(data) - len(data.translate(None, _NO_LETTERS))
