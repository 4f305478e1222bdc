"""Token counts as OpenAI and its many kin report them."""

from __future__ import annotations

from typing import Any

from llmgw_middleware.model.usage import Usage


def read_usage(reported: Any) -> Usage | None:
    """Return a decoded ``usage`` object as counts, or None if it is no such object. Zero is a count."""
    if not isinstance(reported, dict) or not reported:
        return None
    prompt = _count(reported.get("prompt_tokens"))
    cached = _count(_detail(reported, "prompt_tokens_details", "cached_tokens"))
    return Usage(
        input=prompt,
        output=_count(reported.get("completion_tokens")),
        # Some report more cached than sent; the rest of the prompt must not become negative.
        cached=min(cached, prompt),
        reasoning=_count(_detail(reported, "completion_tokens_details", "reasoning_tokens")),
    )


def _detail(reported: dict[str, Any], group: str, name: str) -> Any:
    details = reported.get(group)
    return details.get(name) if isinstance(details, dict) else None


def _count(value: Any) -> int:
    """Return a count; what is no finite number at or above 0 counts as nothing said."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value < float("inf") else 0
