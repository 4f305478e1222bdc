"""The official OpenAI client's Responses, over a backend of each API: text, streams, tools, structured answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from llmgw_middleware.build import build_gateway
from llmgw_middleware.testing.mock import create_mock
from llmgw_middleware.testing.mock_server import MockServer

TOOLS: list[Any] = [
    {
        "type": "function",
        "name": "get_forecast",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": False,
    }
]


class City(BaseModel):
    name: str


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(create_mock("eve", latency=0.0, gap=0.0)) as running:
        yield running


@pytest.fixture(params=["chat", "messages", "gemini", "converse"])
def client(request: pytest.FixtureRequest, server: MockServer) -> Iterator[openai.OpenAI]:
    url = server.url + ("/v1" if request.param == "chat" else "")
    backend = {"name": "b", "provider": "mock", "api": request.param, "url": url}
    routes = [{"name": "r", "default": True, "backend": "b"}]
    built = build_gateway({"routes": routes, "backends": [backend]}, env={})
    http: Any = built.client(httpx.Client)  # the official client's own library changes with its versions
    with http:
        yield openai.OpenAI(api_key="x", base_url="http://gateway/v1", http_client=http, max_retries=0)
    built.thread.stop()


def test_a_stream_and_its_final_answer_agree(client):
    with client.responses.stream(model="m", input="Hello") as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert "eve" in said
    assert (final.output_text, final.status) == (said, "completed")
    assert final.usage is not None
    assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens


def test_a_round_of_tools_goes_through(client):
    first = client.responses.create(model="m", input="Lisbon", tools=TOOLS, tool_choice="required")
    call = first.output[-1]
    assert (call.type, call.name) == ("function_call", "get_forecast")
    history = [item.model_dump(exclude_none=True) for item in first.output]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    asked: Any = [{"role": "user", "content": "Lisbon"}, *history, result]
    second = client.responses.create(model="m", input=asked, tools=TOOLS)
    assert "sunny" in second.output_text


def test_a_structured_answer_is_parsed(client):
    assert isinstance(client.responses.parse(model="m", input="x", text_format=City).output_parsed, City)


def test_what_needs_a_memory_is_the_callers_error(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="m", input="x", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"
