"""What a dialect implements to take part in translation: a caller's side, an upstream's side, or both.

A caller's side reads requests and writes answers, an upstream's side the reverse. Both are stateless and know only
their own dialect and the canonical chat; ``translation.Translation`` makes a conversation of one of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from llmgw_middleware.dialect.capability import Capabilities
from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_event import ChatEvent
from llmgw_middleware.dialect.chat_reply import ChatReply
from llmgw_middleware.dialect.port import Fields, Policy
from llmgw_middleware.dialect.quirks import Quirks
from llmgw_middleware.dialect.responses_owner import Owners
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header

Mint = Callable[[], str]
"""Returns fresh letters and digits, 24 of them, for ids that the upstream does not give."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On what terms a request is written for one backend.

    ``model`` is the name to send (None: nobody named one), ``can`` what it can do, ``capabilities`` what the
    configuration says of it. ``max_tokens`` is the backend's ``maxTokens``, for dialects that require a limit.
    ``version`` is the backend's ``apiVersion`` or its provider's usual one, ``family`` whose carriers it reads,
    ``quirks`` its row's with the configuration laid over them. ``place`` has ``region``, ``project``, ``location`` and
    ``deployment`` where the backend has them. ``salt`` is the backend's secret for ``end_user.opaque_id``.
    """

    model: str | None
    on_unsupported: Policy = "error"
    max_tokens: int = 8192
    version: str | None = None
    can: Capabilities = Capabilities()
    capabilities: Mapping[str, Any] = {}
    quirks: Quirks = Quirks()
    family: str = ""
    place: Mapping[str, str] = {}
    salt: bytes = b""

    def __repr__(self) -> str:
        return f"<Terms for {self.model}, {self.on_unsupported}>"


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A request in an upstream's dialect.

    ``path`` is below the backend's URL and may hold a query (``:streamGenerateContent?alt=sse``). ``headers`` are those
    of the dialect (version, content type), never the credential. ``dropped``: see ``adjust.Adjustments``.
    """

    path: str
    body: bytes
    headers: tuple[Header, ...] = ()
    dropped: tuple[str, ...] = ()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the two sides of an answer must know beyond the answer itself.

    ``request`` is the canonical one; ``model`` what the caller asked for, shown where the upstream names none; ``sent``
    what the backend was asked for;
    ``created`` Unix seconds; ``estimate`` the estimated input tokens, for callers who are told before the upstream counts.
    """

    request: ChatRequest
    model: str | None
    created: int
    sent: str | None = None
    estimate: int
    mint: Mint


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend's conversations need from outside: they have neither clock nor chance of their own.

    ``terms`` are the backend's for a model, under what the route says of unsupported fields. ``clock`` is wall time in
    seconds. ``estimate`` tells about how many input tokens a request to a model has, and ``learn`` hears how many the
    upstream counted. ``max_event`` is the longest event of a stream, in bytes. ``name`` is the backend's;
    ``owners`` know which backend keeps which response.
    """

    terms: Callable[[str | None, Policy | None], Terms]
    mint: Mint
    clock: Callable[[], float]
    estimate: Callable[[str | None, ChatRequest], int]
    learn: Callable[[str | None, ChatRequest, int], None]
    max_event: int
    name: str = ""
    owners: Owners = msgspec.field(default_factory=Owners)

    def scene(self, request: ChatRequest, *, asked: str | None = None, sent: str | None = None) -> Scene:
        """Return the scene of an answer to ``request``: for the model ``asked`` for, answered by the one ``sent``."""
        return Scene(
            request=request,
            model=asked,
            sent=sent,
            created=int(self.clock()),
            estimate=self.estimate(sent, request),
            mint=self.mint,
        )


class Decoder(Protocol):
    """An upstream's bytes to events, by the grammar of ``chat_event``. A machine without IO.

    ``finished``: the dialect's finish was seen, though ``Finished`` may still be held back. ``done``: nothing can
    follow, bytes after it are ignored. ``malformed`` counts the events that could not be read and were passed over.
    """

    finished: bool
    done: bool
    malformed: int

    def feed(self, data: bytes) -> Sequence[ChatEvent]:
        """Take bytes split anywhere. An event over the limit gives ``Failed`` with ``PROTOCOL``."""
        ...

    def close(self) -> Sequence[ChatEvent]:
        """Take the upstream's clean end: the held ``Finished``, or ``Failed`` with ``TRUNCATED``."""
        ...


class Encoder(Protocol):
    """Events to a caller's bytes. A machine without IO."""

    def write(self, events: Iterable[ChatEvent]) -> bytes:
        """Return whole events of the caller's dialect, or nothing yet. ``Failed`` never comes here."""
        ...

    def close(self) -> bytes:
        """Return what ends the answer (finish, usage, terminator); called once, after ``Finished``."""
        ...


class CallerChat(Protocol):
    """A caller's side of a chat dialect."""

    def read_request(self, fields: Fields, headers: Sequence[Header]) -> ChatRequest:
        """Read a request whose top level has been split; raises BadRequest naming ``param``."""
        ...

    def write_reply(self, reply: ChatReply, scene: Scene) -> bytes:
        """Word a complete answer. Raises MalformedReply for what the dialect cannot say (arguments that are no JSON)."""
        ...

    def encoder(self, scene: Scene) -> Encoder:
        """Return a fresh encoder."""
        ...


class UpstreamChat(Protocol):
    """An upstream's side of a chat dialect."""

    def write_request(self, request: ChatRequest, terms: Terms) -> Written:
        """Word a request; ``request.stream`` says whether a stream is wanted. Raises Unsupported, BadRequest."""
        ...

    def read_reply(self, body: bytes, scene: Scene) -> ChatReply:
        """Read a complete successful answer; raises MalformedReply, also for an answer that says it failed."""
        ...

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer. ``now`` is wall time, for dates in hints."""
        ...

    def decoder(self, scene: Scene, content_type: str) -> Decoder:
        """Return a fresh decoder of a stream of that media type (lower case, without parameters)."""
        ...
