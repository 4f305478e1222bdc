"""What comes after a failed attempt."""

from __future__ import annotations

from dataclasses import dataclass

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.policy.classify import VERDICTS, error_for


@dataclass(frozen=True, slots=True)
class NextBackend:
    """Ask another member of the same target at once."""


@dataclass(frozen=True, slots=True)
class NextTarget:
    """This target is finished with; the next in the list is asked."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody else would answer differently. ``error`` is what the caller is told."""

    error: GatewayError


Move = NextBackend | NextTarget | GiveUp
_NEXT_BACKEND, _NEXT_TARGET = NextBackend(), NextTarget()


class RetryMachine:
    """The course of one request through one target: each member is asked once."""

    __slots__ = ("_fallback",)

    def __init__(self, *, fallback: bool) -> None:
        self._fallback = fallback

    def record(self, fault: Fault) -> Move:
        """Take the fault of the last attempt and say what is next."""
        if not VERDICTS[fault.kind].other:
            return GiveUp(error_for(fault))
        return _NEXT_BACKEND if self._fallback else _NEXT_TARGET
