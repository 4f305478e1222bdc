"""A conversation between two dialects: requests and answers go through the canonical chat."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmgw_middleware.dialect.chat_event import CONTENT, Failed, Finish, Finished, Started, UsageSeen
from llmgw_middleware.dialect.chat_port import CallerChat, Decoder, Encoder, Means, Scene, UpstreamChat
from llmgw_middleware.dialect.chat_reply import ChatReply, Choice, Gatherer, events_of
from llmgw_middleware.dialect.port import Asked, MalformedReply, Outgoing, Piece, Receipt, StreamTap
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.usage import Usage

EVENT_STREAM = "text/event-stream"
EVENT_FRAMES = "application/vnd.amazon.eventstream"
JSON = "application/json"


class Translation:
    """A caller's dialect and another of a backend. Implements ``port.Conversation``.

    The answer is read by its content type, not by what was asked for: a stream that the caller did not want is
    gathered, a complete answer to a stream is told as one.
    """

    __slots__ = ("_caller", "_means", "_upstream")

    def __init__(self, caller: CallerChat, upstream: UpstreamChat, means: Means) -> None:
        self._caller = caller
        self._upstream = upstream
        self._means = means

    def __repr__(self) -> str:
        return f"<Translation from {self._caller!r} to {self._upstream!r}>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Read the caller's request and word it for the backend. Raises BadRequest, Unsupported among them."""
        if asked.fields is None:
            raise BadRequest("The request body has to be a JSON object.", code="invalid_json")
        try:
            request = self._caller.read_request(asked.fields, asked.headers)
            request.stream = asked.stream
            terms = self._means.terms(asked.model, asked.on_unsupported)
            written = self._upstream.write_request(request, terms)
        except RecursionError as problem:
            raise BadRequest(
                "The request body is nested too deeply to be translated.", code="json_too_deep"
            ) from problem
        return Outgoing(
            path=written.path,
            headers=written.headers,
            body=written.body,
            dropped=written.dropped,
            remember=self._means.scene(request, asked=request.model or asked.model, sent=asked.model),
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - the scene knows
        """Return a fresh tap of a stream, or of a complete answer that is to be told as one."""
        scene: Scene = outgoing.remember
        encoder = self._caller.encoder(scene)
        if content_type == JSON:
            return WholeTap(lambda body: self._learnt(self._upstream.read_reply(body, scene), scene), encoder)
        if content_type not in {EVENT_STREAM, EVENT_FRAMES}:
            return None
        return TranslatingTap(
            self._upstream.decoder(scene, content_type), encoder, lambda usage: self._learn(usage, scene)
        )

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:
        """Read a complete answer and word it for the caller; raises MalformedReply."""
        scene: Scene = outgoing.remember
        if content_type in {EVENT_STREAM, EVENT_FRAMES}:
            reply = gathered(self._upstream.decoder(scene, content_type), body)
        else:
            reply = self._upstream.read_reply(body, scene)
        if not reply.choices or any(_is_empty(choice) for choice in reply.choices):
            raise MalformedReply("the answer says nothing")
        self._learnt(reply, scene)
        return Receipt(body=self._caller.write_reply(reply, scene), model=reply.model, usage=reply.usage)

    def _learnt(self, reply: ChatReply, scene: Scene) -> ChatReply:
        if reply.usage is not None:
            self._learn(reply.usage, scene)
        return reply

    def _learn(self, usage: Usage, scene: Scene) -> None:
        self._means.learn(scene.sent, scene.request, usage.input)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer of the backend."""
        return self._upstream.read_error(status, headers, body, now=now)


EMPTY = frozenset({Finish.PAUSED, Finish.MALFORMED})
"""Ends that are an answer only if something was said before."""


def _is_empty(choice: Choice) -> bool:
    return choice.finish in EMPTY and not choice.parts


def gathered(decoder: Decoder, body: bytes) -> ChatReply:
    """Read a whole stream as one answer; raises MalformedReply if it fails in band or is cut off."""
    gatherer = Gatherer()
    for event in (*decoder.feed(body), *decoder.close()):
        if isinstance(event, Failed):
            raise MalformedReply(f"the stream failed: {event.fault.kind.value}")
        gatherer.take(event)
    return gatherer.reply()


class TranslatingTap:
    """Decodes the upstream's stream and encodes it for the caller. Implements ``port.StreamTap``."""

    __slots__ = ("_content", "_decoder", "_encoder", "_learn", "_said", "done", "fault", "model", "usage")

    def __init__(self, decoder: Decoder, encoder: Encoder, learn: Callable[[Usage], None]) -> None:
        self.fault: Fault | None = None
        self.done = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self._decoder = decoder
        self._encoder = encoder
        self._content = False
        self._said = False
        self._learn = learn

    def __repr__(self) -> str:
        return f"<TranslatingTap {self._decoder!r} to {self._encoder!r}>"

    @property
    def finished(self) -> bool:
        """Whether the dialect's finish was seen."""
        return self._decoder.finished

    @finished.setter
    def finished(self, _: bool) -> None:
        raise AttributeError("only the decoder knows")

    @property
    def malformed(self) -> int:
        """How many events could not be read."""
        return self._decoder.malformed

    @malformed.setter
    def malformed(self, _: int) -> None:
        raise AttributeError("only the decoder knows")

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Take bytes split anywhere; return what may go to the caller now."""
        if self.done or self.fault is not None:
            return ()
        return self._tell(self._decoder.feed(data))

    def close(self) -> Sequence[Piece]:
        """Take the upstream's clean end."""
        if self.done or self.fault is not None:
            return ()
        return self._tell(self._decoder.close())

    def _tell(self, events: Sequence[object]) -> Sequence[Piece]:
        for event in events:
            if type(event) in CONTENT:
                self._content = self._said = True
            else:
                self._note(event)
        data = self._encoder.write(events)  # type: ignore[arg-type] # they are a decoder's
        if self._decoder.done and self.fault is None:
            self.done = True
            data += self._encoder.close()
            if self.usage is not None:
                self._learn(self.usage)
        if not data:
            return ()
        content, self._content = self._content, False
        return (Piece(data, content),)

    def _note(self, event: object) -> None:
        """Keep what an event says of the answer as a whole."""
        if isinstance(event, UsageSeen):
            self.usage = event.usage
        elif isinstance(event, Started):
            self.model, self.usage = event.model, event.usage
        elif isinstance(event, Failed):
            self.fault = event.fault
        elif isinstance(event, Finished) and event.reason in EMPTY and not self._said:
            self.fault = Fault(kind=FaultKind.PROTOCOL, message="the answer says nothing")


class WholeTap:
    """Collects a complete answer and tells it as a stream. Implements ``port.StreamTap``."""

    __slots__ = (
        "_encoder",
        "_parts",
        "_read",
        "_size",
        "done",
        "fault",
        "finished",
        "malformed",
        "model",
        "usage",
    )

    LONGEST = 64 * 1024 * 1024
    """Bytes of an answer that is read whole."""

    def __init__(self, read: Callable[[bytes], ChatReply], encoder: Encoder) -> None:
        self.fault: Fault | None = None
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.malformed = 0
        self._read = read
        self._encoder = encoder
        self._parts: list[bytes] = []
        self._size = 0

    def __repr__(self) -> str:
        return f"<WholeTap {self._size} bytes, {'done' if self.done else 'open'}>"

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Keep the bytes until the end."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > self.LONGEST:
            self.fault = Fault(
                kind=FaultKind.PROTOCOL, message="the answer is too long to be told as a stream"
            )
        return ()

    def close(self) -> Sequence[Piece]:
        """Tell the answer."""
        if self.done or self.fault is not None:
            return ()
        try:
            reply = self._read(b"".join(self._parts))
        except MalformedReply as problem:
            self.fault = Fault(kind=FaultKind.PROTOCOL, message=str(problem))
            return ()
        self.model, self.usage = reply.model, reply.usage
        self.finished = self.done = True
        data = self._encoder.write(events_of(reply)) + self._encoder.close()
        return (Piece(data, content=True),)
