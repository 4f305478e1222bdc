"""Text to tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from llmgw_middleware.cel.fault import ExpressionError
from llmgw_middleware.cel.literals import integer, quoted, unsigned

RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
WORDS: Final = frozenset({"true", "false", "null", "in"})

_TOKEN = re.compile(
    r"""(?P<space>[ \t\n\f\r]+|//[^\n]*)
      | (?P<string>(?:[rR][bB]?|[bB][rR]?)?(?:\"{3}|'{3}|"|'))
      | (?P<double>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
      | (?P<uint>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
      | (?P<int>0x[0-9a-fA-F]+|[0-9]+)
      | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
      | (?P<escaped>`[a-zA-Z0-9_.\-/ ]+`)
      | (?P<mark>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE,
)


class Token(msgspec.Struct, frozen=True):
    """One token. ``kind``: name, escaped, literal, mark, end; a word of the language is a mark. ``value`` of literals."""

    kind: str
    text: str
    start: int
    end: int
    value: Any = None


def place(text: str, at: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset."""
    line = text.count("\n", 0, at) + 1
    return line, at - (text.rfind("\n", 0, at) + 1) + 1


def fault(text: str, at: int, message: str, hint: str | None = None) -> ExpressionError:
    """Return an error at an offset of ``text``."""
    line, column = place(text, at)
    return ExpressionError(message, line=line, column=column, hint=hint)


def tokens(text: str) -> Iterator[Token]:
    """Yield every token of ``text`` and at last one of kind ``end``; raises ExpressionError."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            hint = "CEL writes ==" if text[at] == "=" else None
            raise fault(text, at, f"{text[at]!r} has no meaning here", hint)
        token = _token(text, match)
        at = match.end() if token is None else token.end
        if token is not None:
            yield token
    yield Token("end", "", at, at)


def _token(text: str, match: re.Match[str]) -> Token | None:
    kind, word, start, end = match.lastgroup, match.group(), match.start(), match.end()
    if kind == "space":
        return None
    try:
        if kind == "string":
            value, end = quoted(text, start, word)
            return Token("literal", text[start:end], start, end, value)
        if kind in _NUMBERS:
            value = _NUMBERS[kind](word)
    except ValueError as error:
        raise fault(text, start, str(error)) from error
    if kind in _NUMBERS:
        if text[end : end + 1].isalnum() or text[end : end + 1] == "_":
            raise fault(text, start, f"{text[start : end + 1]!r} is neither a number nor a name")
        return Token("literal", word, start, end, value)
    if kind == "escaped":
        return Token("escaped", word[1:-1], start, end)
    return Token("mark" if kind == "mark" or word in WORDS else "name", word, start, end)


_NUMBERS: dict[str | None, Any] = {"int": integer, "uint": unsigned, "double": float}
