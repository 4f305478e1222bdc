"""Conversations between OpenAI callers and OpenAI-shaped backends: pass-through, with the tap beside it."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.opaque import OpaqueTap
from llmgw_middleware.dialect.openai_adjust import Adjust
from llmgw_middleware.dialect.openai_chat_decoder import CompletionDecoder
from llmgw_middleware.dialect.openai_chat_encoder import CompletionEncoder
from llmgw_middleware.dialect.openai_chat_reply import read_reply as read_completion
from llmgw_middleware.dialect.openai_chat_reply import write_reply as write_completion
from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.dialect.openai_reply import read_chat, read_embeddings
from llmgw_middleware.dialect.openai_request import request_body, request_headers
from llmgw_middleware.dialect.openai_stream import ChatTap
from llmgw_middleware.dialect.port import Asked, Outgoing, Receipt, StreamTap
from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.dialect.sse import MAX_EVENT
from llmgw_middleware.dialect.translation import EVENT_STREAM, JSON, WholeTap, gathered
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header


class OpenAIChat:
    """Chat completions with a backend of ``profile``.

    ``ask_usage``: streams are asked for their usage chunk; ``adjust``: the profile's quirks are seen to. Without
    ``means`` an answer is read only in the form that was asked for. Implements ``port.Conversation``.
    """

    __slots__ = ("_adjust", "_ask_usage", "_max_event", "_means", "_profile")

    def __init__(
        self, profile: Profile, *, ask_usage: bool, adjust: bool = True, means: Means | None = None
    ) -> None:
        self._profile = profile
        self._means = means
        self._max_event = MAX_EVENT if means is None else means.max_event
        self._adjust = Adjust(profile) if adjust else None
        self._ask_usage = ask_usage

    def __repr__(self) -> str:
        return f"<OpenAIChat{', asks for usage' if self._ask_usage else ''}>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request; see ``openai_request``."""
        fields, model, stream = asked.fields, asked.model, asked.stream
        changes = (
            None if fields is None or self._adjust is None else self._adjust.changes(fields, model, asked.raw)
        )
        return Outgoing(
            path=self._profile.path("/chat/completions", model),
            headers=request_headers(asked.headers, stream=stream),
            body=asked.raw
            if fields is None
            else request_body(
                fields,
                intact=asked.raw if asked.intact else None,
                model=model,
                usage=stream and self._ask_usage,
                changes=changes,
            ),
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - a stream tells all by itself
        """Return a fresh tap."""
        if content_type == EVENT_STREAM:
            return ChatTap(show_usage=show_usage, max_event=self._max_event)
        if content_type != JSON or self._means is None:
            return None
        means = self._means
        scene = means.scene(ChatRequest(include_usage=show_usage))
        return WholeTap(lambda body: read_completion(body, means.mint), CompletionEncoder(scene))

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - an answer tells all by itself
        """Read a completion; raises MalformedReply."""
        if content_type != EVENT_STREAM or self._means is None:
            return read_chat(body)
        reply = gathered(CompletionDecoder(self._means.mint, max_event=self._max_event), body)
        scene = self._means.scene(ChatRequest())
        return Receipt(body=write_completion(reply, scene), model=reply.model, usage=reply.usage)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)


class OpenAIEmbeddings:
    """Embeddings with a backend of ``profile``. Implements ``port.Conversation``."""

    __slots__ = ("_profile",)

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def __repr__(self) -> str:
        return "<OpenAIEmbeddings>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request. Nothing changes but ``model``."""
        fields, model = asked.fields, asked.model
        return Outgoing(
            path=self._profile.path("/embeddings", model),
            headers=request_headers(asked.headers, stream=asked.stream),
            body=asked.raw
            if fields is None
            else request_body(fields, intact=asked.raw if asked.intact else None, model=model, usage=False),
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - embeddings have no usage chunk
        """Return a tap that only relays: this operation has no streams of its own."""
        return OpaqueTap() if content_type == EVENT_STREAM else None

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - an answer tells all by itself
        """Read a list of embeddings; raises MalformedReply."""
        return read_embeddings(body)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)
