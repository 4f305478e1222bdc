"""Which headers cross, and which never do."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.model.http import Header

_SHOWN = frozenset(
    {
        b"content-disposition",
        b"content-language",
        b"content-type",
        b"openai-model",
        b"openai-processing-ms",
        b"openai-version",
    }
)
"""What a caller may see of an upstream's headers. A list of what may, as nobody can list what may not: set-cookie,
server, date, account names, rate limits (they describe our key), and whatever the next provider invents."""

EVENT_STREAM = b"text/event-stream"
JSON = "application/json"

STREAM_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
"""They keep proxies in front of the host from collecting a stream before passing it on."""


def shown(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Return the upstream's headers that reach the caller."""
    return tuple([header for header in headers if header[0] in _SHOWN])


def as_stream(headers: tuple[Header, ...]) -> tuple[Header, ...]:
    """Return the headers with the content type of an event stream, whatever the upstream's was."""
    others = (header for header in headers if header[0] != b"content-type")
    return ((b"content-type", EVENT_STREAM), *others)


def media_type(headers: Iterable[Header]) -> bytes:
    """Return the content type without its parameters, in lower case; empty if there is none."""
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].strip().lower()
    return b""


def over(first: tuple[Header, ...], second: tuple[Header, ...]) -> tuple[Header, ...]:
    """Return both, but of ``second`` only what ``first`` does not name."""
    named = {name for name, _ in first}
    return (*first, *(header for header in second if header[0] not in named))
