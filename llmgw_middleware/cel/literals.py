"""How numbers, strings and bytes are spelled."""

from __future__ import annotations

from typing import Final

from llmgw_middleware.cel.values import INT_MAX, UINT_MAX, UInt

_SIMPLE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_HEX: Final = {"x": 2, "X": 2, "u": 4, "U": 8}


def integer(text: str) -> int:
    """Return an int, which may be one above the largest: a minus may stand before it."""
    value = int(text, 16) if text[:2] == "0x" else int(text)
    if value > INT_MAX + 1:
        raise ValueError(f"{text} is no 64-bit integer")
    return value


def unsigned(text: str) -> UInt:
    """Return a uint from its text with its suffix."""
    digits = text[:-1]
    value = int(digits, 16) if digits[:2] == "0x" else int(digits)
    if value > UINT_MAX:
        raise ValueError(f"{text} is no 64-bit unsigned integer")
    return UInt(value)


def quoted(text: str, start: int, opening: str) -> tuple[str | bytes, int]:
    """Read a string or bytes that begins at ``start`` with ``opening``; return its value and where it ends.

    Raises ValueError.
    """
    prefix = opening.rstrip("\"'").lower()
    quote = opening[len(prefix) :]
    end = _closing(text, start + len(opening), quote, raw="r" in prefix)
    inside = text[start + len(opening) : end]
    if len(quote) == 1 and ("\n" in inside or "\r" in inside):
        raise ValueError("a string of one quote ends on its line; use three quotes for several lines")
    is_bytes = "b" in prefix
    if "r" in prefix:
        value: str | bytes = inside.encode() if is_bytes else inside
    else:
        value = _unescaped_bytes(inside) if is_bytes else _unescaped(inside)
    return value, end + len(quote)


def _closing(text: str, at: int, quote: str, *, raw: bool) -> int:
    while at < len(text):
        if text[at] == "\\" and not raw:
            at += 2
        elif text.startswith(quote, at):
            return at
        else:
            at += 1
    raise ValueError(f"the string has no end: {quote} is missing")


def _unescaped(text: str) -> str:
    return "".join(part if isinstance(part, str) else _character(part) for part in _parts(text))


def _unescaped_bytes(text: str) -> bytes:
    parts = []
    for part in _parts(text):
        if isinstance(part, str):
            parts.append(part.encode())
        elif part > 255:  # noqa: PLR2004 - a byte
            raise ValueError("bytes take no \\u escapes")
        else:
            parts.append(bytes((part,)))
    return b"".join(parts)


def _character(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:  # noqa: PLR2004 - surrogates; the end of Unicode
        raise ValueError(f"\\u{code:04x} is no character")
    return chr(code)


def _parts(text: str) -> list[str | int]:
    """Return plain text and escaped codes in turn."""
    parts: list[str | int] = []
    at = 0
    while True:
        slash = text.find("\\", at)
        if slash < 0:
            parts.append(text[at:])
            return parts
        parts.append(text[at:slash])
        part, at = _escape(text, slash + 1)
        parts.append(part)


def _escape(text: str, at: int) -> tuple[str | int, int]:
    letter = text[at : at + 1]
    if letter in _SIMPLE:
        return _SIMPLE[letter], at + 1
    if letter in _HEX:
        digits, base, end = text[at + 1 : at + 1 + _HEX[letter]], 16, at + 1 + _HEX[letter]
        wanted = _HEX[letter]
    else:
        digits, base, end, wanted = text[at : at + 3], 8, at + 3, 3
    known = "01234567" if base == 8 else "0123456789abcdefABCDEF"  # noqa: PLR2004 - octal
    if len(digits) != wanted or digits.strip(known):
        raise ValueError(f"\\{letter} is no escape")
    code = int(digits, base)
    if base == 8 and code > 255:  # noqa: PLR2004 - an octal escape is one byte
        raise ValueError(f"\\{digits} is no byte")
    return code, end
