"""The gateway for WSGI applications: the door, and the bridge to the one event loop of the process."""

from __future__ import annotations

import io
import logging
import select
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from llmgw_middleware.entry import (
    PATH_SAFE,
    Door,
    Found,
    Handle,
    Hook,
    Waist,
    below_mount,
    framed,
    joined,
    load_hook,
    settled,
    unavailable,
)
from llmgw_middleware.errors import BadRequest, GatewayError, Unavailable
from llmgw_middleware.loop_thread import POLL, CallerGone, LoopThread, SyncStream, original
from llmgw_middleware.model.http import Header, HostRequest, Pass, Request, Response
from llmgw_middleware.startup import Source, gateway_for

__all__ = [
    "Bridge",
    "CallerGone",
    "Door",
    "Found",
    "Handle",
    "Hook",
    "LLMGatewayWSGI",
    "LoopThread",
    "SyncStream",
    "Waist",
    "below_mount",
    "gateway_for",
    "load_hook",
    "raw_path",
    "settled",
]

logger = logging.getLogger("llmgw")

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

HEARTBEAT = 1.0
"""Seconds of silence after which an event stream gets a comment where the caller's socket cannot be looked at."""
_PIECE = 64 * 1024
"""Bytes of a body read at once."""


class HangUp:
    """Looks whether a caller has closed the connection, without taking a byte from it.

    Works on a duplicate of the server's socket, so that the server may close its own at any time. A caller who closed
    only its sending half counts as gone, as with nginx.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection.dup()
        self._poll = original("select", "poll")()  # gevent's would let others run, and wait for them
        self._hung = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
        self._poll.register(self._connection, select.POLLIN | self._hung)

    def __repr__(self) -> str:
        return f"<HangUp fd={self._connection.fileno()}>"

    def __call__(self) -> bool:
        """Return whether the caller has left. Never blocks."""
        for _, event in self._poll.poll(0):
            if event & self._hung:
                return True
            try:
                return self._connection.recv(1, socket.MSG_PEEK) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True
        return False

    def close(self) -> None:
        """Give the duplicate back."""
        self._connection.close()


def hang_up(environ: Environ) -> HangUp | None:
    """Return a look at the caller's connection where the server offers its socket (gunicorn, Werkzeug; not on TLS)."""
    for key in ("gunicorn.socket", "werkzeug.socket"):
        connection = environ.get(key)
        if isinstance(connection, socket.socket) and not isinstance(connection, ssl.SSLSocket):
            return HangUp(connection)
    return None


class Bridge:
    """The synchronous face of a gateway: its requests run on the one event loop of the process.

    Nothing is started before the first call. What a host asks of its own thread (identity, the session, the ORM) it
    asks there, before it calls: ``settled(identity)`` is the request's ``identify``.
    """

    def __init__(self, gateway: Waist, *, thread: LoopThread | None = None, poll: float = POLL) -> None:
        self.gateway = gateway
        self._thread = gateway.thread if thread is None else thread
        self._poll = poll
        self._warned = False

    def __repr__(self) -> str:
        return f"<Bridge to {self.gateway!r} on {self._thread!r}>"

    @property
    def thread(self) -> LoopThread:
        """The thread with the event loop."""
        return self._thread

    def handle(self, request: Request, environ: Environ) -> Response | Pass:
        """Answer ``request``; if the caller leaves meanwhile the upstream is let go and the answer is an empty 499."""
        self._warn_of_single_thread(environ)
        caller = hang_up(environ)
        try:
            return self._thread.run(self.gateway.handle(request), gone=caller, poll=self._poll)
        except CallerGone:
            return GONE
        except Unavailable as error:
            return self.gateway.refuse(error, path=request.path)
        finally:
            if caller is not None:
                caller.close()

    def stream(self, response: Response, environ: Environ) -> SyncStream:
        """Return the chunks of a streamed answer; close the iterator when it is not read to its end."""
        if response.stream is None:
            raise ValueError("this response has a body and no stream")
        caller = hang_up(environ)
        # The stream itself says something after a longer silence. Only where the caller cannot be seen leaving must
        # something be written often, as a failed write is then the one way to notice.
        heartbeat = HEARTBEAT if caller is None and _is_event_stream(response) else None
        return self._thread.iterate(
            response.stream,
            gone=caller,
            heartbeat=heartbeat,
            poll=self._poll,
            on_close=None if caller is None else caller.close,
        )

    def _warn_of_single_thread(self, environ: Environ) -> None:
        if not self._warned and environ.get("wsgi.multithread") is False:
            self._warned = True
            logger.warning(
                "this server answers one request at a time, so a stream keeps every other caller waiting; "
                "serve with threads (gunicorn --worker-class gthread --threads 8) or under ASGI"
            )


GONE = Response(status=499)
"""The answer to a caller who has left: nobody reads it, logs show it."""


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
            peer=peer,
            identify=settled(outcome),
        )
        return self._bridge.handle(request, environ)

    def _send(
        self, answer: Response, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in framed(answer)]
        start_response(status_line(answer.status), lines)
        return [answer.body] if answer.stream is None else self._bridge.stream(answer, environ)

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


def raw_path(environ: Environ) -> str:
    """Return the percent-encoded path below SCRIPT_NAME, as the caller wrote it where the server tells.

    Where something in between has rewritten PATH_INFO that decides, as it is what the application would see.
    """
    info: str = environ.get("PATH_INFO", "")
    sent: str | None = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if sent is not None:
        path = sent.partition("?")[0] if sent.startswith("/") else urlsplit(sent).path
        raw = below_mount(path, _text(environ.get("SCRIPT_NAME", "")))
        if unquote(raw, errors="surrogateescape") == _text(info):
            return raw
    return quote(info.encode("latin-1"), safe=PATH_SAFE)


def headers_of(environ: Environ) -> tuple[Header, ...]:
    """Return the request's headers, lower case, as WSGI servers pass them on."""
    found = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:]
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = key
        else:
            continue
        found.append((name.lower().replace("_", "-").encode("latin-1"), value.encode("latin-1")))
    return tuple(found)


def pieces(environ: Environ) -> Iterator[bytes]:
    """Return the body piece by piece; raises BadRequest when the caller broke off."""
    length = environ.get("CONTENT_LENGTH") or None
    if length is None and not environ.get("wsgi.input_terminated"):
        return  # nothing says where it would end
    left = None if length is None else int(length)
    while left is None or left > 0:
        piece: bytes = environ["wsgi.input"].read(_PIECE if left is None else min(_PIECE, left))
        if not piece:
            break
        left = None if left is None else left - len(piece)
        yield piece
    if left:
        raise BadRequest(
            f"The body broke off, {left} bytes before its announced end.", code="incomplete_body"
        )


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


def _text(native: str) -> str:
    """Return a WSGI string (bytes as latin-1) as the UTF-8 text it stands for."""
    return native.encode("latin-1").decode("utf-8", "surrogateescape")


def _is_event_stream(response: Response) -> bool:
    return any(
        name == b"content-type" and value.lower().startswith(b"text/event-stream")
        for name, value in response.headers
    )
