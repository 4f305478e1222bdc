"""What bounds connecting and sending, over real sockets; the other limits are tried beside what they end."""

import socket

import pytest

from llmgw_middleware.testing.upstream import Pause, chat, raw, sse, stream_chunks
from tests.gateway.asking import ask, backend, chat_config, error_of, gateway
from tests.traffic.hearing import hear

LONG = {"model": "m", "messages": [{"role": "user", "content": "x" * 12_000_000}]}


@pytest.fixture
def deaf():
    """A port that takes connections and never reads from them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


async def test_connecting_includes_the_handshake_of_tls(deaf):
    config = chat_config(
        backend("one", f"https://{deaf}"),
        route={"retry": {"maxAttempts": 1}},
        gateway={"timeout": {"connect": "100ms", "read": "20s"}},
    )
    async with gateway(config) as gw:
        response = await ask(gw)
    assert (response.status, error_of(response)["code"]) == (502, "upstream_unreachable")


async def test_sending_that_makes_no_progress_ends(deaf):
    config = chat_config(
        backend("one", f"http://{deaf}"),
        route={"retry": {"maxAttempts": 1}},
        gateway={"timeout": {"write": "100ms", "read": "20s"}},
    )
    async with gateway(config) as gw:
        response = await ask(gw, body=LONG)
    assert (response.status, error_of(response)["code"]) == (502, "upstream_reset")


async def test_the_routes_limit_comes_before_the_backends_and_that_before_the_gateways(llmgw_faults):
    llmgw_faults.play("silence")
    [primary, fallback] = llmgw_faults.backends
    config = chat_config(
        {**primary, "timeout": {"firstToken": "100ms", "streamIdle": "3s"}},
        fallback,
        route={"fallback": ["fallback"], "timeout": {"streamIdle": "4s"}},
        gateway={"timeout": {"firstToken": "20s", "streamIdle": "2s", "connect": "1s"}},
    )
    async with gateway(config) as gw:
        limits = gw.snapshot.choosers["chat"].timeouts_for("primary")
        heard, decision = await hear(gw, stream=True)
    assert (limits.first_token, limits.stream_idle, limits.connect) == (0.1, 4.0, 1.0)
    assert (heard.errors, decision.backend) == ((), "fallback")


async def test_stream_total_ends_a_stream_that_keeps_talking(llmgw_upstream):
    llmgw_upstream.default(sse(stream_chunks(*["word "] * 2_000), gap=0.01))
    config = chat_config(backend("one", llmgw_upstream.url), gateway={"timeout": {"streamTotal": "150ms"}})
    async with gateway(config) as gw:
        heard, decision = await hear(gw, stream=True)
    assert (heard.errors, heard.ends, decision.outcome) == (("upstream_timeout",), (), "truncated")


async def test_a_pause_between_pieces_that_is_shorter_than_stream_idle_is_none(llmgw_upstream):
    events = stream_chunks("a", "b", "c")
    llmgw_upstream.default(sse(events, gap=0.02))
    config = chat_config(backend("one", llmgw_upstream.url), gateway={"timeout": {"streamIdle": "5s"}})
    async with gateway(config) as gw:
        heard, _ = await hear(gw, stream=True)
    assert (heard.text, heard.errors) == ("abc", ())


async def test_a_whole_answer_knows_no_first_token(llmgw_upstream):
    llmgw_upstream.default(raw(Pause(0.1)) + chat())
    config = chat_config(backend("one", llmgw_upstream.url), gateway={"timeout": {"firstToken": "20ms"}})
    async with gateway(config) as gw:
        assert (await ask(gw)).status == 200
