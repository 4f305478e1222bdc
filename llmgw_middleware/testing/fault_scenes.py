"""What the two providers do in each of the sixteen faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from llmgw_middleware.testing.answers import answer, error, error_body, usage_of
from llmgw_middleware.testing.connection import Seen
from llmgw_middleware.testing.fault_answers import (
    FALLBACK,
    PRIMARY,
    Reply,
    always,
    asks,
    begun,
    either,
    good,
    half,
    late,
    spoken,
    with_event,
)
from llmgw_middleware.testing.script import Close, Pause, Script, Silence
from llmgw_middleware.testing.streams import Event

OVERLOADED = error(503, message="The engine is overloaded.", code="overloaded")

_SLICES = 10
_GARBAGE = b'data: {"id":"chatcmpl-mock","choices":[{"del\n\n'
_JSON = {"content-type": "application/json"}
_FALLBACK_WELL = good(FALLBACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``first`` are the answers to the primary's first requests, ``primary`` those to all after them."""

    primary: Reply
    first: tuple[Reply, ...] = ()
    fallback: Reply = _FALLBACK_WELL


Making = Callable[[float], Scene]
"""Makes a new scene; its argument is the seconds that a slow provider takes."""


def persistent(script: Script) -> Making:
    """Let the primary do the same for ever."""
    return lambda _slow: Scene(primary=always(script))


def once(script: Script) -> Making:
    """Let the primary's first request go wrong; it is well from then on."""
    return lambda _slow: Scene(first=(always(script),), primary=good(PRIMARY))


def persistently(reply: Reply) -> Making:
    """Let the primary answer by what it is asked."""
    return lambda _slow: Scene(primary=reply)


def slow_first_token(slow: float) -> Scene:
    """Let the primary send everything but content at once, and content when it is late."""
    return Scene(primary=lambda seen: late(seen, [Pause(slow / _SLICES)] * _SLICES))


CUT = either(half(Close()), begun(spoken(2), Close()))
STALL = either(half(Silence()), begun(spoken(2), Silence()))


def malformed(seen: Seen) -> Script:
    """Send half an event amid a stream that goes on and ends well; as a whole answer, a body that is no JSON."""
    if asks(seen, "stream"):
        return with_event(_GARBAGE, seen)
    return answer(200, body=_GARBAGE, headers=_JSON)


def rejecting_prefill(_slow: float) -> Scene:
    """Let the primary break off, and the fallback refuse a conversation whose last message is the assistant's."""
    refusal = error(
        400,
        message="This model does not support assistant message prefill.",
        kind="invalid_request_error",
        code="invalid_value",
    )
    return Scene(
        primary=CUT, fallback=lambda seen: refusal if _last_is_assistant(seen) else _FALLBACK_WELL(seen)
    )


def _last_is_assistant(seen: Seen) -> bool:
    try:
        return bool(seen.json["messages"][-1]["role"] == "assistant")
    except (ValueError, LookupError, TypeError):
        return False


def flapping(_slow: float) -> Scene:
    """Let the primary fail and work by turns, beginning with a failure."""
    turn, well = count(), good(PRIMARY)
    return Scene(primary=lambda seen: well(seen) if next(turn) % 2 else OVERLOADED)


def _costly() -> Reply:
    """Break off like ``CUT``, but after a usage that is far from the fallback's: it must be in nobody's account."""
    usage = usage_of(9_000, 9_000)
    events: list[Event] = [{**event, "usage": usage} for event in spoken(2) if isinstance(event, dict)]
    body = {**error_body("The server had an error.", kind="server_error", code=None), "usage": usage}
    return either(answer(500, json=body), begun(events, Close()))


COSTLY = _costly()
