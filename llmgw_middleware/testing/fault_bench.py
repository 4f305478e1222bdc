"""Two providers to fail, for an application under test."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from llmgw_middleware.testing.faults import FAULTS, SLOW, Fault
from llmgw_middleware.testing.upstream import ScriptedUpstream

WINDOWS = (8_192, 128_000)
"""The ``contextWindow`` of primary and fallback: who finds a request too long for the one may ask the other."""


class FaultBench:
    """A primary and a fallback provider on ports of their own, while the context lasts."""

    def __init__(self) -> None:
        self.primary = ScriptedUpstream()
        self.fallback = ScriptedUpstream()
        self._stack = ExitStack()

    def __repr__(self) -> str:
        return f"<FaultBench primary {self.primary!r}, fallback {self.fallback!r}>"

    @property
    def backends(self) -> list[dict[str, Any]]:
        """The two as entries of ``backends:``, named ``primary`` and ``fallback``."""
        both = (("primary", self.primary), ("fallback", self.fallback))
        return [
            {"name": name, "url": f"{upstream.url}/v1", "apiKey": f"sk-{name}", "contextWindow": window}
            for (name, upstream), window in zip(both, WINDOWS, strict=True)
        ]

    def play(self, name: str, *, slow: float = SLOW) -> Fault:
        """Let the two fail as ``FAULTS[name]`` says and return it. Raises KeyError for another name."""
        fault = FAULTS[name]
        fault.play(self.primary, self.fallback, slow=slow)
        return fault

    def __enter__(self) -> Self:
        self._stack.enter_context(self.primary)
        self._stack.enter_context(self.fallback)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
