"""What an answer cost."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 2**53
"""Tokens that are reckoned with: JSON has numbers beyond what a float holds, and callers and upstreams may send them."""


@dataclass(slots=True, kw_only=True)  # made for every request: frozen would cost three times as much
class Usage:
    """Tokens as the upstream counted them, whatever its dialect.

    ``cached`` (read from a cache) and ``cache_write`` (written to one) are parts of ``input``, ``cache_write_hour`` (kept
    for an hour, not minutes) of ``cache_write``; ``reasoning`` is part of ``output``.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per token. ``cached_input`` defaults to ``input``."""

    input: float
    output: float
    cached_input: float | None = None

    def cost(self, usage: Usage) -> float:
        """Dollars for ``usage``."""
        cached = self.input if self.cached_input is None else self.cached_input
        counts = (usage.input - usage.cached, usage.cached, usage.output)
        fresh, read, written = (min(count, MOST) for count in counts)
        return fresh * self.input + read * cached + written * self.output
