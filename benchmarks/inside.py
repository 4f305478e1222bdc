"""What can be measured without sockets, in one process: ``python -m benchmarks.inside passing|core|bodies|bare|…``.

Prints a JSON object of microseconds (``imports``: milliseconds) of CPU. Each figure is the least of several repeats:
what disturbs a repeat can only make it longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import uvloop

from benchmarks.canned import CannedTransport
from benchmarks.configuration import configuration
from benchmarks.gateway_app import CALLER, host, identify
from benchmarks.lab import Load
from benchmarks.machine import children_seconds
from llmgw_middleware import Extensions, LLMGatewayMiddleware, Request, build_gateway
from llmgw_middleware.gateway import Gateway

REPEATS = 7
CHAT = "/v1/chat/completions"
HEADERS = ((b"host", b"bench.test"), (b"content-type", b"application/json"), (b"accept", b"*/*"))


def least(run: Callable[[], object], count: int) -> float:
    """Return the least CPU microseconds of one of ``count`` calls."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time_ns()
        for _ in range(count):
            run()
        best = min(best, time.process_time_ns() - began)
    return best / count / 1000


async def aleast(run: Callable[[], Awaitable[object]], count: int) -> float:
    """Return the same of something that is awaited."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time_ns()
        for _ in range(count):
            await run()
        best = min(best, time.process_time_ns() - began)
    return best / count / 1000


def made(events: int = 0) -> Gateway:
    """Return a gateway whose upstream answers from memory."""
    return build_gateway(
        configuration("http://127.0.0.1:9"),
        env={},
        extensions=Extensions(transport=lambda: CannedTransport(events)),
    )


def scope_of(path: str, body: bytes = b"") -> dict[str, Any]:
    """Return an ASGI scope as uvicorn makes it."""
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "headers": [*HEADERS, (b"content-length", b"%d" % len(body))],
        "state": {},
    }


def passing(count: int) -> dict[str, float]:
    """A request that is not the gateway's: the application called directly, and through the middleware."""

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body of a request that is not ours was read")

    async def send(_: Any) -> None:
        return

    scope = scope_of("/shop/basket")
    middleware = LLMGatewayMiddleware(host, gateway=made(), identify=identify)

    def call(app: Any) -> Callable[[], None]:
        def run() -> None:
            try:
                app(scope, receive, send).send(None)
            except StopIteration:
                return
            raise AssertionError("it waited")

        return run

    return {"direct": least(call(host), count), "through": least(call(middleware), count)}


def core(count: int) -> dict[str, float]:
    """One request through the whole middleware with an upstream in memory; ``events`` per event of a stream."""
    events = 200

    async def one(app: LLMGatewayMiddleware, body: bytes) -> None:
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return waiting.pop() if waiting else await asyncio.get_running_loop().create_future()

        async def send(_: Any) -> None:
            return

        await app(scope_of(CHAT, body), receive, send)

    async def run() -> dict[str, float]:
        plain = LLMGatewayMiddleware(host, gateway=made(), identify=identify)
        streaming = LLMGatewayMiddleware(host, gateway=made(events), identify=identify)
        body, asking = Load().body(), Load(stream=True).body()
        request = await aleast(lambda: one(plain, body), count)
        stream = await aleast(lambda: one(streaming, asking), max(1, count // 50))
        return {"request": request, "event": stream / events}

    return uvloop.run(run())


def bodies(count: int) -> dict[str, float]:
    """``Gateway.handle`` with bodies of three sizes, and the bare msgspec pass over the largest."""

    async def run() -> dict[str, float]:
        gateway = made()
        decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])

        async def who() -> Any:
            return CALLER

        async def one(body: bytes) -> None:
            request = Request(
                method="POST", path=CHAT, query=b"", headers=HEADERS, body=body, peer=None, identify=who
            )
            answer = await gateway.handle(request)
            assert getattr(answer, "status", 0) == 200, answer

        found: dict[str, float] = {}
        for size in (1024, 32 * 1024, 1024 * 1024):
            body = Load(size=size).body()
            times = max(1, count // (1 + size // 10240))
            found[f"handle_{size // 1024}"] = await aleast(partial(one, body), times)
            found[f"pass_{size // 1024}"] = least(partial(decoder.decode, body), times)
        return found

    return uvloop.run(run())


IMPORTS = {
    "bare": "import asyncio, ssl",
    "package": "import asyncio, ssl, llmgw_middleware",
    "middleware": "import asyncio, ssl; from llmgw_middleware import LLMGatewayMiddleware",
    "loaded": (
        "import asyncio, ssl; from llmgw_middleware import LLMGatewayMiddleware;"
        "from benchmarks.configuration import configuration as c;"
        "LLMGatewayMiddleware(lambda *_: None, config=c('http://127.0.0.1:9'))"
    ),
}


def imports(count: int) -> dict[str, float]:
    """Milliseconds of CPU from the start of the interpreter to the end of a few lines.

    A first round is not counted: it leaves the bytecode, as an installation does.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for code in IMPORTS.values():
        subprocess.run((sys.executable, "-c", code), check=True, env=env)
    least_of = dict.fromkeys(IMPORTS, float("inf"))
    for _ in range(count):
        for name, code in IMPORTS.items():
            before = children_seconds()
            subprocess.run((sys.executable, "-c", code), check=True, env=env)
            least_of[name] = min(least_of[name], (children_seconds() - before) * 1000)
    return least_of | {f"objects_{name}": _objects(IMPORTS[name], env) for name in ("bare", "loaded")}


def _objects(code: str, env: dict[str, str]) -> float:
    """Return what a full collection of garbage walks after a few lines."""
    told = f"{code}; import gc; gc.collect(); print(len(gc.get_objects()))"
    done = subprocess.run((sys.executable, "-c", told), check=True, env=env, capture_output=True)
    return float(done.stdout)


WHAT: dict[str, tuple[Callable[[int], dict[str, float]], int]] = {
    "passing": (passing, 20_000),
    "core": (core, 2_000),
    "bodies": (bodies, 2_000),
    "imports": (imports, 7),
}


def main() -> None:
    """Print what the command line names; a second word is the number of calls per repeat."""
    run, count = WHAT[sys.argv[1]]
    print(json.dumps(run(int(sys.argv[2]) if len(sys.argv) > 2 else count)))


if __name__ == "__main__":
    main()
