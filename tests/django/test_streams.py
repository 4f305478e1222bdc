from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from llmgw_django import streams
from llmgw_django.answer import AsyncStreamingResponse, plain, streamed
from llmgw_django.streams import AsyncBody, SyncBody
from llmgw_middleware import Response


class Chunks:
    """A stream of the gateway that counts how often it was closed; ``wait`` never comes to its second chunk."""

    on_stall: Callable[[], None] | None = None
    last = False

    def __init__(self, *chunks: bytes, wait: bool = False) -> None:
        self._chunks = iter(chunks)
        self._wait = wait
        self.closed = 0
        self.waiting = asyncio.Event()

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        if self._wait:
            self.waiting.set()
            await asyncio.get_running_loop().create_future()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(streams, "release", lambda: calls.append("released"))
    return calls


async def test_connections_are_released_once_at_the_first_step(released: list[str]):
    body = AsyncBody(Chunks(b"a", b"b"))
    assert released == []
    assert [chunk async for chunk in body] == [b"a", b"b"]
    assert released == ["released"]


def test_connections_are_released_once_at_the_first_step_under_wsgi(released: list[str]):
    pulled: Any = Pulled(b"a", b"b")
    body = SyncBody(pulled)
    assert released == []
    assert list(body) == [b"a", b"b"]
    assert released == ["released"]


class Pulled:
    """What stands for the bridge's iterator."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = iter(chunks)
        self.closed = 0

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        self.closed += 1


def test_closing_under_wsgi_closes_the_bridges_iterator():
    pulled: Any = Pulled(b"a")
    SyncBody(pulled).close()
    assert pulled.closed == 1


async def test_the_end_closes_the_stream(released: list[str]):
    chunks = Chunks(b"a")
    body = AsyncBody(chunks)
    assert [chunk async for chunk in body] == [b"a"]
    assert chunks.closed == 1
    assert await anext(body, None) is None


async def test_a_cancelled_step_closes_the_stream(released: list[str]):
    chunks = Chunks(wait=True)
    step = asyncio.ensure_future(anext(AsyncBody(chunks)))
    await chunks.waiting.wait()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert chunks.closed == 1


async def test_a_response_that_django_closes_in_a_thread_lets_the_stream_go(released: list[str]):
    chunks = Chunks(b"a", wait=True)
    body = AsyncBody(chunks)
    response = AsyncStreamingResponse(body, status=200)
    assert await anext(body) == b"a"
    await sync_to_async(response.close)()
    await asyncio.sleep(0)  # one turn of the loop for the task, not for time
    await asyncio.sleep(0)
    assert chunks.closed == 1
    assert await anext(body, None) is None


async def test_a_stream_that_nobody_holds_any_more_is_let_go(released: list[str]):
    chunks = Chunks(b"a", wait=True)
    body = AsyncBody(chunks)
    del body
    gc.collect()
    for _ in range(3):
        await asyncio.sleep(0)
    assert chunks.closed == 1


async def test_closing_twice_closes_once(released: list[str]):
    chunks = Chunks(b"a")
    body = AsyncBody(chunks)
    assert [chunk async for chunk in body]
    body.abandon()
    await asyncio.sleep(0)
    assert chunks.closed == 1


async def test_an_asynchronous_body_offers_django_no_close():
    body = AsyncBody(Chunks())
    assert not hasattr(body, "close")
    body.abandon()
    await asyncio.sleep(0)


async def test_streams_are_open_until_they_end(released: list[str]):
    body = AsyncBody(Chunks(b"a"))
    seen = [repr(body), *[repr(body) async for _ in body], repr(body)]
    assert seen == ["<AsyncBody not begun>", "<AsyncBody open>", "<AsyncBody ended>"]


def headers() -> Iterator[tuple[bytes, bytes]]:
    yield b"content-type", b"application/json"
    yield b"server-timing", b"a;dur=1"
    yield b"server-timing", b"b;dur=2"


def test_a_buffered_answer_has_the_gateways_headers_and_its_length():
    response = plain(Response(status=418, headers=tuple(headers()), body=b"{}"))
    assert (response.status_code, response.content, response["Content-Length"]) == (418, b"{}", "2")
    assert response["Content-Type"] == "application/json"
    assert response["Server-Timing"] == "a;dur=1, b;dur=2"


def test_an_answer_without_a_type_gets_none():
    assert not plain(Response(status=499)).has_header("Content-Type")


async def test_a_stream_has_no_length():
    body = AsyncBody(Chunks())
    response = streamed(Response(status=200, headers=tuple(headers())), body)
    assert not response.has_header("Content-Length")
    assert response["Content-Encoding"] == "identity"
    response.close()
    await asyncio.sleep(0)


def test_a_stream_whose_loop_has_closed_is_let_go_without_a_word():
    async def begin() -> AsyncBody:
        return AsyncBody(Chunks(b"a"))

    asyncio.run(begin()).abandon()
