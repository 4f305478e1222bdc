"""The floor passes on what it should, and reuses its connection: else ratios to it would flatter the gateway."""

import asyncio
import json

import pytest

from benchmarks import floor
from benchmarks.lab import Load
from benchmarks.upstream import Connection, Scripts


@pytest.fixture
async def backend(monkeypatch):
    seen = []

    class Noting(Connection):
        def connection_made(self, transport):
            super().connection_made(transport)
            seen.append(transport)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Noting(Scripts()), "127.0.0.1", 0)
    monkeypatch.setattr(floor, "HOST", "127.0.0.1")
    monkeypatch.setattr(floor, "PORT", server.sockets[0].getsockname()[1])
    monkeypatch.setattr(floor, "IDLE", [])
    yield seen
    for wire in floor.IDLE:
        wire.transport.close()
    server.close()
    await asyncio.sleep(0)


async def ask(load):
    waiting, sent = [{"type": "http.request", "body": load.body(), "more_body": False}], []

    async def receive():
        return waiting.pop()

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"cookie", b"secret=1")]
    await floor.app({"type": "http", "headers": headers}, receive, send)
    return sent[0], b"".join(message["body"] for message in sent[1:])


async def test_it_passes_json_on(backend):
    start, body = await ask(Load())
    assert start["status"] == 200
    assert json.loads(body)["object"] == "chat.completion"


async def test_it_passes_a_stream_on(backend):
    start, body = await ask(Load(mock="events=5", stream=True))
    assert (b"content-type", b"text/event-stream") in start["headers"]
    assert body.count(b"data: ") == 1 + 5 + 2
    assert body.endswith(b"data: [DONE]\n\n")


async def test_it_uses_one_connection_for_one_caller(backend):
    for _ in range(5):
        await ask(Load())
        await ask(Load(mock="events=2", stream=True))
    assert len(backend) == 1
