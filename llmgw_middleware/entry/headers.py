"""Headers as doors read and write them."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.model.http import Header, Response


def joined(headers: Iterable[Header]) -> dict[str, str]:
    """Return headers as ``HostRequest`` has them: lower-case names, repeated lines joined by commas.

    A name with an underscore is left out: WSGI cannot tell it from the one with a hyphen, so a caller could pass for
    a proxy.
    """
    lines: dict[str, str] = {}
    for name, value in headers:
        if b"_" not in name:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            lines[key] = f"{lines[key]}, {text}" if key in lines else text
    return lines


def values(headers: Iterable[Header], name: bytes) -> list[str]:
    """Return every line of the header ``name`` (lower case)."""
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def framed(answer: Response) -> tuple[Header, ...]:
    """Return the headers of ``answer``, with the length of a body that is no stream."""
    if answer.stream is not None:
        return answer.headers
    return (*answer.headers, (b"content-length", b"%d" % len(answer.body)))
