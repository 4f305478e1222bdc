"""Content codings: what an upstream compressed although it was asked not to."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Protocol

from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.port import Malformed

PIECE = 64 * 1024
"""Most bytes that one ``take`` returns, so a small body cannot unfold in memory at once."""


class Inflater(Protocol):
    """Takes in coded bytes, gives out plain ones."""

    def feed(self, data: bytes) -> None:
        """Take in coded bytes."""
        ...

    def take(self) -> bytes:
        """Return the next plain bytes, at most ``PIECE``; ``b""`` when more has to be fed. Raises Malformed."""
        ...

    def finish(self) -> None:
        """Say that no more comes. Raises Malformed when the coding's own end was not seen."""
        ...


class ZlibInflater:
    """``gzip`` of one or several members (RFC 1952), or ``deflate`` with or without its zlib header (RFC 1950, 1951)."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._waiting = b""
        self._begun = False
        self._inside = self._fresh(b"")

    def _fresh(self, start: bytes) -> zlib._Decompress:
        if self._coding == "gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        # Some servers call a raw deflate stream "deflate" too. A zlib header names method 8 in its low four bits.
        wrapped = not start or start[0] & 0x0F == 8  # noqa: PLR2004
        return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)

    def feed(self, data: bytes) -> None:
        """Take in coded bytes."""
        if data and not self._begun:
            self._begun = True
            self._inside = self._fresh(data)
        self._waiting += data

    def take(self) -> bytes:
        """Return the next plain bytes, at most ``PIECE``. Raises Malformed when they are no such coding."""
        while self._waiting:
            if self._inside.eof:
                self._next_member()
            try:
                plain = self._inside.decompress(self._waiting, PIECE)
            except zlib.error as error:
                raise Malformed(f"the body is not {self._coding}: {error}") from error
            self._waiting = self._inside.unconsumed_tail or self._inside.unused_data
            if plain:
                return plain
        return b"" if self._inside.eof else self._held_back()

    def _next_member(self) -> None:
        if self._coding != "gzip":
            raise Malformed("bytes stand behind the end of a deflate body")
        self._inside = self._fresh(b"")

    def _held_back(self) -> bytes:
        """Return what zlib kept because a piece was full."""
        try:
            return self._inside.decompress(b"", PIECE)
        except zlib.error as error:
            raise Malformed(f"the body is not {self._coding}: {error}") from error

    def finish(self) -> None:
        """Say that no more comes. Raises Malformed when the end is missing; an empty body is complete."""
        if self._begun and not self._inside.eof:
            raise Malformed(f"the {self._coding} body ends before its end")


def inflater_for(headers: Iterable[Header]) -> Inflater | None:
    """Return what undoes the content-encoding that ``headers`` (lower-case names) name, or None for plain bodies.

    Raises Malformed for every other coding, and for several at once: the gateway asked for ``identity``.
    """
    named = [
        coding.strip().lower()
        for name, value in headers
        if name == b"content-encoding"
        for coding in value.split(b",")
    ]
    codings = [coding for coding in named if coding not in (b"", b"identity")]
    if not codings:
        return None
    if codings in ([b"gzip"], [b"x-gzip"]):
        return ZlibInflater("gzip")
    if codings == [b"deflate"]:
        return ZlibInflater("deflate")
    raise Malformed(f"a content-encoding that was not asked for: {b', '.join(codings)[:80]!r}")
