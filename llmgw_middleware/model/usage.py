"""What an answer cost."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

MOST = 2**53
"""Tokens that are reckoned with: JSON has numbers beyond what a float holds, and callers and upstreams may send them."""


class Usage(msgspec.Struct, kw_only=True, gc=False):
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
    """US dollars per token.

    ``cached_input`` and ``cache_write`` default to ``input``, ``cache_write_hour`` (what is kept for an hour) to
    ``cache_write``.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    cache_write_hour: float | None = None

    def cost(self, usage: Usage) -> float:
        """Dollars for ``usage``."""
        if not (usage.cached or usage.cache_write):
            return min(usage.input, MOST) * self.input + min(usage.output, MOST) * self.output
        read = self.input if self.cached_input is None else self.cached_input
        write = self.input if self.cache_write is None else self.cache_write
        hour = write if self.cache_write_hour is None else self.cache_write_hour
        rates = (
            (usage.input - usage.cached - usage.cache_write, self.input),
            (usage.cached, read),
            (usage.cache_write - usage.cache_write_hour, write),
            (usage.cache_write_hour, hour),
            (usage.output, self.output),
        )
        dollars = 0.0
        for count, rate in rates:
            if count:
                dollars += min(count, MOST) * rate
        return dollars
