"""What is decoded of OpenAI's answers and events; everything else in them is passed over.

They stand alone because their annotations are read at run time, which a compiled module does not keep.
"""

from __future__ import annotations

from typing import Any

import msgspec

_NOTHING = msgspec.Raw(b"")


class Reply(msgspec.Struct, gc=False):
    """A complete answer."""

    # Raw: the lists are only looked at from outside; embeddings run to megabytes.
    choices: msgspec.Raw = _NOTHING
    data: msgspec.Raw = _NOTHING
    model: Any = None
    usage: Any = None
    error: Any = None


class Delta(msgspec.Struct, gc=False):
    """What an event adds to one choice."""

    # Any: nothing but emptiness is asked, and odd types (Mistral's lists) must not fail the stream.
    content: Any = None
    tool_calls: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    function_call: Any = None
    reasoning_details: Any = None
    audio: Any = None


class Choice(msgspec.Struct, gc=False):
    """One of the answers that an event belongs to."""

    index: int | float | None = 0
    delta: Delta | None = None
    finish_reason: Any = None


class Chunk(msgspec.Struct, gc=False):
    """An event."""

    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    object: Any = None
    model: Any = None
