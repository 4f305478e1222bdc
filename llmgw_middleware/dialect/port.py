"""What the exchange asks of a dialect: how to word a request, how to read what comes back, how to tell of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Literal, Protocol

import msgspec

from llmgw_middleware.errors import GatewayError, NotFound
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.usage import Usage

Fields = Mapping[str, msgspec.Raw]
"""The top level of a JSON body: what was matched, and so what is sent."""


class Operation(Enum):
    """What a caller wants done, each in one dialect of callers.

    ``CHAT``, ``RESPONSES`` and ``EMBEDDINGS`` are OpenAI's, ``MESSAGES`` and ``COUNT_TOKENS`` Anthropic's. ``OPAQUE`` has no dialect and
    can only be forwarded as it is.
    """

    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"
    EMBEDDINGS = "embeddings"
    MODELS = "models"
    OPAQUE = "opaque"

    __hash__ = object.__hash__  # each is the only one of its kind, and Enum's own way is many times slower


MODELS, OPAQUE = Operation.MODELS, Operation.OPAQUE
"""Names of their own for those that are looked for in every request: to ask an enum takes twenty times as long."""


Policy = Literal["error", "drop"]
"""``onUnsupported``: a field that a backend has no word for is refused, or left out and told."""


class Unsayable(Exception):
    """Marks errors that only mean that *this* backend cannot be told the request: another one may be asked."""


class Unspoken(NotFound, Unsayable):
    """The backend has no such operation at all."""


JOINT = b"\x1e"
"""Stands between the answers of several calls; no JSON has this byte unescaped."""


class MalformedReply(Exception):
    """A successful answer that is not in the upstream's dialect. The text is for logs only."""


class Receipt(msgspec.Struct, kw_only=True, gc=False):
    """A complete answer in the caller's dialect, and what it says of itself. ``headers`` go with it."""

    body: bytes
    model: str | None = None
    usage: Usage | None = None
    headers: tuple[Header, ...] = ()


class Asked(msgspec.Struct, kw_only=True, gc=False):
    """What a conversation is to word.

    ``fields`` is None for a body that is no JSON object; then ``raw`` is sent as it is. ``intact``: ``raw`` has just these
    fields, each once, so that sending it is sending them. ``headers`` and ``query`` are the caller's; only what the dialect knows of them crosses. ``model`` is the name to send, None if nobody named one.
    ``on_unsupported`` is what the route says of fields that the backend has no word for; None leaves it to the backend.
    """

    fields: Fields | None
    raw: bytes
    headers: Sequence[Header] = ()
    query: bytes = b""
    model: str | None = None
    stream: bool = False
    intact: bool = False
    on_unsupported: Policy | None = None


class Outgoing(msgspec.Struct, kw_only=True, gc=False):
    """A request in the upstream's dialect.

    ``path`` is the operation's path below the backend's URL. ``dropped`` names what was left out of the request or
    changed in it, for ``x-llmgw-dropped``. ``remember`` is what the conversation wants to know again when the answer
    comes; nobody else reads it. ``rest`` are the bodies of further calls to the same path, made one after the other in
    the same attempt; their answers are read as one, joined by ``JOINT``. ``answer`` is the answer itself where nobody has to be asked; ``otherwise`` the one that
    stands in if the upstream refuses.
    """

    path: str
    headers: tuple[Header, ...]
    body: bytes
    dropped: tuple[str, ...] = ()
    remember: Any = None
    rest: tuple[bytes, ...] = ()
    answer: Receipt | None = None
    otherwise: Receipt | None = None


class Piece(msgspec.Struct, gc=False):
    """Bytes for the caller, whole events only. ``content``: the first of these commits the answer."""

    data: bytes
    content: bool


class StreamTap(Protocol):
    """Reads an upstream's stream beside the relay, and words it for the caller. A machine without IO.

    After each call ``fault`` tells of an error frame or a malformed stream (nothing further may be fed),
    ``finished`` that the dialect's end was seen, ``done`` that nothing more can follow.
    """

    fault: Fault | None
    finished: bool
    done: bool
    usage: Usage | None
    model: str | None
    malformed: int

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Take bytes split anywhere; return what may go to the caller now."""
        ...

    def close(self) -> Sequence[Piece]:
        """Take the upstream's clean end; return the last pieces, the terminator included if ``finished``.

        A stream that ends without its dialect's end gets ``fault`` TRUNCATED and no terminator.
        """
        ...


class Conversation(Protocol):
    """One operation between a caller's dialect and a backend's. Stateless: it serves every attempt."""

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request. Raises BadRequest for what is wrong with it, Unsayable for what this backend cannot be told."""
        ...

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:
        """Return a fresh tap of an answer to ``outgoing``; None if one of that content type cannot be read.

        ``content_type`` is a media type in lower case: what the answer is, whatever was asked for. A complete answer is
        told as a stream. ``show_usage``: the caller asked for the usage chunk.
        """
        ...

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:
        """Read the whole of a successful answer, a stream that nobody asked for included; raises MalformedReply."""
        ...

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an upstream's error answer. ``now`` is wall time, for dates in hints."""
        ...


class CallerDialect(Protocol):
    """How the gateway itself speaks to a caller."""

    def write_error(self, error: GatewayError, *, request_id: str) -> tuple[int, tuple[Header, ...], bytes]:
        """Return status, content headers and body of an error answer. Some dialects have statuses of their own."""
        ...

    def write_stream_error(self, error: GatewayError) -> bytes:
        """Return the in-band error event that ends a stream after commit: no finish and no terminator."""
        ...

    def write_models(self, names: Sequence[str], query: bytes) -> bytes:
        """Return the body of a model listing, or of the page of it that ``query`` asks for."""
        ...
