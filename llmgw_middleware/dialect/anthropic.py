"""Conversations between Anthropic callers and Anthropic-shaped backends: pass-through, with the tap beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.anthropic_decoder import MessagesDecoder
from llmgw_middleware.dialect.anthropic_encoder import MessagesEncoder
from llmgw_middleware.dialect.anthropic_errors import read_error
from llmgw_middleware.dialect.anthropic_reply import read_reply, write_reply
from llmgw_middleware.dialect.anthropic_stream import MessagesTap
from llmgw_middleware.dialect.anthropic_usage import read_usage
from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.port import Asked, Fields, MalformedReply, Outgoing, Receipt, StreamTap
from llmgw_middleware.dialect.provider import ANTHROPIC_VERSION, Profile
from llmgw_middleware.dialect.translation import EVENT_STREAM, JSON, WholeTap, gathered
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header

VERSION = b"anthropic-version"
_CROSSING = frozenset({VERSION, b"anthropic-beta", b"idempotency-key"})
"""The caller's headers that mean something to the upstream; all others stay here."""

_JSON = (b"content-type", b"application/json")
_BETA = b"beta=true"


class AnthropicMessages:
    """Messages with a backend of ``profile``. Nothing changes but ``model``. Implements ``port.Conversation``.

    The caller's ``anthropic-version`` is forwarded, unless the backend's configuration pins one.
    """

    __slots__ = ("_means", "_profile")

    def __init__(self, profile: Profile, means: Means) -> None:
        self._profile = profile
        self._means = means

    def __repr__(self) -> str:
        return "<AnthropicMessages>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request."""
        return _worded("/messages", asked, self._profile)

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - usage is part of the dialect
        """Return a fresh tap."""
        if content_type == EVENT_STREAM:
            return MessagesTap(max_event=self._means.max_event)
        if content_type != JSON:
            return None
        return WholeTap(read_reply, MessagesEncoder(self._means.scene(ChatRequest())))

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - an answer tells all by itself
        """Read a message; raises MalformedReply."""
        if content_type != EVENT_STREAM:
            return _receipt(body)
        reply = gathered(MessagesDecoder(max_event=self._means.max_event), body)
        if not reply.choices:
            raise MalformedReply("the answer says nothing")
        scene = self._means.scene(ChatRequest())
        return Receipt(body=write_reply(reply, scene), model=reply.model, usage=reply.usage)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)


class AnthropicCounting:
    """Counting of tokens by a backend of ``profile``. Implements ``port.Conversation``."""

    __slots__ = ("_profile",)

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def __repr__(self) -> str:
        return "<AnthropicCounting>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request. Nothing changes but ``model``."""
        return _worded("/messages/count_tokens", asked, self._profile)

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - counting has no streams
        """Return nothing: counting has no streams."""
        return None

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - an answer tells all by itself
        """Take the count as it is; raises MalformedReply if there is none."""
        try:
            count = msgspec.json.decode(body, type=dict[str, Any]).get("input_tokens")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise MalformedReply(f"the answer is no count of tokens: {problem}") from problem
        if isinstance(count, bool) or not isinstance(count, int):
            raise MalformedReply("the answer has no input_tokens")
        return Receipt(body=body)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)


class _Reply(msgspec.Struct, gc=False):
    content: msgspec.Raw = msgspec.Raw(b"")
    type: Any = None
    model: Any = None
    usage: Any = None


_decode = msgspec.json.Decoder(_Reply).decode
_text = msgspec.json.Decoder(str).decode


def _receipt(body: bytes) -> Receipt:
    try:
        if not body.isascii():
            body.decode()  # the JSON parser passes over bytes in fields that nobody reads
        reply = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedReply(f"the answer is no message: {problem}") from problem
    if reply.type == "error" or bytes(reply.content)[:1] != b"[":
        raise MalformedReply("the answer has no list of content")
    model = reply.model if isinstance(reply.model, str) and reply.model else None
    return Receipt(body=body, model=model, usage=read_usage(reply.usage))


def _worded(path: str, asked: Asked, profile: Profile) -> Outgoing:
    if _BETA in asked.query.split(b"&"):
        path += "?beta=true"
    fields = asked.fields
    body = asked.raw if fields is None else msgspec.json.encode(_with_model(fields, asked.model))
    return Outgoing(path=path, headers=_headers(asked, profile), body=body)


def _with_model(fields: Fields, model: str | None) -> Fields:
    if model is None:
        return fields
    said = fields.get("model")
    try:
        if said is not None and _text(said) == model:
            return fields
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return {**fields, "model": msgspec.Raw(msgspec.json.encode(model))}


def _headers(asked: Asked, profile: Profile) -> tuple[Header, ...]:
    crossing = [header for header in asked.headers if header[0] in _CROSSING]
    if profile.pinned or all(name != VERSION for name, _ in crossing):
        crossing = [header for header in crossing if header[0] != VERSION]
        crossing.append((VERSION, (profile.version or ANTHROPIC_VERSION).encode("latin-1", "replace")))
    accept = b"text/event-stream" if asked.stream else b"application/json"
    return (_JSON, (b"accept", accept), *crossing)
