"""Calls of a gateway, in few words."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from llmgw_middleware.model.http import Header
from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS, Timeouts
from llmgw_middleware.transport.port import Call, Reply, Transport


def soon(seconds: float = 10.0) -> float:
    """A deadline."""
    return asyncio.get_running_loop().time() + seconds


def call_to(url: str, *, method: str = "POST", body: bytes = b"{}", headers: tuple[Header, ...] = ()) -> Call:
    return Call(method=method, url=f"{url}/v1/chat/completions", headers=headers, body=body)


async def send(
    transport: Transport,
    url: str,
    *,
    deadline: float | None = None,
    limits: dict[str, Any] | None = None,
    **call: Any,
) -> Reply:
    timeouts: Timeouts = replace(DEFAULT_TIMEOUTS, **(limits or {}))
    return await transport.send(
        call_to(url, **call), timeouts=timeouts, deadline=soon() if deadline is None else deadline
    )


async def rest_of(reply: Reply) -> bytes:
    """What is left of the body; the reply stays open."""
    pieces = []
    while piece := await reply.receive(soon()):
        pieces.append(piece)
    return b"".join(pieces)


async def body_of(reply: Reply) -> bytes:
    """What is left of the body; the reply is closed in any case."""
    try:
        return await rest_of(reply)
    finally:
        await reply.aclose()


async def fetch(transport: Transport, url: str, **call: Any) -> tuple[int, bytes]:
    reply = await send(transport, url, **call)
    return reply.status, await body_of(reply)


async def leave(task: asyncio.Task[Any]) -> None:
    """Cancel the task and wait until it is over."""
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()


@contextmanager
def silent_port() -> Iterator[socket.socket]:
    """A port where connecting works and nothing else happens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@contextmanager
def full_port() -> Iterator[str]:
    """A port whose queue of new connections is full, so that connecting to it never ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        try:
            yield url_of(listener)
        finally:
            for filler in fillers:
                filler.close()


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
