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
    cached = _count(sent.get("cached_tokens")) if isinstance(sent, dict) else 0
    return Usage(
        input=prompt,
        output=_count(said("completion_tokens")),
        # Some report more cached than sent; the rest of the prompt must not become negative.
        cached=min(cached, prompt),
        reasoning=_count(written.get("reasoning_tokens")) if isinstance(written, dict) else 0,
    )


def _count(value: Any) -> int:
    """Return a count; what is no finite number at or above 0 counts as nothing said."""
    if type(value) is int:
        return max(0, value)
    return int(value) if isinstance(value, float) and 0 <= value < float("inf") else 0
