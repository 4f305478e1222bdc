"""The gateway as WSGI middleware."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from http import HTTPStatus
from typing import Any

from llmgw_middleware.entry import Door, Found, Handle, Hook, Waist, framed, joined, settled, unavailable
from llmgw_middleware.errors import BadRequest, GatewayError
from llmgw_middleware.model.http import Header, HostRequest, Pass, Request, Response
from llmgw_middleware.startup import Source, gateway_for
from llmgw_middleware.wsgi.bridge import GONE, Bridge
from llmgw_middleware.wsgi.environ import Environ, headers_of, peer_of, pieces, raw_path

Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class LLMGatewayWSGI:
    """WSGI middleware: answers the configured LLM paths, gives every other request to ``application`` untouched.

    ``config``: a mapping, or files; ``gateway``: a ready one instead. ``identify``: tells who calls, a function of
    ``HostRequest`` or ``module:function``; it runs on the request's own thread. ``trusted_origins``: other sites whose
    pages may call with the visitor's session. ``enabled`` False passes everything through. ``LLMGW_CONFIG`` and
    ``LLMGW_ENABLED`` in the environment win. A framework gives ``builtin``, the reader of its own session, and
    ``inside``, the context that a resolver needs: entered with the environ, it yields ``HostRequest.native``, and is
    left before the upstream is called. Raises ConfigError, naming every problem.
    """

    def __init__(
        self,
        application: Application,
        *,
        config: Source | None = None,
        gateway: Waist | None = None,
        identify: str | Hook | None = None,
        trusted_origins: Iterable[str] = (),
        enabled: bool | None = None,
        builtin: Hook | None = None,
        inside: Callable[[Environ], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.application = application
        self._inside = inside
        self.gateway = gateway_for(config, gateway=gateway, enabled=enabled)
        if self.gateway is None:
            return
        self._door = Door(
            self.gateway,
            builtin=builtin or self._nobody,
            identify=identify,
            trusted_origins=trusted_origins,
        )
        self._bridge = Bridge(self.gateway)

    def __repr__(self) -> str:
        return f"<LLMGatewayWSGI {'off' if self.gateway is None else repr(self.gateway)}>"

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer, or call the application."""
        if self.gateway is None:
            return self.application(environ, start_response)
        method, path = environ["REQUEST_METHOD"], raw_path(environ)
        if not self.gateway.intercepts(method, path):
            return self.application(environ, start_response)
        headers = headers_of(environ)
        arriving = pieces(environ)
        try:
            self._door.check_head(method, path, headers)
            body = read_body(arriving, self._door)
        except GatewayError as error:
            discard(arriving, self._door.limit)
            return self._send(self._door.refuse(error, path, headers), environ, start_response)
        answer = self._answer(method, path, headers, body, environ)
        environ["llmgw"] = Handle(gateway=self.gateway, decision=answer.decision)
        if isinstance(answer, Pass):
            environ["wsgi.input"] = io.BytesIO(body)
            return self.application(environ, start_response)
        return self._send(answer, environ, start_response)

    def _answer(
        self, method: str, path: str, headers: tuple[Header, ...], body: bytes, environ: Environ
    ) -> Response | Pass:
        peer = environ.get("REMOTE_ADDR") or None
        with self._inside(environ) as native:
            host = HostRequest(method=method, path=path, headers=joined(headers), client=peer, native=native)
            outcome = self._door.outcome(host, headers)
        request = Request(
            method=method,
            path=path,
            query=environ.get("QUERY_STRING", "").encode("latin-1"),
            headers=headers,
            body=body,
            scheme=environ.get("wsgi.url_scheme", "http"),
            peer=peer_of(environ, self._door.gateway.plan),
            identify=settled(outcome),
        )
        return self._bridge.handle(request, environ)

    def _send(
        self, answer: Response, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in framed(answer)]
        if answer.stream is None:
            start_response(status_line(answer.status), lines)
            return [answer.body]
        body = self._bridge.stream(answer, environ)
        try:
            start_response(status_line(answer.status), lines)
        except BaseException:
            body.close()  # the server never gets it
            raise
        return body

    def _nobody(self, _: HostRequest) -> Found | None:
        if self.gateway is not None and self.gateway.uses_identity:
            raise unavailable("Pass identify= to LLMGatewayWSGI: a function that returns who calls.")
        return None


def status_line(status: int) -> str:
    """Return ``200 OK``; a status without a name gets one all the same, as WSGI demands it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} {'Client Closed Request' if status == GONE.status else 'Unknown'}"


def read_body(body: Iterator[bytes], door: Door) -> bytes:
    """Return the whole body, counting while it is read; raises BodyTooLarge."""
    whole = bytearray()
    for piece in body:
        whole += piece
        door.check_size(len(whole))
    return bytes(whole)


def discard(body: Iterator[bytes], limit: int) -> None:
    """Read what is left of a refused body, up to ``limit`` bytes.

    A server that is left with more than a little closes the connection instead, and a caller who is still sending
    then never sees the answer.
    """
    with suppress(BadRequest):
        for piece in body:
            limit -= len(piece)
            if limit < 0:
                return
