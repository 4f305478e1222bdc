"""Why an Anthropic message stopped, and what that is called elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.dialect.chat_event import Finish, Finished

READ: Mapping[str, Finish] = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "tool_use": Finish.TOOLS,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.FILTERED,
    "pause_turn": Finish.PAUSED,
}
"""``stop_reason`` of upstreams; one that is not here is a stop, and its word is kept."""

WRITTEN: Mapping[Finish, str] = {
    Finish.STOP: "end_turn",
    Finish.TOOLS: "tool_use",
    Finish.LENGTH: "max_tokens",
    Finish.FILTERED: "refusal",
    Finish.PAUSED: "pause_turn",
    Finish.MALFORMED: "end_turn",
}
"""``stop_reason`` for callers."""

_PLAIN = frozenset({"end_turn", "stop_sequence", "tool_use", "max_tokens", "refusal"})


def finish_of(reason: Any, sequence: Any = None, details: Any = None) -> Finished:
    """Return the end that an upstream's words tell."""
    word = reason if isinstance(reason, str) else ""
    said = details.get("explanation") if isinstance(details, dict) else None
    return Finished(
        READ.get(word, Finish.STOP),
        None if word in _PLAIN else word or None,
        sequence if isinstance(sequence, str) else None,
        said if isinstance(said, str) else None,
    )


def written(end: Finished) -> tuple[str, str | None]:
    """Return ``stop_reason`` and ``stop_sequence`` for callers."""
    if end.reason is Finish.STOP and end.stop_sequence is not None:
        return "stop_sequence", end.stop_sequence
    return WRITTEN[end.reason], None
