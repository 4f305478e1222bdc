"""A backend ready to be spoken to: all that does not change from request to request is worked out once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.chat_size import measured
from llmgw_middleware.dialect.port import OPAQUE, Conversation, Operation, Outgoing, Unspoken
from llmgw_middleware.dialect.provider import Profile, profile_of
from llmgw_middleware.dialect.registry import Conversations
from llmgw_middleware.dialect.responses_owner import Owners
from llmgw_middleware.dialect.terms import TermsOf
from llmgw_middleware.exchange.authority import credentials_of
from llmgw_middleware.exchange.headers import over
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.model.http import Header, Request
from llmgw_middleware.transport.port import Call
from llmgw_middleware.usage.estimate import Estimator, Size

_OURS: tuple[Header, ...] = ((b"user-agent", b"llmgw-middleware"), (b"accept-encoding", b"identity"))


_LEFT_ALONE = "!$%&'()*+,-./:;=?@[]_~|^`{}\"<>\\"
"""What of a caller's query crosses as it was written."""

MAX_KNOWN = 64
"""Sets of headers that are remembered with ours beside them."""


class Upstream:
    """A resolved backend with its address, credential and conversations.

    ``owners`` is shared by all that may stand in. ``operations``: those whose conversations are made at once.
    """

    __slots__ = (
        "_conversations",
        "_headers",
        "_known",
        "_origin",
        "_path",
        "_profile",
        "backend",
        "credentials",
        "name",
        "owners",
    )

    def __init__(
        self,
        backend: Backend,
        owners: Owners | None = None,
        *,
        operations: Iterable[Operation] = tuple(Operation),
    ) -> None:
        provider = profile_of(backend)
        parts = urlsplit(backend.url or "")
        self.backend = backend
        self.owners = Owners() if owners is None else owners
        self._profile = provider
        self.credentials = credentials_of(backend, provider)
        self.name = backend.name
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = parts.path.rstrip("/")
        own = tuple((name.lower().encode(), value.encode()) for name, value in backend.headers)
        self._headers = tuple(
            over(own, (*_OURS, *provider.authorization(key))) for key in backend.api_keys or (None,)
        )
        self._known: dict[tuple[int, tuple[Header, ...]], tuple[Header, ...]] = {}
        means = _means(backend, provider, self.owners)
        self._conversations = Conversations(provider, bare=backend.bare, means=means, operations=operations)

    def __repr__(self) -> str:
        return f"<Upstream {self.name} at {self._origin}{self._path}>"

    def conversation(self, operation: Operation) -> Conversation:
        """Return how ``operation`` is worded for this backend; raises Unspoken if it has no such thing."""
        found = self._conversations[operation]
        if found is None:
            raise Unspoken(f"No backend of this route offers this operation ({operation.value}).")
        return found

    def call(
        self,
        outgoing: Outgoing,
        request: Request,
        *,
        operation: Operation,
        rewrite_path: str | None,
        key_index: int = 0,
    ) -> Call:
        """Address ``outgoing``, with the credential of that place in ``api_keys``."""
        return Call(
            method=request.method,
            url=self._origin + self._target(outgoing, request, operation, rewrite_path),
            headers=self._merged(key_index, outgoing.headers),
            body=outgoing.body,
        )

    def check_call(self, path: str) -> Call:
        """Return the call of an active health check: a GET with the credential, never a paid prompt."""
        where = self._profile.check_path(path)
        return Call(method="GET", url=self._origin + self._path + where, headers=self._headers[0])

    def _merged(self, key_index: int, headers: tuple[Header, ...]) -> tuple[Header, ...]:
        """Return our headers and those of a request, which are the same few most of the time."""
        known = self._known.get((key_index, headers))
        if known is None:
            known = over(self._headers[key_index], headers)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key_index, headers] = known
        return known

    def _target(
        self, outgoing: Outgoing, request: Request, operation: Operation, rewrite_path: str | None
    ) -> str:
        """Return path and query. They come from the configuration; only a bare backend gets the caller's own."""
        if self.backend.bare or operation is OPAQUE:
            path = rewrite_path or self._joined(request.path)
            return f"{path}?{_encoded(request.query)}" if request.query else path
        return rewrite_path or self._path + outgoing.path

    def _joined(self, path: str) -> str:
        """Put a caller's path below the backend's, whose last segments it may already begin with (``/v1``)."""
        return path if path == self._path or path.startswith(self._path + "/") else self._path + path


def _encoded(query: bytes) -> str:
    """Return a query string; what no URL may hold is percent-encoded, as some servers let it through."""
    text = query.decode("latin-1")
    return text if text.isascii() and text.isprintable() else quote(query, safe=_LEFT_ALONE)


def _means(backend: Backend, profile: Profile, owners: Owners) -> Means:
    """Return what the backend's conversations need from outside."""
    estimator = Estimator()
    return Means(
        terms=TermsOf(backend, profile),
        mint=lambda: secrets.token_hex(12),
        clock=time.time,
        estimate=lambda model, request: estimator.tokens(model, Size(*measured(request))),
        learn=lambda model, request, counted: estimator.learn(model, Size(*measured(request)), counted),
        max_event=backend.max_event_size,
        name=backend.name,
        owners=owners,
    )
