"""Anthropic's own client for Python, over every provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.conftest import Site
from tests.clients.providers import UNKNOWN, Providers
from tests.clients.speech import INPUT, NUMBER, OUTPUT, SIGNATURE, THOUGHT, TOWN

anthropic = pytest.importorskip("anthropic", reason="anthropic is not installed")

ASKED: Any = {"model": "m", "max_tokens": 2000, "messages": [{"role": "user", "content": "hello there"}]}
WEATHER: Any = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {
        "type": "object",
        "properties": {"town": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["town", "days"],
    },
}
CALLED = {"town": TOWN, "days": NUMBER}
THINKING = {"type": "enabled", "budget_tokens": 1024}
THINKERS = {
    "anthropic": "m",
    "gemini": "gemini-3-pro-preview",
    "bedrock": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
"""Models whose thoughts can be read, by dialect."""
UNSIGNED = "skip_thought_signature_validator"
"""What Gemini is told where a signature of its own had no place in the caller's dialect."""


@pytest.fixture
def client(site: Site, dialect: str) -> Iterator[Any]:
    with made(site, dialect) as client:
        yield client


def made(site: Site, dialect: str) -> Any:
    return anthropic.Anthropic(base_url=site.url(dialect, path=""), api_key="none", max_retries=0)


def test_a_message_is_answered(client: Any):
    answer = client.messages.create(**ASKED, system="Be brief.")
    assert [block.text for block in answer.content] == ["You said: hello there"]
    assert (answer.role, answer.stop_reason) == ("assistant", "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (INPUT, OUTPUT)


def test_a_stream_comes_word_by_word(client: Any):
    with client.messages.stream(**ASKED) as stream:
        words = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(words) == "You said: hello there"
    assert len(words) == 4
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (INPUT, OUTPUT)


async def test_the_asynchronous_client_reads_a_stream(site: Site, dialect: str):
    url = site.url(dialect, path="")
    async with (
        anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client,
        client.messages.stream(**ASKED) as stream,
    ):
        words = [word async for word in stream.text_stream]
    assert "".join(words) == "You said: hello there"


def test_a_tool_is_called_and_its_answer_heard(client: Any):
    first = client.messages.create(**ASKED, tools=[WEATHER])
    assert first.stop_reason == "tool_use"
    [call] = [block for block in first.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("weather", CALLED)
    told = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages = [
        *ASKED["messages"],
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [told]},
    ]
    second = client.messages.create(**{**ASKED, "messages": messages}, tools=[WEATHER])
    assert second.content[0].text == "The tool says: sunny"


def test_a_streamed_call_of_a_tool_is_put_together(client: Any):
    with client.messages.stream(**ASKED, tools=[WEATHER]) as stream:
        final = stream.get_final_message()
    [call] = [block for block in final.content if block.type == "tool_use"]
    assert (call.name, call.input, final.stop_reason) == ("weather", CALLED, "tool_use")


def test_a_tool_may_be_demanded(client: Any):
    other = {**WEATHER, "name": "other"}
    choice = {"type": "tool", "name": "weather"}
    answer = client.messages.create(**ASKED, tools=[other, WEATHER], tool_choice=choice)
    assert [block.name for block in answer.content if block.type == "tool_use"] == ["weather"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("thinker", THINKERS)
def test_thoughts_come_and_go_back_with_the_answer_of_a_tool(
    site: Site, providers: Providers, thinker: str, streamed: Any
):
    named = {**ASKED, "model": THINKERS[thinker]}
    with made(site, thinker) as client:
        first = ask(client, streamed, **named, tools=[WEATHER], thinking=THINKING)
        thoughts = [block.thinking for block in first.content if block.type == "thinking"]
        assert "".join(thoughts) == THOUGHT
        [call] = [block for block in first.content if block.type == "tool_use"]
        told = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
        messages = [
            *ASKED["messages"],
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [told]},
        ]
        second = ask(client, streamed, **{**named, "messages": messages}, tools=[WEATHER], thinking=THINKING)
    assert [block.text for block in second.content if block.type == "text"] == ["The tool says: sunny"]
    assert providers.asked[-1].carried == (UNSIGNED if thinker == "gemini" else SIGNATURE,)


def ask(client: Any, streamed: Any, **asked: Any) -> Any:
    if not streamed:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()


def test_tokens_are_counted(client: Any, dialect: str):
    messages = ASKED["messages"]
    counted = client.messages.count_tokens(model="m", messages=messages).input_tokens
    assert counted == INPUT if dialect == "anthropic" else 0 < counted < 100


def test_models_are_listed(client: Any):
    assert isinstance(client.models.list().data, list)


def test_an_error_is_one_of_the_clients_own(client: Any):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(**{**ASKED, "model": UNKNOWN})
    assert caught.value.body["error"]["type"] == "not_found_error"
    assert caught.value.request_id


def test_the_callers_key_stays_here(client: Any, providers: Providers):
    client.messages.create(**ASKED)
    assert "none" not in json.dumps([headers for _, headers, _ in providers.seen])
