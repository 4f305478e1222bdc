"""A backend ready to be spoken to: all that does not change from request to request is worked out once."""

from __future__ import annotations

from urllib.parse import urlsplit

from llmgw_middleware.dialect.port import Conversation, Operation, Outgoing
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.dialect.registry import conversation
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.model.http import Header, Request
from llmgw_middleware.transport.port import Call

_OURS: tuple[Header, ...] = ((b"user-agent", b"llmgw-middleware"), (b"accept-encoding", b"identity"))


class Upstream:
    """A resolved backend with its address, credential and conversations."""

    __slots__ = ("_conversations", "_headers", "_origin", "_path", "backend", "name")

    def __init__(self, backend: Backend) -> None:
        provider = profile(backend.provider)
        parts = urlsplit(backend.url or "")
        self.backend = backend
        self.name = backend.name
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = parts.path.rstrip("/")
        own = tuple((name.lower().encode(), value.encode()) for name, value in backend.headers)
        named = {name for name, _ in own}
        standing = (*_OURS, *provider.authorization(backend.api_keys[0] if backend.api_keys else None))
        self._headers = (*own, *(h for h in standing if h[0] not in named))
        self._conversations = {op: conversation(op, provider, bare=backend.bare) for op in Operation}

    def __repr__(self) -> str:
        return f"<Upstream {self.name} at {self._origin}{self._path}>"

    def conversation(self, operation: Operation) -> Conversation | None:
        """Return how ``operation`` is worded for this backend, or None if it cannot be."""
        return self._conversations[operation]

    def call(
        self, outgoing: Outgoing, request: Request, *, operation: Operation, rewrite_path: str | None
    ) -> Call:
        """Address ``outgoing``."""
        named = {name for name, _ in self._headers}
        return Call(
            method=request.method,
            url=self._origin + self._target(outgoing, request, operation, rewrite_path),
            headers=(*(h for h in outgoing.headers if h[0] not in named), *self._headers),
            body=outgoing.body,
        )

    def check_call(self, path: str) -> Call:
        """Return the call of an active health check: a GET with the credential, never a paid prompt."""
        return Call(method="GET", url=self._origin + self._path + path, headers=self._headers)

    def _target(
        self, outgoing: Outgoing, request: Request, operation: Operation, rewrite_path: str | None
    ) -> str:
        """Return path and query. They come from the configuration; only a bare backend gets the caller's own."""
        if self.backend.bare or operation is Operation.OPAQUE:
            path = rewrite_path or self._joined(request.path)
            return f"{path}?{request.query.decode('ascii')}" if request.query else path
        return rewrite_path or self._path + outgoing.path

    def _joined(self, path: str) -> str:
        """Put a caller's path below the backend's, whose last segments it may already begin with (``/v1``)."""
        return path if path == self._path or path.startswith(self._path + "/") else self._path + path
