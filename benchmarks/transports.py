"""Which upstream client the gateway is measured with."""

from __future__ import annotations

import os
from collections.abc import Callable

from llmgw_middleware.transport.port import Transport

NAMES = ("default", "h1", "httpx")


def chosen() -> Callable[[], Transport] | None:
    """Return the factory that ``LLMGW_BENCH_TRANSPORT`` names, None for the gateway's own choice."""
    name = os.environ.get("LLMGW_BENCH_TRANSPORT", "default")
    if name == "default":
        return None
    if name == "h1":
        from llmgw_middleware.transport.h1_transport import H1Transport

        return H1Transport
    if name == "httpx":
        from llmgw_middleware.transport.httpx_transport import HttpxTransport

        return HttpxTransport
    raise ValueError(f"LLMGW_BENCH_TRANSPORT={name}: the choice is {', '.join(NAMES)}")
