"""TLS without a socket: what is received goes in, what is to be sent comes out."""

from __future__ import annotations

import ssl
from contextlib import suppress

from llmgw_middleware.transport.port import Reset, Unreachable

RECORDS = 64 * 1024
"""Plain bytes taken at once; a record holds 16 KiB."""

PROTOCOL = "http/1.1"


def client_context(given: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """Return the system's trust, or ``given``, made to ask for HTTP/1.1 (ALPN, RFC 7301)."""
    context = ssl.create_default_context() if given is None else given
    context.set_alpn_protocols([PROTOCOL])
    return context


class Tls:
    """One TLS session as a client, over two memory buffers. ``session`` is an earlier one to take up again."""

    __slots__ = ("_in", "_object", "_out", "finished", "ready")

    def __init__(self, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None = None) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_hostname=host, session=session)
        self.ready = False
        """Whether the handshake is over and the peer is who it should be."""
        self.finished = False
        """Whether the peer said that it sends no more (close_notify)."""

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection may take up, if the peer gave a ticket by now."""
        session = self._object.session
        return session if session is not None and session.has_ticket else None

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was taken up."""
        return bool(self._object.session_reused)

    def shake(self, data: bytes | memoryview = b"") -> None:
        """Go on with the handshake. Raises Unreachable; what ``outgoing`` holds is to be sent in any case."""
        self._in.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise Unreachable(f"TLS: {error}") from error
        spoken = self._object.selected_alpn_protocol()
        if spoken not in (None, PROTOCOL):
            raise Unreachable(f"TLS: the upstream chose {spoken!r} and not {PROTOCOL}")
        self.ready = True

    def feed(self, data: bytes | memoryview) -> None:
        """Take in what came."""
        self._in.write(data)

    def open(self) -> bytes:
        """Return plain bytes of what came, ``b""`` if there are none by now. Raises Reset for what is no TLS."""
        # A look at the buffers spares the usual read an exception.
        if not (self._in.pending or self._object.pending()):
            return b""
        try:
            plain = self._object.read(RECORDS)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise Reset(f"TLS: {error}") from error
        if not plain:
            self.finished = True
        return plain

    def seal(self, data: bytes | memoryview) -> bytes:
        """Return the records that carry ``data``. Raises Reset."""
        try:
            written = self._object.write(data)
            while written < len(data):
                written += self._object.write(memoryview(data)[written:])
        except ssl.SSLError as error:
            raise Reset(f"TLS: {error}") from error
        return self._out.read()

    @property
    def owes(self) -> bool:
        """Whether TLS itself has something to send: its handshake, alerts, new keys."""
        return self._out.pending > 0

    def outgoing(self) -> bytes:
        """Return what TLS itself has to send: its handshake, alerts, new keys."""
        return self._out.read() if self._out.pending else b""

    def farewell(self) -> bytes:
        """Return the record that says that nothing more is sent."""
        if self.ready:
            with suppress(ssl.SSLError):  # the peer's own farewell is not waited for
                self._object.unwrap()
        return self._out.read()

    def __repr__(self) -> str:
        state = "finished" if self.finished else "ready" if self.ready else "shaking hands"
        return f"<Tls {self._object.version() or ''} [{state}]>"
