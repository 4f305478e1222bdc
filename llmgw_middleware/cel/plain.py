"""Values as JSON has them, for headers, bodies and whoever called."""

from __future__ import annotations

import base64
from typing import Any

from llmgw_middleware.cel.values import Optional, UInt, is_list, is_map, key_value, shown_key


def plain(value: Any) -> Any:
    """Return a value as JSON has it: bytes as base64, keys and what JSON has not as text; an absent optional is null."""
    kind = type(value)
    if value is None or kind is str or kind is bool or kind is int or kind is float:
        return value
    if kind is UInt:
        return int(value)
    if is_list(value):
        return [plain(item) for item in value]
    if is_map(value):
        return {_key(key): plain(item) for key, item in value.items()}
    if kind is bytes:
        return base64.b64encode(value).decode()
    if kind is Optional:
        return plain(value.value) if value.there else None
    return str(value)


def _key(key: Any) -> str:
    return key if type(key) is str else shown_key(key_value(key))
