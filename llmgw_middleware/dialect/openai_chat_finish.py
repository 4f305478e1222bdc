"""Why a chat completion finished, and what that is called elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.dialect.chat_event import Finish, Finished

READ: Mapping[str, Finish] = {
    "stop": Finish.STOP,
    "tool_calls": Finish.TOOLS,
    "function_call": Finish.TOOLS,
    "length": Finish.LENGTH,
    "content_filter": Finish.FILTERED,
}
"""``finish_reason`` of upstreams; one that is not here is a stop, and its word is kept."""

WRITTEN: Mapping[Finish, str] = {
    Finish.STOP: "stop",
    Finish.TOOLS: "tool_calls",
    Finish.LENGTH: "length",
    Finish.FILTERED: "content_filter",
    Finish.PAUSED: "stop",
    Finish.MALFORMED: "stop",
}
"""``finish_reason`` for callers; what they cannot be told is in ``x_finish_detail``."""


def finish_of(reason: Any, *, called: bool, choice: int = 0) -> Finished:
    """Return the end that an upstream's word tells. Calls of tools together with ``stop`` are calls of tools."""
    word = reason if isinstance(reason, str) else "stop"
    finish = READ.get(word, Finish.STOP)
    if called and finish is Finish.STOP:
        finish = Finish.TOOLS
    return Finished(finish, None if word in READ else word, choice=choice)
