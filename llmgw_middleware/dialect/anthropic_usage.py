"""Token counts as Anthropic reports them: its input excludes what was read from and written to a cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.model.usage import Usage


class UsageMeter:
    """Keeps the last word on each count: the numbers of a stream are cumulative, and not every event has them all."""

    __slots__ = ("_cache_hour", "_cached", "_input", "_output", "_thinking", "_written", "seen")

    def __init__(self) -> None:
        self._input = self._output = self._cached = self._written = self._cache_hour = self._thinking = 0
        self.seen = False

    def __repr__(self) -> str:
        return f"<UsageMeter {self.usage}>"

    def note(self, reported: Any) -> None:
        """Take a decoded ``usage`` object; what is none says nothing."""
        if not isinstance(reported, dict) or not reported:
            return
        self.seen = True
        self._input = _count(reported, "input_tokens", self._input)
        self._output = _count(reported, "output_tokens", self._output)
        self._cached = _count(reported, "cache_read_input_tokens", self._cached)
        self._written = _count(reported, "cache_creation_input_tokens", self._written)
        lifetimes, details = reported.get("cache_creation"), reported.get("output_tokens_details")
        if isinstance(lifetimes, dict):
            self._cache_hour = _count(lifetimes, "ephemeral_1h_input_tokens", self._cache_hour)
        if isinstance(details, dict):
            self._thinking = _count(details, "thinking_tokens", self._thinking)

    @property
    def usage(self) -> Usage:
        """The counts so far."""
        return Usage(
            input=self._input + self._cached + self._written,
            output=self._output,
            cached=self._cached,
            reasoning=self._thinking,
            cache_write=self._written,
            cache_write_hour=min(self._cache_hour, self._written),
        )


def read_usage(reported: Any) -> Usage | None:
    """Return a decoded ``usage`` object as counts, or None if it is no such object."""
    meter = UsageMeter()
    meter.note(reported)
    return meter.usage if meter.seen else None


def write_usage(usage: Usage) -> dict[str, int]:
    """Return counts as Anthropic words them."""
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }


def _count(reported: Mapping[str, Any], name: str, before: int) -> int:
    value = reported.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return before
    return int(value)
