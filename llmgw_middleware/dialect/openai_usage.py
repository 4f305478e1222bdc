"""Token counts as OpenAI and its many kin report them."""

from __future__ import annotations

from typing import Any

from llmgw_middleware.model.usage import Usage


def read_usage(reported: Any) -> Usage | None:
    """Return a decoded ``usage`` object as counts, or None if it is no such object. Zero is a count."""
    if not isinstance(reported, dict) or not reported:
        return None
    said = reported.get
    prompt = _count(said("prompt_tokens"))
    sent, written = said("prompt_tokens_details"), said("completion_tokens_details")
    # Some report more cached than sent; the rest of the prompt must not become negative.
    cached = cache_write = 0
    if isinstance(sent, dict):
        cached = min(_count(sent.get("cached_tokens")), prompt)
        cache_write = min(_count(sent.get("cache_write_tokens")), prompt - cached)
    return Usage(
        input=prompt,
        output=_count(said("completion_tokens")),
        cached=cached,
        reasoning=_count(written.get("reasoning_tokens")) if isinstance(written, dict) else 0,
        cache_write=cache_write,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return counts as OpenAI words them."""
    details = {"cached_tokens": usage.cached}
    if usage.cache_write:
        details["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _count(value: Any) -> int:
    """Return a count; what is no finite number at or above 0 counts as nothing said."""
    if type(value) is int:
        return max(0, value)
    return int(value) if isinstance(value, float) and 0 <= value < float("inf") else 0
