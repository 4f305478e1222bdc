"""Has the caller left? A look at the connection where the server shows it."""

from __future__ import annotations

import select
import socket
import ssl

from llmgw_middleware.loop_thread import original
from llmgw_middleware.wsgi.environ import Environ


class HangUp:
    """Looks whether a caller has closed the connection, without taking a byte from it.

    Works on a duplicate of the server's socket, made at the first look, as most answers come sooner: so that the server
    may close its own at any time. A caller who closed only its sending half counts as gone, as with nginx.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._servers = connection
        self._connection: socket.socket | None = None
        self._hung = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)

    def __repr__(self) -> str:
        return f"<HangUp fd={(self._connection or self._servers).fileno()}>"

    def __call__(self) -> bool:
        """Return whether the caller has left. Never blocks."""
        try:
            connection = self._connection or self._begin()
            for _, event in self._poll.poll(0):
                return bool(event & self._hung) or connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    def close(self) -> None:
        """Give the duplicate back."""
        if self._connection is not None:
            self._connection.close()

    def _begin(self) -> socket.socket:
        connection = self._connection = self._servers.dup()
        self._poll = original("select", "poll")()  # gevent's would let others run, and wait for them
        self._poll.register(connection, select.POLLIN | self._hung)
        return connection


def hang_up(environ: Environ) -> HangUp | None:
    """Return a look at the caller's connection where the server offers its socket (gunicorn, Werkzeug; not on TLS)."""
    for key in ("gunicorn.socket", "werkzeug.socket"):
        connection = environ.get(key)
        if isinstance(connection, socket.socket) and not isinstance(connection, ssl.SSLSocket):
            return HangUp(connection)
    return None
