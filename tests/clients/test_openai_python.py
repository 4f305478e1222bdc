"""OpenAI's own client for Python, over every provider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.conftest import Site
from tests.clients.providers import UNKNOWN, Providers
from tests.clients.speech import INPUT, NUMBER, OUTPUT, SIGNATURE, TOWN

openai = pytest.importorskip("openai", reason="openai is not installed")
pydantic = pytest.importorskip("pydantic")

ASKED: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello there"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["town", "days"],
            "additionalProperties": False,
        },
    },
}


class Trip(pydantic.BaseModel):  # type: ignore[misc,name-defined]  # pydantic is imported where it is installed
    town: str
    days: int


@pytest.fixture
def client(site: Site, dialect: str) -> Any:
    with openai.OpenAI(base_url=site.url(dialect), api_key="none", max_retries=0) as client:
        yield client


def test_a_chat_is_answered(client: Any):
    answer = client.chat.completions.create(model="m", messages=ASKED, temperature=0.5, max_tokens=100)
    assert answer.choices[0].message.content == "You said: hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (INPUT, OUTPUT)


def test_a_stream_comes_word_by_word(client: Any):
    with client.chat.completions.create(
        model="m", messages=ASKED, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    words = [
        chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content
    ]
    assert "".join(words) == "You said: hello there"
    assert len(words) == 4
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
        "stop"
    ]
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (INPUT, OUTPUT)


async def test_the_asynchronous_client_reads_a_stream(site: Site, dialect: str):
    async with openai.AsyncOpenAI(base_url=site.url(dialect), api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(model="m", messages=ASKED, stream=True)
        words = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(words) == "You said: hello there"


def test_a_tool_is_called_and_its_answer_heard(client: Any):
    first = client.chat.completions.create(model="m", messages=ASKED, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    [call] = first.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "weather",
        {"town": TOWN, "days": NUMBER},
    )
    told = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    second = client.chat.completions.create(
        model="m", messages=[*ASKED, first.choices[0].message, told], tools=[WEATHER]
    )
    assert second.choices[0].message.content == "The tool says: sunny"


def test_a_streamed_call_of_a_tool_is_put_together(client: Any):
    with client.chat.completions.stream(model="m", messages=ASKED, tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "weather",
        {"town": TOWN, "days": NUMBER},
    )
    assert final.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_signature_comes_back_in_its_place(site: Site, providers: Providers, streamed: Any):
    with openai.OpenAI(base_url=site.url("gemini"), api_key="none", max_retries=0) as client:
        asked = {"model": "gemini-3-pro-preview", "tools": [WEATHER]}
        if streamed:
            with client.chat.completions.stream(messages=ASKED, **asked) as stream:
                first = stream.get_final_completion().choices[0].message
        else:
            first = client.chat.completions.create(messages=ASKED, **asked).choices[0].message
        said = first.model_dump(exclude_none=True)
        told = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "sunny"}
        client.chat.completions.create(messages=[*ASKED, said, told], **asked)
    assert providers.asked[-1].carried == (SIGNATURE,)


def test_a_tool_may_be_demanded(client: Any):
    other = {**WEATHER, "function": {**WEATHER["function"], "name": "other"}}
    answer = client.chat.completions.create(
        model="m",
        messages=ASKED,
        tools=[other, WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
    )
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["weather"]


def test_a_structured_answer_is_parsed(client: Any):
    answer = client.chat.completions.parse(model="m", messages=ASKED, response_format=Trip)
    assert answer.choices[0].message.parsed == Trip(town=TOWN, days=NUMBER)


def test_embeddings_are_answered(site: Site):
    with openai.OpenAI(base_url=site.url("openai"), api_key="none", max_retries=0) as client:
        answer = client.embeddings.create(model="e", input=["one", "three"], encoding_format="float")
    assert [row.embedding for row in answer.data] == [[0.25, 3.0], [0.25, 5.0]]


def test_models_are_listed(client: Any):
    assert isinstance(client.models.list().data, list)


def test_an_error_is_one_of_the_clients_own(site: Site, dialect: str):
    with (
        openai.OpenAI(base_url=site.url(dialect), api_key="none", max_retries=0) as client,
        pytest.raises(openai.NotFoundError) as caught,
    ):
        client.chat.completions.create(model=UNKNOWN, messages=ASKED)
    assert caught.value.status_code == 404
    assert caught.value.request_id


def test_the_callers_key_stays_here(client: Any, providers: Any):
    client.chat.completions.create(model="m", messages=ASKED)
    assert "none" not in json.dumps([headers for _, headers, _ in providers.seen])
