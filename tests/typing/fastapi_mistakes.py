"""Mistakes that a type checker finds in a user's project. It is checked, never run.

Each ignored line is one: strict mypy complains of an ``ignore`` that nothing needs.
"""

from __future__ import annotations

from fastapi import FastAPI

from llmgw_fastapi import LLMGatewayMiddleware, bearer
from llmgw_middleware import Gatway as Missing  # type: ignore[attr-defined]
from llmgw_middleware import Identity

app = FastAPI()
app.add_middleware(LLMGatewayMiddleware, confg="llmgw.yaml")  # type: ignore[call-arg]
app.add_middleware(LLMGatewayMiddleware, config=7)  # type: ignore[arg-type]
Identity(id="1", source="cookie")  # type: ignore[arg-type]
bearer("shop:decode")  # type: ignore[arg-type]
__all__ = ["Missing"]
