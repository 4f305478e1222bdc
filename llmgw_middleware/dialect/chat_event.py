"""The canonical stream: what an answer says, piece by piece. Every decoder makes these, every encoder writes them.

The grammar that decoders promise: first ``Started``; then content in the order it was said; ``UsageSeen`` at any time,
each replacing the one before; last ``Finished``, once for each choice, held back until the dialect's own end was seen.
Or ``Failed`` in place of all that was to come. Texts are never empty. A tool's ``ToolStarted`` comes before its
``ToolArguments``, its id and name are never empty (an id that the upstream does not send is minted), and a tool
without arguments has none of the latter. ``tool`` counts the calls of a choice from 0 without gaps, whatever number the
upstream gave them; arguments of several calls may interleave. ``choice`` is 0 but for ``n`` above 1.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, TypeAlias

import msgspec

from llmgw_middleware.dialect.chat import Family, Source
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.usage import Usage


class Finish(Enum):
    """Why an answer ended. ``PAUSED``: the upstream wants to be asked again. ``MALFORMED``: it says it failed to answer."""

    STOP = "stop"
    TOOLS = "tool_calls"
    LENGTH = "length"
    FILTERED = "content_filter"
    PAUSED = "paused"
    MALFORMED = "malformed"


class Started(msgspec.Struct, frozen=True, gc=False):
    """The answer begins. What the upstream said of itself; ``usage`` if it told the input's tokens already."""

    id: str | None = None
    model: str | None = None
    usage: Usage | None = None


class Text(msgspec.Struct, frozen=True, gc=False):
    """Text of the answer."""

    text: str
    choice: int = 0


class Thinking(msgspec.Struct, frozen=True, gc=False):
    """A thought, or its summary."""

    text: str
    choice: int = 0


class Carrier(msgspec.Struct, frozen=True, gc=False):
    """An opaque value that must come back with the history.

    ``signature`` closes the thinking before it (Anthropic, Converse) or, with ``tool``, belongs to that call (Gemini);
    ``redacted`` is a thought of its own. It goes back to its ``family`` only.
    """

    kind: Literal["signature", "redacted"]
    data: str
    family: Family
    tool: int | None = None
    choice: int = 0


class ToolStarted(msgspec.Struct, frozen=True, gc=False):
    """A call of a client's tool begins. Server tools are never told as calls."""

    tool: int
    id: str
    name: str
    custom: bool = False
    choice: int = 0


class ToolArguments(msgspec.Struct, frozen=True, gc=False):
    """A piece of a call's arguments, JSON text."""

    tool: int
    text: str
    choice: int = 0


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A piece of the model's own words on why it will not answer."""

    text: str
    choice: int = 0


class Citation(msgspec.Struct, frozen=True, gc=False):
    """A source of the text so far."""

    source: Source
    choice: int = 0


class UsageSeen(msgspec.Struct, frozen=True, gc=False):
    """Tokens so far: cumulative, it replaces what was told before and never adds to it."""

    usage: Usage


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The choice is complete.

    ``detail`` is the upstream's own word where ``reason`` says less (``pause_turn``, an unknown one);
    ``stop_sequence`` the sequence that was met; ``explanation`` why it was filtered.
    """

    reason: Finish
    detail: str | None = None
    stop_sequence: str | None = None
    explanation: str | None = None
    choice: int = 0


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The upstream failed in band, or what it sends cannot be read. Nothing follows."""

    fault: Fault


class Ping(msgspec.Struct, frozen=True, gc=False):
    """A sign of life that says nothing."""


ChatEvent: TypeAlias = (
    Started
    | Text
    | Thinking
    | Carrier
    | ToolStarted
    | ToolArguments
    | Refusal
    | Citation
    | UsageSeen
    | Finished
    | Failed
    | Ping
)

CONTENT = frozenset({Text, Thinking, Carrier, ToolStarted, ToolArguments, Refusal, Citation})
"""The events that commit an answer, by their types."""
