"""The hook by which an application hears of finished requests."""

from __future__ import annotations

from typing import Protocol

from llmgw_middleware.model.decision import Decision


class Observer(Protocol):
    """Told of every request once it is over, on whichever thread that is.

    It must not block; what it raises is logged and goes no further.
    """

    def finished(self, decision: Decision) -> None:
        """Take the complete record of one request."""
        ...
