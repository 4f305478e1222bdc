"""Every transport of the package, and the upstream they all talk to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from llmgw_middleware.testing.upstream import ScriptedUpstream
from llmgw_middleware.transport.h1_transport import H1Transport
from llmgw_middleware.transport.httpx_transport import HttpxTransport
from llmgw_middleware.transport.port import Transport

Maker = Callable[[ssl.SSLContext | None], Transport]

TRANSPORTS: dict[str, Maker] = {
    "httpx": lambda tls: HttpxTransport(tls=tls),
    "h1": lambda tls: H1Transport(tls=tls),
}
"""A new transport is a line here."""


@pytest.fixture(scope="session")
def system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture(params=[*TRANSPORTS.values()], ids=[*TRANSPORTS])
def make_transport(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.param
    return maker


@pytest.fixture
async def transport(
    make_transport: Maker,
    system_trust: ssl.SSLContext,
    upstream: ScriptedUpstream,  # closed after the transport, when nobody may be connected any more
) -> AsyncIterator[Transport]:
    transport = make_transport(system_trust)
    yield transport
    await transport.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}, "the transport left tasks behind"


@pytest.fixture
async def later() -> Callable[[float], None]:
    """Return what moves the loop's clock on, so that a deadline passes when a test has come to the right moment.

    A deadline in real time may pass before the call has even connected, where the machine has other things to do.
    """
    loop: Any = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def move(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    loop.time = lambda: real() + ahead
    return move


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream
        upstream.wait_open(0)
