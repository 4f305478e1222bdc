"""Streams arrive chunk by chunk, and stop when the reader leaves."""

import gc
import threading

import httpx
import httpx2
import pytest

from llmgw_middleware.testing.upstream import Wait, chat, raw, sse, stream, stream_chunk, stream_chunks
from tests.client.calling import CHAT, STREAMED

STUCK = sse(stream_chunks("a", finish=False), done=False, finish=False) + raw(Wait("never"))
KINDS = [httpx.Client, httpx2.Client]
ASYNC_KINDS = [httpx.AsyncClient, httpx2.AsyncClient]


def stepwise():
    """Return a script that says each word only when it is released."""
    script = sse(stream_chunks("one", finish=False), done=False, finish=False)
    for word in ("two", "three"):
        event = sse([stream_chunk({"content": word})], done=False, finish=False)
        script += raw(Wait(word), *event.actions[1:])
    end = sse([stream_chunk({}, finish_reason="stop")])
    return script + raw(Wait("end"), *end.actions[1:])


def words(chunk):
    return [word for word in ("one", "two", "three") if f'"{word}"' in chunk]


def step(upstream, seen):
    """Release what comes after the words ``seen``."""
    upstream.release({1: "two", 2: "three", 3: "end"}[len(seen)])


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_each_chunk_arrives_before_the_next_is_sent(gateway, upstream, kind):
    upstream.default(stepwise())
    seen = []
    with gateway.client(kind) as client, client.stream("POST", CHAT, json=STREAMED) as answer:
        for text in answer.iter_text():
            if words(text):
                seen += words(text)
                step(upstream, seen)
    assert (seen, "[DONE]" in text) == (["one", "two", "three"], True)


@pytest.mark.parametrize("kind", ASYNC_KINDS, ids=repr)
async def test_each_chunk_arrives_at_an_asynchronous_reader_before_the_next_is_sent(gateway, upstream, kind):
    upstream.default(stepwise())
    seen = []
    async with gateway.client(kind) as client, client.stream("POST", CHAT, json=STREAMED) as answer:
        async for text in answer.aiter_text():
            if words(text):
                seen += words(text)
                step(upstream, seen)
    assert (seen, "[DONE]" in text) == (["one", "two", "three"], True)
    await gateway.aclose()


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_leaving_the_block_stops_the_upstream(gateway, upstream, kind):
    upstream.default(STUCK)
    with gateway.client(kind) as client, client.stream("POST", CHAT, json=STREAMED) as answer:
        next(answer.iter_raw())
    upstream.wait_left(0, 1.0)
    gateway.thread.stop()
    assert answer.extensions["llmgw_decision"].outcome == "cancelled"


@pytest.mark.parametrize("kind", ASYNC_KINDS, ids=repr)
async def test_leaving_the_block_of_an_asynchronous_client_stops_the_upstream(gateway, upstream, kind):
    upstream.default(STUCK)
    async with gateway.client(kind) as client, client.stream("POST", CHAT, json=STREAMED) as answer:
        await anext(answer.aiter_raw())
    assert answer.extensions["llmgw_decision"].outcome == "cancelled"
    await gateway.aclose()


def test_a_stream_that_nobody_holds_any_more_stops_the_upstream(gateway, upstream):
    upstream.default(STUCK)
    client = gateway.client()
    client.send(client.build_request("POST", CHAT, json=STREAMED), stream=True)
    gc.collect()
    upstream.wait_left(0, 1.0)


def test_a_stream_that_was_closed_by_another_thread_ends(gateway, upstream):
    upstream.default(STUCK)
    with gateway.client() as client, client.stream("POST", CHAT, json=STREAMED) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        closing = threading.Timer(0.0, answer.close)
        closing.start()
        assert b"[DONE]" not in b"".join(chunks)
        closing.join()
    upstream.wait_left(0, 1.0)


def test_a_silent_stream_ends_by_the_read_timeout_and_not_cleanly(gateway, upstream):
    upstream.default(STUCK)
    with (
        gateway.client() as client,
        client.stream("POST", CHAT, json=STREAMED, timeout=0.05) as answer,
        pytest.raises(httpx.ReadTimeout),
    ):
        answer.read()
    upstream.wait_left(0, 1.0)


async def test_a_silent_stream_ends_by_the_read_timeout_of_an_asynchronous_client(gateway, upstream):
    upstream.default(STUCK)
    async with (
        gateway.client(httpx2.AsyncClient) as client,
        client.stream("POST", CHAT, json=STREAMED, timeout=0.05) as answer,
    ):
        with pytest.raises(httpx2.ReadTimeout):
            await answer.aread()
    await gateway.aclose()


def test_the_timeout_counts_from_chunk_to_chunk(gateway, upstream):
    upstream.default(stream("a", "b", "c", "d", gap=0.2))
    with gateway.client() as client:
        answer = client.post(CHAT, json=STREAMED, timeout=1.0)
    assert answer.text.rstrip().endswith("[DONE]")


def test_an_upstream_that_breaks_off_is_told_in_the_stream(gateway, upstream):
    upstream.default(stream("a", "b", cut_after=1))
    with gateway.client() as client:
        answer = client.post(CHAT, json=STREAMED)
    assert (answer.status_code, '"error"' in answer.text, "[DONE]" in answer.text) == (200, True, False)
    assert answer.extensions["llmgw_decision"].outcome == "truncated"


def test_a_stop_of_the_process_is_no_clean_end_either(gateway, upstream):
    upstream.default(STUCK)
    with gateway.client() as client, client.stream("POST", CHAT, json=STREAMED) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        gateway.thread.stop()
        with pytest.raises(httpx.ReadError, match="the answer is not complete"):
            list(chunks)


def test_after_a_stop_the_answer_is_that_the_server_is_stopping(gateway, upstream):
    gateway.thread.stop()
    with gateway.client() as client:
        client.post(CHAT, json=STREAMED)
        gateway.thread.stop()
        upstream.default(chat())
        answer = client.post(CHAT, json=STREAMED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")
