"""OpenAI's Responses, as a caller's dialect and as an upstream's, without a memory on either side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_event import ChatEvent
from llmgw_middleware.dialect.chat_port import Decoder, Encoder, Scene, Terms, Written
from llmgw_middleware.dialect.chat_reply import ChatReply, Gatherer, events_of
from llmgw_middleware.dialect.loose import mapping, objects
from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.dialect.port import Fields, MalformedReply
from llmgw_middleware.dialect.responses_decode import Reader, ResponsesDecoder
from llmgw_middleware.dialect.responses_encode import ResponsesEncoder
from llmgw_middleware.dialect.responses_read import read_request
from llmgw_middleware.dialect.responses_write import write_request
from llmgw_middleware.dialect.sse import MAX_EVENT
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header


class ResponsesCaller:
    """Callers of ``/responses``. Stateless. Implements ``chat_port.CallerChat``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<ResponsesCaller>"

    def read_request(self, fields: Fields, headers: Sequence[Header]) -> ChatRequest:
        """Read a request; see ``responses_read``."""
        return read_request(fields, headers)

    def write_reply(self, reply: ChatReply, scene: Scene) -> bytes:
        """Word a complete answer."""
        encoder = ResponsesEncoder(scene)
        encoder.write(events_of(reply))
        return msgspec.json.encode(encoder.final())

    def encoder(self, scene: Scene) -> Encoder:
        """Return a fresh encoder."""
        return ResponsesEncoder(scene)


class ResponsesUpstream:
    """Backends that are spoken to by ``/responses``. Stateless. Implements ``chat_port.UpstreamChat``."""

    __slots__ = ("_max_event",)

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event

    def __repr__(self) -> str:
        return "<ResponsesUpstream>"

    def write_request(self, request: ChatRequest, terms: Terms) -> Written:
        """Word a request; see ``responses_write``."""
        return write_request(request, terms)

    def read_reply(self, body: bytes, scene: Scene) -> ChatReply:
        """Read a complete answer; raises MalformedReply, also for one that says it failed."""
        try:
            body.decode()
            found = mapping(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise MalformedReply(f"the answer is no JSON: {problem}") from problem
        if found.get("error") or not isinstance(found.get("output"), list):
            raise MalformedReply("the answer has no output, or an error beside it")
        reader, gatherer = Reader(scene.mint), Gatherer()
        _gather(gatherer, reader.start(found))
        for place, item in enumerate(objects(found["output"])):
            _gather(gatherer, reader.item(place, item))
        _gather(gatherer, reader.end(found))
        return gatherer.reply()

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)

    def decoder(self, scene: Scene, content_type: str) -> Decoder:  # noqa: ARG002 - it has one form of stream
        """Return a fresh decoder."""
        return ResponsesDecoder(scene.mint, max_event=self._max_event)


def _gather(gatherer: Gatherer, events: Iterable[ChatEvent]) -> None:
    for event in events:
        gatherer.take(event)
