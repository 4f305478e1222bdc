"""The Responses of OpenAI's client for Python, over every provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmgw_middleware.dialect.operation import operation_of
from llmgw_middleware.dialect.port import Operation
from tests.clients.conftest import Site
from tests.clients.providers import UNKNOWN
from tests.clients.speech import INPUT, NUMBER, OUTPUT, TOWN

openai = pytest.importorskip("openai", reason="openai is not installed")
pydantic = pytest.importorskip("pydantic")

pytestmark = pytest.mark.skipif(
    operation_of("/v1/responses", None) is Operation.OPAQUE, reason="this version serves no Responses"
)

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"town": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["town", "days"],
        "additionalProperties": False,
    },
}


class Trip(pydantic.BaseModel):  # type: ignore[misc,name-defined]  # pydantic is imported where it is installed
    town: str
    days: int


@pytest.fixture
def client(site: Site, dialect: str) -> Iterator[Any]:
    with openai.OpenAI(base_url=site.url(dialect), api_key="none", max_retries=0) as client:
        yield client


def test_a_question_is_answered(client: Any):
    answer = client.responses.create(
        model="m", input="hello there", instructions="Be brief.", max_output_tokens=100, store=False
    )
    assert (answer.output_text, answer.status) == ("You said: hello there", "completed")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (INPUT, OUTPUT)


def test_a_stream_comes_word_by_word(client: Any):
    with client.responses.create(model="m", input="hello there", stream=True, store=False) as stream:
        events = list(stream)
    words = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert ("".join(words), len(words)) == ("You said: hello there", 4)
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "You said: hello there"
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_answer_heard(client: Any, streamed: Any):
    asked: dict[str, Any] = {"model": "m", "tools": [WEATHER], "store": False}
    said: list[Any] = [{"role": "user", "content": "hello there"}]
    if streamed:
        with client.responses.stream(**asked, input=said) as stream:
            first = stream.get_final_response()
    else:
        first = client.responses.create(**asked, input=said)
    [call] = [item for item in first.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == ("weather", {"town": TOWN, "days": NUMBER})
    told = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    spoken = {
        "type": "function_call",
        "call_id": call.call_id,
        "name": call.name,
        "arguments": call.arguments,
    }
    second = client.responses.create(**asked, input=[*said, spoken, told])
    assert second.output_text == "The tool says: sunny"


def test_a_structured_answer_is_parsed(client: Any):
    answer = client.responses.parse(model="m", input="hello there", text_format=Trip, store=False)
    assert answer.output_parsed == Trip(town=TOWN, days=NUMBER)


def test_an_error_is_one_of_the_clients_own(client: Any):
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=UNKNOWN, input="hello there", store=False)
