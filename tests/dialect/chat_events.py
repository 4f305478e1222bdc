"""What every decoder promises, checked on any events; and small ways to run one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

from llmgw_middleware.dialect.chat import ChatRequest, TextPart, ThinkingPart, ToolCall, Turn
from llmgw_middleware.dialect.chat_event import (
    CONTENT,
    ChatEvent,
    Failed,
    Finished,
    Ping,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_port import Decoder, Scene
from llmgw_middleware.dialect.chat_reply import ChatReply, Gatherer


def minted() -> str:
    return "m" * 24


SCENE = Scene(request=ChatRequest(), model="asked-for", created=1_700_000_000, estimate=7, mint=minted)


def asked(text: str = "Hello", **fields: Any) -> ChatRequest:
    """A request of one user's message."""
    return ChatRequest(turns=[Turn(role="user", parts=[TextPart(text)], at="messages.0")], **fields)


def run(decoder: Decoder, data: bytes, sizes: Sequence[int] = (65536,)) -> list[ChatEvent]:
    """Feed ``data`` in pieces of those sizes in turn, then its end."""
    events: list[ChatEvent] = []
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            break
        events += decoder.feed(data[at : at + size])
        at += size
    return [*events, *decoder.close()]


def gathered(events: Iterable[ChatEvent]) -> ChatReply:
    gatherer = Gatherer()
    for event in events:
        gatherer.take(event)
    return gatherer.reply()


def text_of(reply: ChatReply, choice: int = 0) -> str:
    return "".join(part.text for part in reply.choices[choice].parts if isinstance(part, TextPart))


def thoughts_of(reply: ChatReply, choice: int = 0) -> str:
    return "".join(part.text for part in reply.choices[choice].parts if isinstance(part, ThinkingPart))


def calls_of(reply: ChatReply, choice: int = 0) -> list[tuple[str, Any]]:
    """The tools that were called, each with its arguments as JSON."""
    return [
        (part.name, json.loads(part.arguments or "{}"))
        for part in reply.choices[choice].parts
        if isinstance(part, ToolCall)
    ]


def check_grammar(events: Sequence[ChatEvent]) -> None:
    """Assert what ``chat_event`` promises of a decoder's events."""
    told = [event for event in events if not isinstance(event, Ping)]
    if isinstance(told[-1], Failed):
        told.pop()
    else:
        finished = {event.choice for event in told if isinstance(event, Finished)}
        ends = [type(event) for event in told[-len(finished) :]]
        assert finished
        assert ends == [Finished] * len(finished)
    if told:
        assert isinstance(told[0], Started)
        assert sum(isinstance(event, Started) for event in told) == 1
    _check_tools(told)
    for event in told:
        assert type(event) in CONTENT | {Started, UsageSeen, Finished}
        if isinstance(event, Text | Thinking | ToolArguments):
            assert event.text


def _check_tools(events: Sequence[ChatEvent]) -> None:
    started: dict[int, int] = {}
    for event in events:
        if isinstance(event, ToolStarted):
            assert event.tool == started.get(event.choice, 0), "tools are counted from 0 without gaps"
            started[event.choice] = event.tool + 1
            assert event.id
            assert event.name
        if isinstance(event, ToolArguments):
            assert event.tool < started.get(event.choice, 0)
