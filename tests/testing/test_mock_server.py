"""The mock on a real socket, asked by the official client."""

from __future__ import annotations

import httpx
import openai
import pytest

from llmgw_middleware.testing.mock_server import MockServer, listening_socket
from tests.testing.mock_calls import CHAT, chat, hasty


@pytest.fixture
def server():
    with MockServer(hasty("free")) as running:
        yield running


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


MESSAGES = [{"role": "user", "content": "Hello"}]


def test_the_official_client_completes_a_chat(client):
    answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert "free" in answer.choices[0].message.content
    assert answer.usage.total_tokens > 0


def test_the_official_client_reads_a_stream(client):
    stream = client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "free" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage.completion_tokens > 0


def test_the_official_client_makes_embeddings(client):
    answer = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [len(row.embedding) for row in answer.data] == [1536, 1536]


def test_the_official_client_lists_models(client):
    assert "gpt-4o" in {model.id for model in client.models.list()}


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("m+error=401", openai.AuthenticationError),
        ("m+error=404", openai.NotFoundError),
        ("m+error=429", openai.RateLimitError),
        ("m+error=503", openai.InternalServerError),
        ("m+error=context_length_exceeded", openai.BadRequestError),
    ],
)
def test_the_official_client_knows_the_errors(client, model, error):
    with pytest.raises(error):
        client.chat.completions.create(model=model, messages=MESSAGES)


def test_a_reset_breaks_the_connection(server):
    with pytest.raises(httpx.RemoteProtocolError), httpx.Client() as client:
        client.post(server.url + CHAT, json=chat("m+reset=1", stream=True))


def test_a_stalled_stream_does_not_keep_the_server_from_stopping():
    asked = chat("m+stall=1", stream=True)
    with MockServer(hasty()) as server, httpx.stream("POST", server.url + CHAT, json=asked) as answer:
        assert b"assistant" in next(answer.iter_raw())
        server.stop()
    assert repr(server) == "<MockServer not running>"


def test_a_taken_port_is_an_error():
    with listening_socket() as sock, pytest.raises(OSError, match="in use"):
        listening_socket(port=sock.getsockname()[1])
