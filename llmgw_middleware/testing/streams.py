"""Event streams for a scripted upstream, whole or broken at a chosen place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from llmgw_middleware.testing.answers import (
    CREATED,
    LAST_CHUNK,
    HeaderLines,
    chunk,
    error_body,
    head,
    pairs,
    usage_of,
)
from llmgw_middleware.testing.script import Action, Close, Pause, Reset, Script, Send, Silence

Event = bytes | str | Mapping[str, Any]
"""Raw bytes go out as they are; a text is the data of one event; a mapping is sent as its JSON."""


def event_bytes(event: Event) -> bytes:
    """Return the event as it stands on the wire."""
    if isinstance(event, bytes):
        return event
    payload = event if isinstance(event, str) else json.dumps(event)
    return b"".join(b"data: %b\n" % line.encode() for line in payload.split("\n")) + b"\n"


def stream_head(status: int, headers: HeaderLines) -> Send:
    """Return the head of a chunked event stream."""
    named = {name.lower() for name, _ in pairs(headers)}
    kind = [] if "content-type" in named else [("content-type", "text/event-stream; charset=utf-8")]
    return Send(head(status, [*pairs(headers), *kind, ("transfer-encoding", "chunked")]))


def sse(
    events: Iterable[Event],
    *,
    gap: float = 0.0,
    done: bool = True,
    finish: bool = True,
    status: int = 200,
    headers: HeaderLines = (),
) -> Script:
    """Answer with an event stream, each event in a chunk of its own.

    ``gap`` seconds pass before each event but the first. ``done`` adds ``data: [DONE]``. ``finish=False`` leaves the
    body without its end and the connection open, for further actions: ``sse(…, finish=False) + raw(Wait("go"))``.
    """
    actions: list[Action] = [stream_head(status, headers)]
    for position, event in enumerate([*events, "[DONE]"] if done else events):
        if gap and position:
            actions.append(Pause(gap))
        actions.append(Send(chunk(event_bytes(event))))
    if finish:
        actions.append(Send(LAST_CHUNK))
    return Script(tuple(actions))


def stream_chunk(
    delta: Mapping[str, Any], *, model: str = "mock-model", finish_reason: str | None = None
) -> dict[str, Any]:
    """Return one ``chat.completion.chunk``."""
    return {
        "id": "chatcmpl-mock",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish_reason}],
    }


def stream_chunks(
    *texts: str, model: str = "mock-model", finish: bool = True, usage: bool = False
) -> list[dict[str, Any]]:
    """Return the chunks of a chat stream: the role, each text, and, with ``finish``, the finish reason.

    ``usage`` adds the last chunk that ``stream_options.include_usage`` asks for.
    """
    chunks = [stream_chunk({"role": "assistant", "content": ""}, model=model)]
    chunks += [stream_chunk({"content": text}, model=model) for text in texts]
    if finish:
        chunks.append(stream_chunk({}, model=model, finish_reason="stop"))
    if usage:
        chunks.append(
            {**stream_chunk({}, model=model), "choices": [], "usage": usage_of(completion=len(texts))}
        )
    return chunks


def stream(
    *texts: str,
    model: str = "mock-model",
    finish: bool = True,
    done: bool = True,
    usage: bool = False,
    gap: float = 0.0,
    headers: HeaderLines = (),
    cut_after: int | None = None,
    stall_after: int | None = None,
    error_after: int | None = None,
    reset_after: int | None = None,
    error_first: bool = False,
) -> Script:
    """Answer with a chat stream of ``texts``, whole or broken after so many texts (0: after the role chunk).

    ``cut_after``: the connection closes without the end of the body · ``stall_after``: silence until the caller
    leaves · ``error_after``: an error event, then the body ends · ``reset_after``: a TCP reset · ``error_first``: the
    stream is an error event and nothing else. ``finish=False, done=False`` is the clean end without a finish reason.
    """
    if error_first:
        return sse([overloaded()], done=False, headers=headers)
    breaks: dict[str, tuple[int | None, tuple[Action, ...]]] = {
        "cut_after": (cut_after, (Close(),)),
        "stall_after": (stall_after, (Silence(),)),
        "error_after": (error_after, (Send(chunk(event_bytes(overloaded()))), Send(LAST_CHUNK))),
        "reset_after": (reset_after, (Reset(),)),
    }
    asked = {name: (count, end) for name, (count, end) in breaks.items() if count is not None}
    if not asked:
        whole = stream_chunks(*texts, model=model, finish=finish, usage=usage)
        return sse(whole, gap=gap, done=done, headers=headers)
    if len(asked) > 1:
        raise ValueError(f"a stream breaks once, not by {' and '.join(asked)}")
    [(count, end)] = asked.values()
    sent = stream_chunks(*texts[:count], model=model, finish=False)
    return sse(sent, gap=gap, done=False, finish=False, headers=headers) + Script(end)


def overloaded() -> dict[str, Any]:
    """Return the error object that a broken stream carries."""
    return error_body("The server is overloaded.", kind="server_error", code="overloaded")
