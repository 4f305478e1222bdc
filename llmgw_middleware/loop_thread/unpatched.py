"""What the standard library was before gevent replaced parts of it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def patched_by_gevent() -> bool:
    """Whether what the standard library calls a thread is a greenlet here."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def original(module: str, name: str) -> Any:
    """Return what ``module`` calls ``name``, as it was before gevent replaced it."""
    if patched_by_gevent():
        from gevent.monkey import get_original

        return get_original(module, name)
    return getattr(import_module(module), name)
