"""Bedrock's Converse as an upstream."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_port import Decoder, Scene, Terms, Written
from llmgw_middleware.dialect.chat_reply import ChatReply, Gatherer
from llmgw_middleware.dialect.converse_errors import read_error
from llmgw_middleware.dialect.converse_reply import Reader
from llmgw_middleware.dialect.converse_request import write_request
from llmgw_middleware.dialect.converse_stream import ConverseDecoder
from llmgw_middleware.dialect.eventstream import MAX_FRAME
from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header


class ConverseUpstream:
    """Stateless. ``max_event`` is the longest frame of a stream. Implements ``chat_port.UpstreamChat``."""

    __slots__ = ("_max_event",)

    def __init__(self, *, max_event: int = MAX_FRAME) -> None:
        self._max_event = max_event

    def __repr__(self) -> str:
        return "<ConverseUpstream>"

    def write_request(self, request: ChatRequest, terms: Terms) -> Written:
        """Word a request; see ``converse_request``."""
        return write_request(request, terms)

    def read_reply(self, body: bytes, scene: Scene) -> ChatReply:
        """Read a complete answer. Raises MalformedReply."""
        try:
            body.decode()
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise MalformedReply(f"the answer is no JSON: {problem}") from problem
        if not isinstance(found, dict) or not isinstance(found.get("output"), dict):
            raise MalformedReply("the answer has no output")
        reader, gatherer = Reader(scene.mint), Gatherer()
        for event in reader.whole(found):
            gatherer.take(event)
        gatherer.take(reader.end())
        return gatherer.reply()

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)

    def decoder(self, scene: Scene, content_type: str) -> Decoder:  # noqa: ARG002 - it has one form of stream
        """Return a fresh decoder."""
        return ConverseDecoder(scene.mint, max_event=self._max_event)
