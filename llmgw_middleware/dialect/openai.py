"""Conversations between OpenAI callers and OpenAI-shaped backends: pass-through, with the tap beside it."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.dialect.opaque import OpaqueTap
from llmgw_middleware.dialect.openai_adjust import Adjust
from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.dialect.openai_reply import read_chat, read_embeddings
from llmgw_middleware.dialect.openai_request import request_body, request_headers
from llmgw_middleware.dialect.openai_stream import ChatTap
from llmgw_middleware.dialect.port import Fields, Outgoing, Receipt, StreamTap
from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header


class OpenAIChat:
    """Chat completions with a backend of ``profile``.

    ``ask_usage``: streams are asked for their usage chunk; ``adjust``: the profile's quirks are seen to. Implements ``port.Conversation``.
    """

    __slots__ = ("_adjust", "_ask_usage", "_profile")

    def __init__(self, profile: Profile, *, ask_usage: bool, adjust: bool = True) -> None:
        self._profile = profile
        self._adjust = Adjust(profile) if adjust else None
        self._ask_usage = ask_usage

    def __repr__(self) -> str:
        return f"<OpenAIChat{', asks for usage' if self._ask_usage else ''}>"

    def outgoing(
        self, fields: Fields | None, raw: bytes, *, headers: Sequence[Header], model: str | None, stream: bool
    ) -> Outgoing:
        """Word the request; see ``openai_request``."""
        usage = stream and self._ask_usage
        changes = None if fields is None or self._adjust is None else self._adjust.changes(fields, model)
        return Outgoing(
            path=self._profile.path("/chat/completions", model),
            headers=request_headers(headers, stream=stream),
            body=raw
            if fields is None
            else request_body(fields, raw, model=model, usage=usage, changes=changes),
        )

    def tap(self, *, show_usage: bool) -> StreamTap:
        """Return a fresh tap."""
        return ChatTap(show_usage=show_usage)

    def read_reply(self, body: bytes) -> Receipt:
        """Read a completion; raises MalformedReply."""
        return read_chat(body)

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

    def outgoing(
        self, fields: Fields | None, raw: bytes, *, headers: Sequence[Header], model: str | None, stream: bool
    ) -> Outgoing:
        """Word the request. Nothing changes but ``model``."""
        return Outgoing(
            path=self._profile.path("/embeddings", model),
            headers=request_headers(headers, stream=stream),
            body=raw if fields is None else request_body(fields, raw, model=model, usage=False),
        )

    def tap(self, *, show_usage: bool) -> StreamTap:  # noqa: ARG002 - embeddings have no usage chunk
        """Return a tap that only relays: this operation has no streams of its own."""
        return OpaqueTap()

    def read_reply(self, body: bytes) -> Receipt:
        """Read a list of embeddings; raises MalformedReply."""
        return read_embeddings(body)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)
