"""httpx and httpx2, which the official SDKs moved to: two libraries with the same words and different classes.

Whatever a client sends tells which one it is made of, and gets its answer in the same classes. Neither is imported
for the other's sake.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

NAMES = ("httpx", "httpx2")


def library_of(kind: type[Any]) -> ModuleType | None:
    """Return the library that ``kind`` is a class of, or derived from; None if it is of neither."""
    for ancestor in getattr(kind, "__mro__", ()):
        name = ancestor.__module__.partition(".")[0]
        if name in NAMES:
            return sys.modules[name]
    return None


@cache
def body_class(library: ModuleType, mixin: type[Any], stream: str) -> type[Any]:
    """Return ``mixin`` as a class of ``library``, whose clients insist on their own (``SyncByteStream``)."""
    return type(mixin.__name__, (mixin, getattr(library, stream)), {})
