"""Events of a stream that differ in their text only, recognised without decoding each of them.

Servers make every content event of a stream from one mould: the same bytes before the text, and the same behind it.
Once an event has been read by the book, those that come out of the same mould mean the same, and what is left to check
is that a JSON string stands where its text stood. That is done for a whole chunk of events at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmgw_middleware.dialect.plain_texts import COMPILED, counted, marks_in, walked

_TEXTS = (b'"content":', b'"reasoning_content":', b'"arguments":')
"""Fields that carry a piece of the answer; the first that an event has is its text."""

_PADDING = b'"obfuscation":'
"""OpenAI makes its events equally long by a field of random letters behind the text."""

_KEY = 48
"""Bytes before a text that tell events apart: as few as are searched for quickly."""

_CR, _ESCAPE = b"\r\\"  # as numbers they are looked for seven times as fast

_one = msgspec.json.Decoder(list[str]).decode
_two = msgspec.json.Decoder(list[tuple[str, str]]).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Mould:
    """What the events of one stream have in common: ``parts`` are the bytes before, between and behind what varies."""

    __slots__ = ("_between", "_head", "_joint", "_key", "_marks", "_rest", "_tail")

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._head, self._tail = parts[0], parts[-1]
        self._between = parts[1] if len(parts) > 2 else None  # noqa: PLR2004 - there is a padding, too
        self._key = self._head[-_KEY:]
        self._joint = self._tail + self._head
        self._rest = len(self._joint) - len(self._key)
        self._marks = marks_in(self._joint)

    def __repr__(self) -> str:
        return f"<Mould {len(self._head)} + {len(self._tail)} bytes>"

    def made(self, data: bytes) -> bool:
        """Whether ``data`` is one event after the other out of this mould, and nothing else. It says something."""
        head, tail = self._head, self._tail
        if not (data.startswith(head) and data.endswith(tail)) or len(data) <= len(self._joint):
            return False
        if self._are_plain(data):
            return True
        texts = [data[len(head) : -len(tail)]]
        if self._key in texts[0]:
            # Each place of the key is one where an event ends and the next begins, or this is something else.
            *texts, last = texts[0].split(self._key)
            if data.count(self._joint) != len(texts):
                return False
            rest = self._rest
            texts = [text[:-rest] for text in texts]
            texts.append(last)
        return self._are_strings(texts)

    def last_end(self, data: bytes) -> int:
        """Return where the last event that could be of this mould ends; 0 if there is none."""
        at = data.rfind(self._tail)
        return 0 if at < 0 else at + len(self._tail)

    def _are_plain(self, data: bytes) -> bool:
        """Whether no text has an escape or anything else but ASCII letters: a quick answer, and the usual one."""
        if self._between is not None:
            return False
        if COMPILED:
            return walked(data, len(self._head), self._joint, self._tail)
        return counted(data, self._joint, self._marks)

    def _are_strings(self, texts: Sequence[bytes]) -> bool:
        """Whether they are the insides of JSON strings. A line break, which none may hold, keeps them apart."""
        try:
            if self._between is None:
                read = _one(b'["' + b'"\n,"'.join(texts) + b'"]')
            else:
                joined = b'"]\n,["'.join(texts).replace(self._between, b'"\n,"')
                read = [text for text, _ in _two(b'[["' + joined + b'"]]')]
            return len(read) == len(texts) and all(read)  # an empty text is no content
        except _UNREADABLE:
            return False


def mould_of(event: bytes) -> Mould | None:
    """Return the mould of an event that was read as content, so that it is JSON, or None if it has none that is certain.

    Where JSON has no escape each quote begins or ends a string, and behind one that ends a string no letter stands: a
    quoted name with its colon is a key, and what is quoted behind it is its text, up to the next quote.
    """
    if (
        not event.startswith(b"data:")
        or event.find(b"\n") != len(event) - 2
        or _CR in event
        or _ESCAPE in event
    ):
        return None
    at, end = _place(event, next((name for name in _TEXTS if event.find(name) >= 0), b"?"), 0)
    if at < 0:
        return None
    parts = [event[:at]]
    if event.find(_PADDING, end) >= 0:
        again, over = _place(event, _PADDING, end)
        if again < 0:
            return None
        parts.append(event[end:again])
        end = over
    parts.append(event[end:])
    return Mould(parts)


def _place(event: bytes, key: bytes, after: int) -> tuple[int, int]:
    """Return where the text of a key begins and ends, (-1, -1) if it is no text, an empty one, or there several times."""
    at = event.find(key, after)
    if at < 0 or event.count(key[:-1]) != 1:  # without its colon, before which there may be a space
        return -1, -1
    at += len(key)
    at += event.startswith(b" ", at)
    if not event.startswith(b'"', at):
        return -1, -1
    end = event.find(b'"', at + 1)
    return (at + 1, end) if end > at + 1 else (-1, -1)
