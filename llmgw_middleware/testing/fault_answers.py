"""What the providers of the sixteen faults say: one whole answer, and the ways in which it breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmgw_middleware.testing.answers import chat, chunk, head
from llmgw_middleware.testing.connection import Seen
from llmgw_middleware.testing.script import Action, Close, Pause, Script, Send, raw
from llmgw_middleware.testing.streams import Event, sse, stream, stream_chunks

Reply = Callable[[Seen], Script]
"""What answers a request that has arrived."""

TEXTS = ("The answer ", "is ", "forty-two.")
"""The pieces in which the answer is streamed."""

TEXT = "".join(TEXTS)
"""The whole answer, from whichever provider."""

PRIMARY, FALLBACK = "primary-model", "fallback-model"
"""The ``model`` that each provider names in its answers, whatever it was asked for."""

_PING = b": ping\n\n"


def asks(seen: Seen, *path: str) -> bool:
    """Whether that place of the request's JSON is ``true``."""
    try:
        found = seen.json
    except ValueError:
        return False
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found is True


def always(script: Script) -> Reply:
    """Answer every request with ``script``."""
    return lambda _seen: script


def either(whole: Script, streamed: Script) -> Reply:
    """Answer a request that says ``stream: true`` with ``streamed``, any other with ``whole``."""
    return lambda seen: streamed if asks(seen, "stream") else whole


def good(model: str) -> Reply:
    """Answer completely, with the usage of a stream where it is asked for."""

    def reply(seen: Seen) -> Script:
        if not asks(seen, "stream"):
            return chat(TEXT, model=model)
        return stream(*TEXTS, model=model, usage=asks(seen, "stream_options", "include_usage"))

    return reply


def spoken(count: int) -> list[Event]:
    """Return the first ``count`` pieces of the primary's answer, as events."""
    return list(stream_chunks(*TEXTS[:count], model=PRIMARY, finish=False))


def half(*end: Action) -> Script:
    """Send half of a whole answer, then do ``end``."""
    data = _bytes(chat(TEXT, model=PRIMARY))
    return raw(data[: data.index(b"\r\n\r\n") + 40], *end)


def begun(events: Sequence[Event], *end: Action) -> Script:
    """Begin a stream with ``events``, then do ``end``."""
    return sse(events, done=False, finish=False) + raw(*end)


def late(seen: Seen, pauses: Sequence[Pause]) -> Script:
    """Answer completely, but only after ``pauses``; a stream sends its head, its role and pings meanwhile."""
    answer = good(PRIMARY)(seen)
    if not asks(seen, "stream"):
        return raw(*pauses) + answer
    start, role, *rest = answer.actions
    pings = [step for pause in pauses for step in (Send(chunk(_PING)), pause)]
    return raw(start, role, *pings, *rest)


def with_event(event: Event, seen: Seen) -> Script:
    """Answer with a complete stream that has ``event`` in its middle."""
    start, role, first, *rest = good(PRIMARY)(seen).actions
    [stray] = sse([event], done=False, finish=False).actions[1:]
    return raw(start, role, first, stray, *rest)


def unended(seen: Seen) -> Script:
    """Answer completely, but leave out the formal end: ``[DONE]`` of a stream, the length of a whole answer."""
    if asks(seen, "stream"):
        *rest, _done, last = good(PRIMARY)(seen).actions
        return raw(*rest, last)
    body = _bytes(chat(TEXT, model=PRIMARY)).partition(b"\r\n\r\n")[2]
    return raw(head(200, {"content-type": "application/json", "connection": "close"}), body, Close())


def _bytes(script: Script) -> bytes:
    return b"".join(action.data for action in script.actions if isinstance(action, Send))
