"""Headers that belong to one connection and never cross it (RFC 9110, 7.6.1)."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.model.http import Header

HOP_BY_HOP = frozenset({
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
})  # fmt: skip
"""Names that are removed in both directions, whatever ``Connection`` lists."""

FRAMING = frozenset({b"content-length", b"host", b"expect"})
"""What a transport writes itself, or, for ``expect``, does not wait for."""


def end_to_end(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Return the headers with lower-case names, without those of the connection and those ``Connection`` names."""
    lines = [(name.lower(), value) for name, value in headers]
    named = {
        option.strip().lower()
        for name, value in lines
        if name == b"connection"
        for option in value.split(b",")
    }
    return tuple(line for line in lines if line[0] not in HOP_BY_HOP and line[0] not in named)


def sendable(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Return those headers of a call that a transport takes over as they are."""
    return tuple(line for line in end_to_end(headers) if line[0] not in FRAMING)
