"""Gemini's ``generateContent`` as an upstream, on Google's own API and on Vertex AI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_event import ChatEvent, Failed
from llmgw_middleware.dialect.chat_port import Decoder, Scene, Terms, Written
from llmgw_middleware.dialect.chat_reply import ChatReply, Gatherer
from llmgw_middleware.dialect.gemini_errors import read_error
from llmgw_middleware.dialect.gemini_reply import Reader
from llmgw_middleware.dialect.gemini_request import write_request
from llmgw_middleware.dialect.gemini_stream import GeminiDecoder
from llmgw_middleware.dialect.loose import objects
from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.dialect.sse import MAX_EVENT
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header


class GeminiUpstream:
    """Stateless. ``max_event`` is the longest event of a stream. Implements ``chat_port.UpstreamChat``."""

    __slots__ = ("_max_event",)

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event

    def __repr__(self) -> str:
        return "<GeminiUpstream>"

    def write_request(self, request: ChatRequest, terms: Terms) -> Written:
        """Word a request; see ``gemini_request``."""
        return write_request(request, terms)

    def read_reply(self, body: bytes, scene: Scene) -> ChatReply:
        """Read a complete answer: one object, or a stream that came as a list of them. Raises MalformedReply."""
        found = _json(body)
        answers = objects(found) if isinstance(found, list) else objects([found])
        reader, gatherer = Reader(scene.mint), Gatherer()
        for answer in answers:
            _gather(gatherer, reader.take(answer, body))
        reader.assume_finished()
        _gather(gatherer, reader.end())
        reply = gatherer.reply()
        if not reply.choices:
            raise MalformedReply("the answer has no candidates")
        for choice, logprobs in zip(reply.choices, reader.logprobs(), strict=True):
            choice.logprobs = logprobs
        return reply

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)

    def decoder(self, scene: Scene, content_type: str) -> Decoder:  # noqa: ARG002 - it has one form of stream
        """Return a fresh decoder."""
        return GeminiDecoder(scene.mint, max_event=self._max_event)


def _gather(gatherer: Gatherer, events: Iterable[ChatEvent]) -> None:
    for event in events:
        if isinstance(event, Failed):
            raise MalformedReply("the answer has a status of success and an error object")
        gatherer.take(event)


def _json(body: bytes) -> Any:
    try:
        body.decode()
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedReply(f"the answer is no JSON: {problem}") from problem
