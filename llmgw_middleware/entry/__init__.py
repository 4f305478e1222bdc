"""What every door does first: is the body acceptable, who calls, may this page call.

A door owns the host's accent (ASGI, WSGI, Django); the rules stand here once, in the order that `Door` names them:
content type, body limit, identity, origin.
"""

from __future__ import annotations

from llmgw_middleware.entry.body import check_content_type, check_length
from llmgw_middleware.entry.cross_site import check_origin, check_origins
from llmgw_middleware.entry.door import Door
from llmgw_middleware.entry.headers import framed, joined
from llmgw_middleware.entry.mount import PATH_SAFE, below_mount
from llmgw_middleware.entry.resolver import Found, Hook, Resolver, load_hook, settled, unavailable
from llmgw_middleware.entry.waist import Handle, Waist

__all__ = [
    "PATH_SAFE",
    "Door",
    "Found",
    "Handle",
    "Hook",
    "Resolver",
    "Waist",
    "below_mount",
    "check_content_type",
    "check_length",
    "check_origin",
    "check_origins",
    "framed",
    "joined",
    "load_hook",
    "settled",
    "unavailable",
]
