"""The gateway's door for ASGI applications."""

from __future__ import annotations

from llmgw_middleware.asgi.middleware import LLMGatewayMiddleware

__all__ = ["LLMGatewayMiddleware"]
