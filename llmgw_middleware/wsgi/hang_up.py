"""Has the caller left? A look at the connection where the server shows it."""

from __future__ import annotations

import select
import socket
import ssl

from llmgw_middleware.loop_thread import original
from llmgw_middleware.wsgi.environ import Environ


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
