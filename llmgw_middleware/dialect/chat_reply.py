"""The canonical complete answer, and its way to the canonical stream and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from llmgw_middleware.dialect.chat import (
    CarrierPart,
    Family,
    Part,
    RefusalPart,
    Source,
    TextPart,
    ThinkingPart,
    ToolCall,
)
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Failed,
    Finish,
    Finished,
    Ping,
    Refusal,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.model.usage import Usage


class Choice(msgspec.Struct, kw_only=True):
    """One answer: texts, thinking, carriers, tool calls and refusals in the order they were said.

    ``citations`` are those of all its texts, with offsets over the texts joined. ``logprobs`` is the upstream's JSON.
    The rest as in ``chat_event.Finished``.
    """

    parts: Sequence[Part]
    finish: Finish
    detail: str | None = None
    stop_sequence: str | None = None
    explanation: str | None = None
    citations: Sequence[Source] = ()
    logprobs: msgspec.Raw | None = None


class ChatReply(msgspec.Struct, kw_only=True):
    """A complete answer. ``id``, ``model`` and ``created`` (Unix seconds) are the upstream's words; usage None: not told."""

    choices: Sequence[Choice]
    id: str | None = None
    model: str | None = None
    created: int | None = None
    usage: Usage | None = None


def events_of(reply: ChatReply) -> Iterator[ChatEvent]:
    """Tell a complete answer as a stream."""
    yield Started(reply.id, reply.model, reply.usage)
    for index, choice in enumerate(reply.choices):
        yield from _said(choice, index)
    if reply.usage is not None:
        yield UsageSeen(reply.usage)
    for index, choice in enumerate(reply.choices):
        yield Finished(choice.finish, choice.detail, choice.stop_sequence, choice.explanation, index)


def _said(choice: Choice, index: int) -> Iterator[ChatEvent]:
    tool = -1
    for part in choice.parts:
        match part:
            case TextPart(text) if text:
                yield Text(text, index)
            case RefusalPart(text) if text:
                yield Refusal(text, index)
            case ThinkingPart(text, signature, family):
                if text:
                    yield Thinking(text, index)
                if signature and family:
                    yield Carrier("signature", signature, family, None, index)
            case CarrierPart(data, family):
                yield Carrier("redacted", data, family, None, index)
            case ToolCall():
                tool += 1
                yield from _called(part, tool, index)
            case _:
                pass
    for source in choice.citations:
        yield Citation(source, index)


def _called(call: ToolCall, tool: int, index: int) -> Iterator[ChatEvent]:
    yield ToolStarted(tool, call.id, call.name, call.custom, index)
    if call.signature:
        yield Carrier("signature", call.signature, "google", tool, index)
    if call.arguments:
        yield ToolArguments(tool, call.arguments, index)


class _Draft:
    """One choice as far as it has been heard."""

    __slots__ = ("_kind", "_piece", "arguments", "citations", "end", "heads", "parts", "signatures")

    def __init__(self) -> None:
        # A tool call stands among the parts as its number, until its arguments are complete.
        self.parts: list[Part | int] = []
        self.heads: dict[int, ToolStarted] = {}
        self.arguments: dict[int, list[str]] = {}
        self.signatures: dict[int, str] = {}
        self.citations: list[Source] = []
        self.end: Finished | None = None
        self._kind: type[Text | Thinking | Refusal] | None = None
        self._piece: list[str] = []

    def say(self, kind: type[Text | Thinking | Refusal], text: str) -> None:
        if self._kind is not kind:
            self.close()
            self._kind = kind
        self._piece.append(text)

    def close(self, signature: str | None = None, family: Family | None = None) -> None:
        """End the running text, with the signature that came after it."""
        text, kind = "".join(self._piece), self._kind
        self._kind, self._piece = None, []
        if kind is Text:
            self.parts.append(TextPart(text))
        elif kind is Refusal:
            self.parts.append(RefusalPart(text))
        if kind is Thinking or (signature is not None):
            self.parts.append(ThinkingPart(text if kind is Thinking else "", signature, family))

    def take(self, event: ChatEvent) -> None:
        match event:
            case Text(text) | Thinking(text) | Refusal(text):
                self.say(type(event), text)
            case ToolStarted(tool):
                self.close()
                self.parts.append(tool)
                self.heads[tool], self.arguments[tool] = event, []
            case ToolArguments(tool, text):
                self.arguments[tool].append(text)
            case Carrier("signature", data, _, int(tool)):
                self.signatures[tool] = data
            case Carrier("signature", data, family):
                self.close(data, family)
            case Carrier(_, data, family):
                self.close()
                self.parts.append(CarrierPart(data, family))
            case Citation(source):
                self.citations.append(source)
            case Finished():
                self.end = event
            case _:
                pass

    def choice(self) -> Choice:
        self.close()
        end = self.end or Finished(Finish.STOP)
        return Choice(
            parts=[self._call(part) if isinstance(part, int) else part for part in self.parts],
            finish=end.reason,
            detail=end.detail,
            stop_sequence=end.stop_sequence,
            explanation=end.explanation,
            citations=self.citations,
        )

    def _call(self, tool: int) -> ToolCall:
        head = self.heads[tool]
        return ToolCall(
            id=head.id,
            name=head.name,
            arguments="".join(self.arguments[tool]),
            custom=head.custom,
            signature=self.signatures.get(tool),
        )


class Gatherer:
    """Makes a complete answer of a stream's events; for callers who did not ask for a stream and upstreams that sent one."""

    __slots__ = ("_drafts", "_started", "_usage")

    def __init__(self) -> None:
        self._drafts: dict[int, _Draft] = {}
        self._started = Started()
        self._usage: Usage | None = None

    def __repr__(self) -> str:
        return f"<Gatherer of {len(self._drafts)} choices>"

    def take(self, event: ChatEvent) -> None:
        """Take the next event. ``Failed`` is the caller's business."""
        if isinstance(event, Started):
            self._started = event
        elif isinstance(event, UsageSeen):
            self._usage = event.usage
        elif not isinstance(event, Failed | Ping):
            self._drafts.setdefault(event.choice, _Draft()).take(event)

    def reply(self) -> ChatReply:
        """Return what was said, with the last usage that was told."""
        return ChatReply(
            choices=[self._drafts[index].choice() for index in sorted(self._drafts)],
            id=self._started.id,
            model=self._started.model,
            usage=self._usage or self._started.usage,
        )
