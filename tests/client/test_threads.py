"""One event loop for all blocking callers, from wherever they call."""

import asyncio
import multiprocessing
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from llmgw_middleware.testing.upstream import Silence, chat, raw
from llmgw_middleware.transport.httpx_transport import HttpxTransport
from llmgw_middleware.wsgi import Bridge
from tests.client.calling import ASKED, CHAT, STREAMED, User, config, serving


def test_nothing_is_started_before_the_first_request(gateway):
    before = threading.active_count()
    with gateway.client(user=User()):
        assert (threading.active_count(), gateway.thread.started) == (before, False)


def test_the_loop_is_the_one_that_serves_wsgi(gateway):
    bridge = Bridge(gateway)
    with gateway.client(user=User()) as client:
        client.post(CHAT, json=ASKED)
    assert bridge.thread is gateway.thread
    assert [thread.name for thread in threading.enumerate()].count("llmgw-loop") == 1


def test_closing_a_client_leaves_the_gateway_to_others(gateway):
    gateway.client().close()
    with gateway.client() as client:
        assert client.post(CHAT, json=ASKED).status_code == 200


def test_many_threads_may_share_a_client(gateway, upstream):
    upstream.default(lambda seen: chat(seen.json["messages"][0]["content"]))

    def ask(number):
        messages = [{"role": "user", "content": f"number {number}"}]
        return client.post(CHAT, json={**ASKED, "messages": messages}).json()["choices"][0]["message"][
            "content"
        ]

    with gateway.client(user=User()) as client, ThreadPoolExecutor(50) as threads:
        assert list(threads.map(ask, range(50))) == [f"number {n}" for n in range(50)]
    assert len(gateway.recorder) == 50


async def test_a_call_from_a_thread_that_runs_an_event_loop_does_not_wait_for_itself(gateway):
    with gateway.client(user=User()) as client:
        assert client.post(CHAT, json=ASKED).status_code == 200
        assert client.post(CHAT, json=STREAMED).status_code == 200


async def test_views_in_worker_threads_and_their_event_loop_may_call_at_once(gateway):
    with gateway.client(user=User()) as client:
        beside = [asyncio.to_thread(client.post, CHAT, json=ASKED) for _ in range(5)]
        answers = [*await asyncio.gather(*beside), client.post(CHAT, json=ASKED)]
    assert [answer.status_code for answer in answers] == [200] * 6


def test_a_call_on_the_gateways_own_loop_is_refused_and_does_not_hang(gateway):
    async def call():
        with gateway.client() as client:
            client.post(CHAT, json=ASKED)

    with pytest.raises(RuntimeError, match="use an asynchronous client there"):
        gateway.thread.run(call())


def test_a_stream_read_on_the_gateways_own_loop_is_refused_and_does_not_hang(gateway, upstream):
    async def read(answer):
        answer.read()

    with (
        gateway.client() as client,
        client.stream("POST", CHAT, json=STREAMED) as answer,
        pytest.raises(RuntimeError, match="use an asynchronous client there"),
    ):
        gateway.thread.run(read(answer))


def test_no_thread_and_no_task_is_left_when_the_gateway_ends(upstream):
    before = set(threading.enumerate())
    with serving(config(upstream.url)) as gateway, gateway.client() as client:
        client.post(CHAT, json=ASKED)
        with client.stream("POST", CHAT, json=STREAMED) as answer:
            next(answer.iter_raw())
    assert set(threading.enumerate()) == before
    upstream.wait_open(0)


async def test_no_task_is_left_when_an_asynchronous_client_and_the_gateway_are_closed(gateway, upstream):
    async with gateway.client(httpx.AsyncClient) as client:
        await client.post(CHAT, json=ASKED)
        async with client.stream("POST", CHAT, json=STREAMED) as answer:
            await anext(answer.aiter_raw())
    await gateway.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.to_thread(upstream.wait_open, 0)


async def test_a_cancelled_call_stops_the_upstream(gateway, upstream):
    upstream.default(raw(Silence()))
    async with gateway.client(httpx.AsyncClient) as client:
        asking = asyncio.create_task(client.post(CHAT, json=ASKED))
        await asyncio.to_thread(upstream.wait_request)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await asyncio.to_thread(upstream.wait_left, 0, 1.0)
    await gateway.aclose()


def in_memory(request):
    return httpx.Response(200, json={"object": "chat.completion", "choices": [], "model": "m"})


@pytest.fixture
def no_sockets(monkeypatch):
    """Have every attempt to reach anything by a socket fail."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a socket was wanted: {args}")

    for name in ("connect", "connect_ex", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def offline(no_sockets):
    made = lambda: HttpxTransport(httpx.MockTransport(in_memory))  # noqa: E731
    with serving(config("http://127.0.0.1:1"), transport=made) as gateway:
        yield gateway


def test_no_socket_is_opened_to_reach_the_gateway(offline):
    with offline.client(user=User()) as client:
        assert client.post(CHAT, json=ASKED).json()["model"]


async def test_no_socket_is_opened_for_an_asynchronous_call(offline):
    async with offline.client(httpx.AsyncClient, user=User()) as client:
        assert (await client.post(CHAT, json=ASKED)).json()["model"]
    await offline.aclose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_client_made_before_a_fork_serves_both_processes(gateway):
    with gateway.client(user=User()) as client:
        client.post(CHAT, json=ASKED)
        context = multiprocessing.get_context("fork")
        answers = context.SimpleQueue()
        child = context.Process(target=lambda: answers.put(client.post(CHAT, json=ASKED).status_code))
        child.start()
        child.join(10)
        assert (child.exitcode, answers.get(), client.post(CHAT, json=ASKED).status_code) == (0, 200, 200)
