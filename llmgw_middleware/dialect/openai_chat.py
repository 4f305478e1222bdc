"""OpenAI chat completions as a side of a translation: what callers say, and what upstreams say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_port import Decoder, Encoder, Scene, Terms, Written
from llmgw_middleware.dialect.chat_reply import ChatReply
from llmgw_middleware.dialect.openai_chat_decoder import CompletionDecoder
from llmgw_middleware.dialect.openai_chat_encoder import CompletionEncoder
from llmgw_middleware.dialect.openai_chat_read import read_request
from llmgw_middleware.dialect.openai_chat_reply import read_reply, write_reply
from llmgw_middleware.dialect.openai_chat_write import write_request
from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.dialect.port import Fields
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header


class ChatCaller:
    """Callers of ``/chat/completions``. Implements ``chat_port.CallerChat``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "OpenAI chat"

    def read_request(self, fields: Fields, headers: Sequence[Header]) -> ChatRequest:
        """Read a request; see ``openai_chat_read``."""
        return read_request(fields, headers)

    def write_reply(self, reply: ChatReply, scene: Scene) -> bytes:
        """Word a ``chat.completion``."""
        return write_reply(reply, scene)

    def encoder(self, scene: Scene) -> Encoder:
        """Return a fresh encoder of chunks."""
        return CompletionEncoder(scene)


class ChatUpstream:
    """Backends that serve ``/chat/completions``. Implements ``chat_port.UpstreamChat``.

    ``path`` makes the path of an operation and a model: ``provider.Profile.path``.
    """

    __slots__ = ("_max_event", "_path")

    def __init__(self, *, max_event: int, path: Callable[[str, str | None], str] | None = None) -> None:
        self._max_event = max_event
        self._path = path

    def __repr__(self) -> str:
        return "OpenAI chat"

    def write_request(self, request: ChatRequest, terms: Terms) -> Written:
        """Word a request; see ``openai_chat_write``."""
        written = write_request(request, terms)
        return written if self._path is None else replace(written, path=self._path(written.path, terms.model))

    def read_reply(self, body: bytes, scene: Scene) -> ChatReply:
        """Read a ``chat.completion``."""
        return read_reply(body, scene.mint)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)

    def decoder(self, scene: Scene, content_type: str) -> Decoder:  # noqa: ARG002 - it has one form only
        """Return a fresh decoder of chunks."""
        return CompletionDecoder(scene.mint, max_event=self._max_event)
