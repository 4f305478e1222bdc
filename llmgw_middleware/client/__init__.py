"""Calls from inside the application: the gateway as a transport of httpx and httpx2, without a socket.

``gateway.client(user=…)`` is the way in. A request takes the same path as one over HTTP: rules, limits, decision,
record. What doors check besides, whether a page of another site sends it, has no meaning here.
"""

from __future__ import annotations

from llmgw_middleware.client.making import BASE_URL, make_client
from llmgw_middleware.client.transports import AsyncGatewayTransport, GatewayTransport
from llmgw_middleware.client.who import identity_of

__all__ = ["BASE_URL", "AsyncGatewayTransport", "GatewayTransport", "identity_of", "make_client"]
