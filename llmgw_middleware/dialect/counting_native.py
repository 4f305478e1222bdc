"""Counting of tokens by Gemini, Bedrock and OpenAI for callers of Anthropic's ``count_tokens``; an estimate where they refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_port import CallerChat, Means, Terms
from llmgw_middleware.dialect.counting import estimated
from llmgw_middleware.dialect.loose import mapping
from llmgw_middleware.dialect.port import Asked, MalformedReply, Outgoing, Receipt, StreamTap
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header

_JSON: tuple[Header, ...] = ((b"content-type", b"application/json"), (b"accept", b"application/json"))

Worded = Callable[[ChatRequest, Terms], tuple[str, Any]]
"""Returns path and body of the question."""


class ReadError(Protocol):
    """Reads an error answer of the backend."""

    def __call__(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Return what it tells."""
        ...


class NativeCounting:
    """Asks the backend. ``key`` is where its answer has the number. Implements ``port.Conversation``."""

    __slots__ = ("_caller", "_key", "_means", "_read_error", "_worded")

    def __init__(
        self, caller: CallerChat, means: Means, *, worded: Worded, key: str, read_error: ReadError
    ) -> None:
        self._caller = caller
        self._means = means
        self._worded = worded
        self._key = key
        self._read_error = read_error

    def __repr__(self) -> str:
        return f"<NativeCounting by {self._key}>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the question; what the backend has no word for counts for nothing."""
        if asked.fields is None:
            raise BadRequest("The request body has to be a JSON object.", code="invalid_json")
        request = self._caller.read_request(asked.fields, asked.headers)
        path, body = self._worded(request, self._means.terms(asked.model, "drop"))
        return Outgoing(
            path=path,
            headers=_JSON,
            body=msgspec.json.encode(body),
            otherwise=estimated(self._means.estimate(asked.model, request)),
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - counting has no streams
        """Return nothing: counting has no streams."""
        return None

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - it has one form
        """Read the number; raises MalformedReply."""
        try:
            tokens = mapping(msgspec.json.decode(body)).get(self._key)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise MalformedReply(f"the answer is no JSON: {problem}") from problem
        if isinstance(tokens, bool) or not isinstance(tokens, int):
            raise MalformedReply("the answer has no number of tokens")
        return Receipt(body=msgspec.json.encode({"input_tokens": tokens}))

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return self._read_error(status, headers, body, now=now)
