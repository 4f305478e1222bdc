"""Real servers and a raw caller, for tests that speak HTTP over sockets."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
import uvicorn

ROOT = Path(__file__).parent.parent.parent
TIMEOUT = 10.0
GRACE = 2
"""Seconds that a server which was told to stop gives its callers."""


def listening() -> socket.socket:
    """Return a socket that listens on a port the system chose."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(256)
    return sock


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()


@contextmanager
def serve_asgi(app: Any, *, lifespan: Literal["auto", "on", "off"] = "auto", **options: Any) -> Iterator[int]:
    """Serve ``app`` under uvicorn in a thread; yield the port. ``options`` are uvicorn's."""
    sock = listening()
    config = uvicorn.Config(
        app, lifespan=lifespan, log_level="warning", timeout_graceful_shutdown=2, **options
    )
    server = _Uvicorn(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        assert server.ready.wait(TIMEOUT), "uvicorn did not start"
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(TIMEOUT)
        sock.close()
        assert not thread.is_alive(), "uvicorn did not stop"


@dataclass
class Process:
    """A server in a process of its own."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, timeout: float = TIMEOUT) -> int:
        """Send SIGTERM, wait, return the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout)


@contextmanager
def serve_process(
    arguments: Callable[[int, int], Iterable[str]], env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a server that inherits a listening socket; ``arguments(port, fd)`` is its command line.

    Callers may connect at once: the kernel keeps them until the server accepts.
    """
    with listening() as sock, tempfile.NamedTemporaryFile(suffix=".log") as log:
        port, fd = sock.getsockname()[1], sock.fileno()
        process = subprocess.Popen(
            [str(part) for part in arguments(port, fd)],
            pass_fds=[fd],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        running = Process(port, process, Path(log.name))
        try:
            yield running
        except BaseException:
            sys.stderr.write(running.log.read_text(errors="replace"))
            raise
        finally:
            try:
                running.stop()
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def serve_gunicorn(
    target: str,
    env: Mapping[str, str] | None = None,
    *,
    worker: str = "gthread",
    threads: int = 8,
    options: Iterable[str] = (),
) -> AbstractContextManager[Process]:
    """Serve ``module:application`` (or ``module:factory()``) under gunicorn, by default with threads."""
    many = ("--threads", str(threads)) if worker == "gthread" else ()
    command = (*python("gunicorn"), "--worker-class", worker, *many, "--graceful-timeout", str(GRACE))
    return serve_process(
        lambda _, fd: [*command, "--bind", f"fd://{fd}", "--log-level", "warning", *options, target], env
    )


def serve_uvicorn(
    target: str, env: Mapping[str, str] | None = None, *options: str
) -> AbstractContextManager[Process]:
    """Serve ``module:application`` (or ``module:factory()``) under uvicorn, in a process of its own."""
    made = ("--factory",) if target.endswith("()") else ()
    command = (*python("uvicorn"), *made, "--timeout-graceful-shutdown", str(GRACE), "--log-level", "warning")
    return serve_process(lambda _, fd: [*command, *options, "--fd", str(fd), target.removesuffix("()")], env)


def serve_hypercorn(target: str, env: Mapping[str, str] | None = None) -> AbstractContextManager[Process]:
    """Serve ``module:application`` (or ``module:factory()``) under hypercorn."""
    command = (*python("hypercorn"), "--graceful-timeout", str(GRACE), "--log-level", "warning")
    return serve_process(lambda _, fd: [*command, "--bind", f"fd://{fd}", target], env)


def serve_uwsgi(
    target: str, env: Mapping[str, str] | None = None, *options: str
) -> AbstractContextManager[Process]:
    """Serve ``module:application`` (or ``module:factory()``) under uWSGI."""
    program = Path(sys.executable).with_name("uwsgi")
    if not program.exists():
        pytest.skip("uWSGI is not installed")
    command = (str(program), "--virtualenv", sys.prefix, "--need-app", "--die-on-term", "--disable-logging")
    return serve_process(
        lambda _, fd: [*command, *options, "--http-socket", f"fd://{fd}", "--module", target], env
    )


def python(module: str) -> tuple[str, ...]:
    """Return the command that runs an installed program; skips the test where it is not installed."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    return (sys.executable, "-m", module)


@contextmanager
def serve_wsgiref(application: Any) -> Iterator[int]:
    """Serve a WSGI application with the standard library's server, one thread for all; yield the port.

    It offers no socket to look at, as ``manage.py runserver`` does not.
    """
    server = WSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(TIMEOUT)
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        pass

    def get_stderr(self) -> Any:
        return io.StringIO()


@dataclass
class Answer:
    """A whole answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True
    """Whether the body came to its end: its length, or the last chunk."""


@dataclass
class RawCaller:
    """An HTTP/1.1 caller that does no more than it is told, on one connection."""

    port: int
    timeout: float = TIMEOUT
    received: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self._socket.sendall(data)

    def send_request(
        self,
        method: str = "POST",
        path: str = "/v1/chat/completions",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Send a request. A JSON content type and the length are added unless ``headers`` name them."""
        lines = {"host": f"127.0.0.1:{self.port}", "content-type": "application/json", **(headers or {})}
        if "transfer-encoding" not in lines:
            lines.setdefault("content-length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)

    def read_some(self) -> bytes:
        """Return what arrives next, in one read; empty at the end of the connection."""
        data = self._socket.recv(65536)
        self.received += data
        return data

    def read_until(self, marker: bytes) -> bytes:
        """Read until ``marker`` has been received, and return everything up to its end; raises EOFError, TimeoutError."""
        while marker not in self.received:
            if not self.read_some():
                raise EOFError(f"the connection ended before {marker!r}: {self.received!r}")
        head, _, self.received = self.received.partition(marker)
        return head + marker

    def read_answer(self) -> Answer:
        """Read one whole answer; a body that breaks off is returned with ``complete=False``."""
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        answer = Answer(int(first.split()[1]), headers, b"")
        try:
            self._read_body(answer)
        except EOFError:
            answer.complete = False
        return answer

    def ask(self, *args: Any, **options: Any) -> Answer:
        """Send a request and read the answer."""
        self.send_request(*args, **options)
        return self.read_answer()

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _read_body(self, answer: Answer) -> None:
        if answer.headers.get("transfer-encoding") == "chunked":
            while size := int(self.read_until(b"\r\n"), 16):
                answer.body += self._read_exactly(size)
                self._read_exactly(2)
            self._read_exactly(2)
        elif "content-length" in answer.headers:
            answer.body = self._read_exactly(int(answer.headers["content-length"]))
        else:
            while self.read_some():
                pass
            answer.body, self.received = self.received, b""

    def _read_exactly(self, size: int) -> bytes:
        while len(self.received) < size:
            if not self.read_some():
                raise EOFError("the body broke off")
        data, self.received = self.received[:size], self.received[size:]
        return data
