"""The LLM gateway as a middleware of FastAPI and Starlette: routes by who is logged in.

::

    app = FastAPI()
    app.add_middleware(LLMGatewayMiddleware, config="llmgw.yaml")   # first: what is added last stands outermost
    app.add_middleware(SessionMiddleware, secret_key=SECRET)

``bearer`` tells who calls by a token; ``LLMGW`` and ``decision`` read in a view what the gateway did.
"""

from __future__ import annotations

from importlib.util import find_spec

from llmgw_fastapi.middleware import LLMGatewayMiddleware
from llmgw_fastapi.token import bearer
from llmgw_fastapi.view import decision, handle

__all__ = ["LLMGatewayMiddleware", "bearer", "decision", "handle"]

if find_spec("fastapi") is not None:  # Starlette alone injects nothing into views
    from llmgw_fastapi.depends import LLMGW

    __all__ += ["LLMGW"]
