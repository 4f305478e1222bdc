"""The functions of the language, by name: the standard library, agentgateway's, and the gateway's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.library import (
    clock,
    conversions,
    encodings,
    lists,
    maps,
    network,
    numbers,
    optionals,
    request,
    strings,
    urls,
)

_SHELVES = (
    clock,
    conversions,
    encodings,
    lists,
    maps,
    network,
    numbers,
    optionals,
    request,
    strings,
    urls,
)

FUNCTIONS: Final[Mapping[str, Function]] = {
    name: function for shelf in _SHELVES for name, function in getattr(shelf, "FUNCTIONS", {}).items()
}
"""Those that take all their arguments in brackets; a name may be dotted."""

METHODS: Final[Mapping[str, Function]] = {
    name: function for shelf in _SHELVES for name, function in getattr(shelf, "METHODS", {}).items()
}
"""Those that stand behind their first argument."""
