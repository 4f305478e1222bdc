"""What an error of the upstream client says of the upstream."""

from __future__ import annotations

from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.transport.port import Malformed, NoCredential, Reset, TransportError, Unreachable

BROKEN = (TransportError, TimeoutError, MalformedReply)
"""What ends an attempt without an answer."""

_KINDS: tuple[tuple[type[Exception], FaultKind], ...] = (
    (NoCredential, FaultKind.UNAUTHORIZED),
    (Unreachable, FaultKind.UNREACHABLE),
    (Malformed, FaultKind.PROTOCOL),
    (Reset, FaultKind.RESET),
    (TimeoutError, FaultKind.SILENT),
    (MalformedReply, FaultKind.PROTOCOL),
)


def fault_of(error: Exception) -> Fault:
    """Return what one of ``BROKEN`` means for the attempts."""
    return Fault(kind=next(kind for family, kind in _KINDS if isinstance(error, family)))
