"""Anthropic messages as a side of a translation: what callers say, and what upstreams say."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.dialect.anthropic_decoder import MessagesDecoder
from llmgw_middleware.dialect.anthropic_encoder import MessagesEncoder
from llmgw_middleware.dialect.anthropic_errors import read_error
from llmgw_middleware.dialect.anthropic_read import read_request
from llmgw_middleware.dialect.anthropic_reply import read_reply, write_reply
from llmgw_middleware.dialect.anthropic_write import write_request
from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_port import Decoder, Encoder, Scene, Terms, Written
from llmgw_middleware.dialect.chat_reply import ChatReply
from llmgw_middleware.dialect.port import Fields
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header


class MessagesCaller:
    """Callers of ``/messages``. Implements ``chat_port.CallerChat``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Anthropic messages"

    def read_request(self, fields: Fields, headers: Sequence[Header]) -> ChatRequest:
        """Read a request; see ``anthropic_read``."""
        return read_request(fields, headers)

    def write_reply(self, reply: ChatReply, scene: Scene) -> bytes:
        """Word a ``message``."""
        return write_reply(reply, scene)

    def encoder(self, scene: Scene) -> Encoder:
        """Return a fresh encoder of a message's events."""
        return MessagesEncoder(scene)


class MessagesUpstream:
    """Backends that serve ``/messages``. Implements ``chat_port.UpstreamChat``."""

    __slots__ = ("_max_event",)

    def __init__(self, *, max_event: int) -> None:
        self._max_event = max_event

    def __repr__(self) -> str:
        return "Anthropic messages"

    def write_request(self, request: ChatRequest, terms: Terms) -> Written:
        """Word a request; see ``anthropic_write``."""
        return write_request(request, terms)

    def read_reply(self, body: bytes, scene: Scene) -> ChatReply:  # noqa: ARG002 - the body says it all
        """Read a ``message``."""
        return read_reply(body)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)

    def decoder(self, scene: Scene, content_type: str) -> Decoder:  # noqa: ARG002 - it has one form only
        """Return a fresh decoder of a message's events."""
        return MessagesDecoder(max_event=self._max_event)
