"""A caller that keeps its connection and reads nothing is given up on both sides."""

import asyncio

import pytest

from llmgw_middleware.asgi import LLMGatewayMiddleware
from llmgw_middleware.testing.streams import sse, stream_chunk
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e.gateways import STREAMED, gateway_to, host
from tests.e2e.servers import RawCaller, serve_asgi

FLOOD = sse([stream_chunk({"content": "x" * 65536})] * 1000, done=False)


@pytest.fixture
def upstream():
    with ScriptedUpstream() as upstream:
        upstream.default(FLOOD)
        yield upstream


def test_under_uvicorn_the_upstream_is_let_go_and_the_answer_ends_broken(upstream):
    gateway = gateway_to(upstream.url, timeout={"callerStall": "200ms"})
    with serve_asgi(LLMGatewayMiddleware(host, gateway=gateway)) as port, RawCaller(port) as caller:
        caller.send_request(body=STREAMED)
        upstream.wait_left(0)
    [decision] = gateway.recorder
    assert (decision.outcome, decision.code) == ("cancelled", "caller_stalled")


async def test_a_door_blocked_in_send_is_freed(upstream):
    gateway = gateway_to(upstream.url, timeout={"callerStall": "50ms"})
    door = LLMGatewayMiddleware(host, gateway=gateway)
    messages = [{"type": "http.request", "body": STREAMED, "more_body": False}]
    sent = []

    async def receive():
        return messages.pop() if messages else await asyncio.get_running_loop().create_future()

    async def send(message):
        sent.append(message)
        if message["type"] == "http.response.body":
            await asyncio.get_running_loop().create_future()  # a full socket

    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b"",
             "headers": [(b"content-type", b"application/json")]}  # fmt: skip
    async with asyncio.timeout(5):
        await door(scope, receive, send)
    assert [message.get("more_body") for message in sent] == [None, True]
    await gateway.aclose()
