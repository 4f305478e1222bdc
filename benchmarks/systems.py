"""The systems that are compared."""

from __future__ import annotations

import os
import sys

from benchmarks.lab import System, free_port
from benchmarks.machine import compiled_modules


def _asgi(app: str, *options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "benchmarks.serve", app, *options)


def floor(origin: str, **env: str) -> System:
    """Return the least that a Python gateway can do."""
    return System(name="floor", command=_asgi("benchmarks.floor:app"), env={"BENCH_UPSTREAM": origin} | env)


def gateway(origin: str, *, name: str = "gateway", **env: str) -> System:
    """Return the gateway with its full configuration."""
    command = _asgi("benchmarks.gateway_app:make", "--factory")
    return System(name=name, command=command, env={"BENCH_UPSTREAM": origin} | env)


def forms(origin: str, **env: str) -> dict[str, System]:
    """Return the gateway in the forms that are here, by what a table says of them: compiled, and as Python."""
    if not compiled_modules("llmgw_middleware"):
        return {"": gateway(origin, **env)}
    plain = gateway(origin, name="plain", BENCH_PLAIN="1", **env)
    return {", compiled": gateway(origin, **env), ", as Python": plain}


def wsgi(framework: str, origin: str, *, constant: bool) -> System:
    """Return a host under gunicorn's threads: with the gateway, or answering the same path with a constant."""
    port = free_port()
    side = "constant" if constant else "gateway"
    # gunicorn stands beside the interpreter of its environment
    server = (os.path.join(os.path.dirname(sys.executable), "gunicorn"),)  # noqa: PTH118, PTH120
    words = ("--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", "32")
    more = ("--keep-alive", "60", "--log-level", "warning", f"benchmarks.{framework}_app:app")
    env = {"BENCH_UPSTREAM": origin, "BENCH_SIDE": side, "PYTHONPATH": "integrations"}
    return System(name=f"{framework}-{side}", command=(*server, *words, *more), env=env, port=port)
