"""Foreign exceptions, translated exactly at the border."""

from __future__ import annotations

import httpx

from llmgw_middleware.transport.port import Malformed, Reset, TransportError, Unreachable

_UNREACHABLE = (
    httpx.ConnectError,  # names, TCP, TLS
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_MALFORMED = (httpx.RemoteProtocolError, httpx.DecodingError)

NO_ANSWER = "Server disconnected without sending a response."
"""httpcore's words for an end of the connection before the head was complete: the only way to tell it from framing."""


def fault_of(error: httpx.HTTPError) -> TransportError:
    """Return what ``error`` means in the words of the port.

    Everything that is not known to come before sending, or to be a breach of HTTP, is Reset. Raises ValueError for a
    call that HTTP cannot carry, such as a line break in a header: no other backend could take it either.
    """
    if isinstance(error, httpx.LocalProtocolError):
        raise ValueError(f"a call that HTTP cannot carry: {error}") from error  # noqa: TRY004 -- no type is at fault
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, _UNREACHABLE):
        return Unreachable(text)
    if isinstance(error, _MALFORMED) and str(error) != NO_ANSWER:
        return Malformed(text)
    return Reset(text)
