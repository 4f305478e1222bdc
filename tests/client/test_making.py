"""Which clients there are, and how they get their answers."""

import asyncio
import re

import httpx
import httpx2
import openai
import pytest

from llmgw_middleware.client import AsyncGatewayTransport, GatewayTransport, identity_of
from tests.client.calling import ASKED, CHAT, User

BLOCKING = [httpx.Client, httpx2.Client, openai.DefaultHttpxClient]
ASYNCHRONOUS = [httpx.AsyncClient, httpx2.AsyncClient, openai.DefaultAsyncHttpxClient]
NO_CLIENTS = [httpx.Response, dict, httpx.Client(), "httpx.Client", httpx]


def test_left_alone_it_is_one_of_httpx(gateway):
    with gateway.client(user="42") as client:
        assert type(client) is httpx.Client


@pytest.mark.parametrize("kind", BLOCKING, ids=repr)
def test_a_blocking_client_of_the_wanted_class_is_answered(gateway, kind):
    with gateway.client(kind, user=User()) as client:
        answer = client.post(CHAT, json=ASKED)
    assert type(client) is kind
    assert answer.json()["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize("kind", ASYNCHRONOUS, ids=repr)
async def test_an_asynchronous_client_of_the_wanted_class_is_answered(gateway, kind):
    async with gateway.client(kind, user=User()) as client:
        answer = await client.post(CHAT, json=ASKED)
    assert type(client) is kind
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    await gateway.aclose()


@pytest.mark.parametrize("kind", NO_CLIENTS, ids=repr)
def test_what_is_no_client_class_is_refused(gateway, kind):
    with pytest.raises(TypeError, match=re.escape("pass httpx.Client, httpx.AsyncClient, or")):
        gateway.client(kind)


def test_a_client_has_no_timeouts_of_its_own(gateway):
    with gateway.client() as client:
        assert client.timeout == httpx.Timeout(None)


def test_a_client_of_ones_own_making_takes_the_transport(gateway, upstream):
    transport = GatewayTransport(gateway, identity_of(gateway, User()))
    with httpx.Client(mounts={"http://llm.internal": transport}) as client:
        assert client.post(f"http://llm.internal{CHAT}", json=ASKED).status_code == 200
    assert len(upstream.requests) == 1


def test_a_transport_tells_whom_it_calls_for_and_nothing_of_the_session(gateway):
    identity = identity_of(gateway, "42", session_key="s-secret")
    told = repr(GatewayTransport(gateway, identity)) + repr(AsyncGatewayTransport(gateway, identity))
    assert told.count("for 42") == 2
    assert "s-secret" not in told


def test_one_gateway_serves_blocking_and_asynchronous_clients_at_once(gateway):
    async def both():
        with gateway.client(user="1") as blocking:
            async with gateway.client(httpx.AsyncClient, user="2") as asynchronous:
                one = asyncio.to_thread(blocking.post, CHAT, json=ASKED)
                answers = await asyncio.gather(one, asynchronous.post(CHAT, json=ASKED))
        await gateway.aclose()
        return [answer.extensions["llmgw_decision"].identity.id for answer in answers]

    assert asyncio.run(both()) == ["1", "2"]
