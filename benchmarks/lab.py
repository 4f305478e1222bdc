"""Starts what is measured, on cores of its own, and measures it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.load import Report
from benchmarks.machine import busy_seconds, children_seconds, cpu_seconds

ROOT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE, LOAD_CORE = CORES[0], CORES[-1]
START = 30.0
"""Seconds that a server may take until its first answer."""

QUESTION = "Explain the difference between a router and a switch. " * 16


class Failed(RuntimeError):
    """A system did not start, or answered with errors; a figure of it would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What is measured: a command that listens where it says, or on the port it was given."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    path: str = "/v1/chat/completions"
    port: int | None = None
    """The port that ``command`` names; None when it prints the one it found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of a system. ``mock`` tells the upstream what to do; ``size`` is the body's, about."""

    connections: int = 32
    seconds: float = 1.5
    rate: float | None = None
    ramp: float = 0.0
    count: int | None = None
    mock: str = ""
    stream: bool = False
    size: int = 1024

    def body(self) -> bytes:
        """Return the body of the request."""
        text = (QUESTION * (self.size // len(QUESTION) + 1))[: max(1, self.size - 190)]
        asked: dict[str, Any] = {
            "model": "bench",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}],
            "temperature": 0.7,
            "max_tokens": 256,
        }
        if self.stream:
            asked["stream"] = True
        if self.mock:
            asked["metadata"] = {"mock": self.mock}
        return json.dumps(asked, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of a load against one system. ``cpu`` is the system's, in seconds."""

    cpu: float
    foreign: float
    """Cores that were busy with something else meanwhile."""
    report: Report

    @property
    def cpu_per_request(self) -> float:
        """Seconds."""
        return self.cpu / self.report.answered

    @property
    def cpu_per_event(self) -> float:
        """Seconds."""
        return self.cpu / self.report.events

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return self.report.answered / self.report.seconds


@dataclass(frozen=True, slots=True)
class Running:
    """A started system."""

    system: System
    pid: int
    port: int


class Lab:
    """One upstream, and the systems between it and the load generator. Ends every process it started.

    ``scale`` multiplies the length of runs, ``rounds`` is how often each system is measured.
    """

    def __init__(self, *, rounds: int = 3, scale: float = 1.0) -> None:
        self.rounds = rounds
        self.scale = scale
        self.foreign: list[float] = []
        self._stack = ExitStack()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (hard, hard)
        )  # for thousands of streams, in what is started
        self._stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self._upstream: Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def folder(self) -> Path:
        """A folder for files of this run."""
        return self._folder

    def keep(self, running: Any) -> Any:
        """End ``running`` with the lab instead of with a block."""
        return self._stack.enter_context(running)

    @property
    def upstream(self) -> Running:
        """The mock provider, started when first asked for."""
        if self._upstream is None:
            command = (sys.executable, "-m", "benchmarks.upstream")
            self._upstream = self.keep(
                self.running(System(name="direct", command=command, env={}), LOAD_CORE)
            )
        return self._upstream

    @property
    def origin(self) -> str:
        """Where the mock provider is."""
        return f"http://127.0.0.1:{self.upstream.port}"

    @contextmanager
    def running(self, system: System, core: int = GATEWAY_CORE) -> Any:
        """Start a system on ``core`` and wait until it listens; yields ``Running``. Raises Failed."""
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        with (self._folder / f"{system.name}.log").open("w") as errors:
            process = subprocess.Popen(
                (*_pinned(core), *system.command),
                cwd=ROOT,
                env=env | dict(system.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            assert process.stdout is not None
            line = str(system.port) if system.port else process.stdout.readline().strip()
            if not line.isdecimal() or not _listens(int(line), process):
                raise Failed(f"{system.name} does not start:\n{self._log(system)}")
            yield Running(system, process.pid, int(line))
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def warm(self, running: Running, load: Load) -> None:
        """Ask once, then for a moment as ``load`` would; raises Failed for an answer that is none."""
        body = load.body()
        request = urllib.request.Request(
            f"http://127.0.0.1:{running.port}{running.system.path}",
            data=body,
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                request, timeout=START
            ) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            raise Failed(f"{running.system.name}: {error.code} {error.read()[:500]!r}") from error
        except OSError as error:
            raise Failed(f"{running.system.name}: {error}\n{self._log(running.system)}") from error
        self._generate(running, replace(load, seconds=0.3, count=None, rate=None, ramp=0.0))

    def measure(self, running: Running, load: Load) -> Sample:
        """Run ``load`` once; raises Failed when any request failed."""
        upstream = self.upstream.pid
        busy, theirs, ours, began = (
            busy_seconds(),
            cpu_seconds(upstream),
            cpu_seconds(running.pid),
            time.monotonic(),
        )
        report, generator = self._generate(running, load)
        took = time.monotonic() - began
        ours, theirs = cpu_seconds(running.pid) - ours, cpu_seconds(upstream) - theirs
        if running.pid == upstream:
            theirs = 0.0
        foreign = max(0.0, busy_seconds() - busy - ours - theirs - generator) / took
        if report.errors or not report.answered:
            raise Failed(
                f"{running.system.name}: {report.errors} errors, {report.answered} answers: {report.first_error}"
            )
        self.foreign.append(foreign)
        return Sample(cpu=ours, foreign=foreign, report=report)

    def compare(self, systems: Sequence[Running], load: Load) -> list[list[Sample]]:
        """Measure each system ``rounds`` times, in turn and in alternating order."""
        found: list[list[Sample]] = [[] for _ in systems]
        order = list(range(len(systems)))
        for system in systems:
            self.warm(system, load)
        for _ in range(self.rounds):
            for number in order:
                found[number].append(self.measure(systems[number], load))
            order.reverse()
        return found

    @contextmanager
    def loading(self, running: Running, load: Load) -> Any:
        """Have the load run beside the block, and wait for it at the end unless the block failed."""
        process = subprocess.Popen(self._command(running, load), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            yield process
            process.communicate(timeout=load.seconds + 60)
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate()

    def _log(self, system: System) -> str:
        return (self._folder / f"{system.name}.log").read_text()[-2000:]

    def _command(self, running: Running, load: Load) -> list[str]:
        body = self._folder / "body.json"
        body.write_bytes(load.body())
        words = [*_pinned(LOAD_CORE), sys.executable, "-m", "benchmarks.load"]
        words += ["--port", str(running.port), "--path", running.system.path, "--body", str(body)]
        words += ["--connections", str(load.connections), "--seconds", str(load.seconds * self.scale)]
        words += ["--ramp", str(load.ramp * self.scale)]
        if load.rate is not None:
            words += ["--rate", str(load.rate)]
        if load.count is not None:
            words += ["--count", str(load.count)]
        return words

    def _generate(self, running: Running, load: Load) -> tuple[Report, float]:
        before = children_seconds()
        done = subprocess.run(
            self._command(running, load), cwd=ROOT, capture_output=True, text=True, check=False
        )
        used = children_seconds() - before
        if done.returncode:
            raise Failed(f"the load generator failed:\n{done.stderr[-2000:]}")
        return Report(**json.loads(done.stdout)), used


def inside(what: str, *words: str, env: Mapping[str, str] | None = None) -> dict[str, float]:
    """Run a measurement of ``benchmarks.inside`` in a process of its own, on the gateway's core."""
    done = subprocess.run(
        (*_pinned(GATEWAY_CORE), sys.executable, "-m", "benchmarks.inside", what, *words),
        cwd=ROOT,
        env=dict(os.environ) | dict(env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{what} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def _pinned(core: int) -> tuple[str, ...]:
    return ("taskset", "-c", str(core)) if shutil.which("taskset") else ()


def _listens(port: int, process: subprocess.Popen[str]) -> bool:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as sock:
            sock.settimeout(1.0)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False
