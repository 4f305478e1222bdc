"""Mistakes that a type checker finds in a user's Django project. It is checked, never run."""

from __future__ import annotations

from llmgw_django import drf, gateway
from llmgw_django import getaway as missing  # type: ignore[attr-defined]
from llmgw_django.asgi import with_lifespan
from llmgw_django.middleware import LLMGatewayMiddleware
from llmgw_middleware import Identity

gateway().reload("llmgw.yaml")  # type: ignore[call-arg]
gateway().clint()  # type: ignore[attr-defined]
with_lifespan()  # type: ignore[call-arg]
LLMGatewayMiddleware("shop.wsgi")  # type: ignore[arg-type]
drf.identify("alice")  # type: ignore[arg-type]
Identity(id=7)  # type: ignore[arg-type]
__all__ = ["missing"]
