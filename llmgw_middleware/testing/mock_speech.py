"""How the mock gives its answer: whole or word by word, and with the faults that were asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmgw_middleware.testing.mock_answers import MockAnswer
from llmgw_middleware.testing.mock_faults import Behaviour, error_named
from llmgw_middleware.testing.mock_line import Line

_LONG_WORD = 12


async def send_answer(
    line: Line, answer: MockAnswer, request: Mapping[str, Any], behaviour: Behaviour
) -> None:
    """Answer a chat request as it asked: as events, or as one document."""
    if request.get("stream") is True:
        options = request.get("stream_options")
        usage = isinstance(options, dict) and options.get("include_usage") is True
        await _send_stream(line, answer, behaviour, usage=usage)
    else:
        await send_document(line, line.wire.whole(answer), behaviour)


async def send_document(line: Line, content: Any, behaviour: Behaviour) -> None:
    """Send one JSON document, or what the fault leaves of it."""
    if behaviour.error_first:
        await line.document(200, line.wire.error(error_named("500"))[2], "failed")
        return
    data = json.dumps(content, ensure_ascii=False).encode()
    broken = behaviour.cut is not None or behaviour.reset is not None
    if not broken and behaviour.stall is None:
        await line.document(200, content)
        return
    await line.start(200, b"application/json", len(data))
    if behaviour.stall is not None:
        await line.write(b"")
        await line.silence()
    await line.write(data[: len(data) // 2])
    line.note("reset" if behaviour.reset is not None else "cut")


async def _send_stream(line: Line, answer: MockAnswer, behaviour: Behaviour, *, usage: bool) -> None:
    """Send events. A caller who goes is noticed between two words."""
    wire = line.wire
    await line.start(200, wire.content_type)
    if behaviour.error_first:
        await line.end("failed", wire.failed(error_named("500")))
        return
    if behaviour.reset == 0:
        await line.write(b"")
        line.note("reset")
        return
    for event in wire.opening(answer):
        await line.write(event)
    if await _speak(line, answer, behaviour):
        *events, last = wire.closing(answer, usage=usage)
        for event in events:
            await line.write(event)
        await line.end("served", last)


async def _speak(line: Line, answer: MockAnswer, behaviour: Behaviour) -> bool:
    """Send the words. Returns whether the answer may be ended as it should."""
    for number, event in enumerate(line.wire.spoken(answer)):
        if number == behaviour.stall:
            await line.silence()
        if number == behaviour.cut:
            await line.end("cut")
            return False
        if number == behaviour.reset:
            line.note("reset")
            return False
        await line.write(event)
        if line.visit is not None:
            line.visit.words += 1
        await line.pause((behaviour.gap or 0.0) * _breath(answer.words[number // answer.choices]))
    return True


def _breath(word: str) -> float:
    """Return how long a word takes: longer ones more, and the end of a sentence most."""
    slow = 1.6 if word.rstrip().endswith((".", "!", "?", ":")) else 0.7
    return slow + min(len(word), _LONG_WORD) / _LONG_WORD * 0.6
