"""A mock provider on a real socket, for tests: uvicorn in a thread, on a free port of 127.0.0.1."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any, Self

from llmgw_middleware.testing.mock import MockProvider, create_mock

PATIENCE = 10.0
"""Seconds that the server has to stop."""


def listening_socket(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a socket that listens; connections wait in it until somebody serves. Raises OSError for a taken port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


class MockServer:
    """Runs ``mock`` (any ASGI application) while the context lasts. Needs the ``serve`` extra.

    ``url`` is the origin; ``url + "/v1"`` what a client calls its base URL.
    """

    def __init__(self, mock: MockProvider | None = None) -> None:
        self.mock = create_mock(latency=0.0, gap=0.0) if mock is None else mock
        self.url = ""
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<MockServer {self.url or 'not running'}>"

    def __enter__(self) -> Self:
        import uvicorn  # of the extra "serve"

        sock = listening_socket()
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        config = uvicorn.Config(
            self.mock, lifespan="off", log_config=None, log_level="critical", timeout_graceful_shutdown=0
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [sock]}, name="mock provider", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Break off what is being answered and stop. Idempotent."""
        if self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise RuntimeError(f"the mock provider at {self.url} did not stop within {PATIENCE:g} s")
        self._thread, self.url = None, ""
