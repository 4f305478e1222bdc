"""Database connections are given back before an upstream is waited for.

A stream may last minutes. Django gives connections back when a request ends, so five open streams would hold five of
them, and under ASGI with ``CONN_MAX_AGE`` would leave them open afterwards, as each request has a thread of its own.
"""

from __future__ import annotations

from django.db import connections


def release() -> None:
    """Close this thread's connections, except inside a transaction, whose end is somebody else's to say."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
