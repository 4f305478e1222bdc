"""The gateway for WSGI applications: the door, and the bridge to the one event loop of the process."""

from __future__ import annotations

from llmgw_middleware.entry import Door, Found, Handle, Hook, Waist, below_mount, load_hook, settled
from llmgw_middleware.loop_thread import CallerGone, LoopThread, SyncStream
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.startup import gateway_for
from llmgw_middleware.wsgi.bridge import Bridge
from llmgw_middleware.wsgi.environ import headers_of, peer_of, pieces, raw_path
from llmgw_middleware.wsgi.middleware import LLMGatewayWSGI, discard

__all__ = [
    "Bridge",
    "CallerGone",
    "Door",
    "Found",
    "Handle",
    "Hook",
    "LLMGatewayWSGI",
    "LoopThread",
    "Plan",
    "SyncStream",
    "Waist",
    "below_mount",
    "discard",
    "gateway_for",
    "headers_of",
    "load_hook",
    "peer_of",
    "pieces",
    "raw_path",
    "settled",
]
