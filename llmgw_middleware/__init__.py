"""An LLM gateway inside the web application you already have.

The names of this module are all that applications and framework adapters need. They are loaded when first used:
``import llmgw_middleware`` itself does no work.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AuthError": "errors",
    "BadRequest": "errors",
    "ConfigError": "errors",
    "Decision": "model.decision",
    "Extensions": "extensions",
    "Forbidden": "errors",
    "Gateway": "gateway",
    "GatewayError": "errors",
    "Handle": "entry",
    "Hook": "entry",
    "HostRequest": "model.http",
    "Identity": "model.identity",
    "LLMGatewayMiddleware": "asgi",
    "Pass": "model.http",
    "ProcessSettings": "config.settings",
    "Request": "model.http",
    "Response": "model.http",
    "build_gateway": "build",
}

__all__ = [  # noqa: PLE0604 - the names are the map's
    "__version__",
    *sorted(_HOMES),
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
