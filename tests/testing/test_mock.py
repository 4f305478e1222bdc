from __future__ import annotations

import base64
import json
import struct

import pytest

from tests.dialect.events import tapped
from tests.testing.mock_calls import CHAT, ask, chat, hasty

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}


async def test_a_chat_names_the_model_and_who_serves_it():
    answer = await ask(hasty("premium"), CHAT, chat("gpt-4o", "What is a monad?"))
    text = answer.json["choices"][0]["message"]["content"]
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert all(word in text for word in ("gpt-4o", "premium", "What is a monad?"))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Hello", "Hello! I am"),
        ("Which model are you?", "I am **gpt-4o-mini**"),
        ("thank you", "You are welcome"),
        ("Write a poem about autumn rain", "**Autumn rain**"),
        ("python code to sort customers", "def sort_customers(items):"),
        ("How do I bake bread?", "**Bake bread**, in three steps"),
        ("Is it raining?", "You ask: “Is it raining?”"),
        ("It rains.", "You wrote: “It rains.”"),
        ("", "no words that I can read"),
        ("word " * 90, "word …”"),
    ],
)
async def test_the_answer_fits_what_was_asked(said, expected):
    answer = await ask(hasty(), CHAT, chat(said=said))
    assert expected in answer.json["choices"][0]["message"]["content"]


async def test_the_same_question_has_the_same_answer():
    mock = hasty()
    first, second = await ask(mock, CHAT, chat()), await ask(mock, CHAT, chat())
    assert first.json["choices"] == second.json["choices"]
    assert first.json["id"] != second.json["id"]


async def test_braces_in_a_question_are_text():
    answer = await ask(hasty(), CHAT, chat(said="What is {name} {0}?"))
    assert "{name} {0}" in answer.json["choices"][0]["message"]["content"]


async def test_a_long_conversation_is_remembered():
    messages = [{"role": "user", "content": text} for text in ("first words", "more", "last")]
    answer = await ask(hasty(), CHAT, {"model": "m", "messages": messages})
    assert "It all began with “first words”" in answer.json["choices"][0]["message"]["content"]


async def test_text_parts_are_read():
    parts = [
        {"type": "text", "text": "Is it raining?"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
    ]
    answer = await ask(hasty(), CHAT, {"model": "m", "messages": [{"role": "user", "content": parts}]})
    assert "Is it raining?" in answer.json["choices"][0]["message"]["content"]


async def test_a_stream_says_the_same_word_by_word():
    mock = hasty()
    whole, stream = await ask(mock, CHAT, chat()), await ask(mock, CHAT, chat(stream=True))
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text == whole.json["choices"][0]["message"]["content"]
    assert len(stream.events) > 20


@pytest.mark.parametrize("usage", [True, False])
async def test_a_stream_reports_usage_to_who_asks(usage):
    mock = hasty()
    stream = await ask(mock, CHAT, chat(stream=True, stream_options={"include_usage": usage}))
    whole = await ask(mock, CHAT, chat())
    *_, last, done = stream.events
    assert done == "[DONE]"
    assert last.get("usage") == (whole.json["usage"] if usage else None)


async def test_our_own_tap_takes_the_stream_for_complete():
    stream = await ask(hasty(), CHAT, chat(stream=True, stream_options={"include_usage": True}))
    seen = tapped(stream.body)
    assert (seen.tap.done, seen.fault, seen.tap.model, seen.tap.malformed) == (True, None, "gpt-4o-mini", 0)
    assert seen.tap.usage is not None


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_answer(limit):
    answer = await ask(hasty(), CHAT, {**chat(), limit: 3})
    [choice] = answer.json["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hello! I am ", "length")
    assert answer.json["usage"]["completion_tokens"] == 3


async def test_several_choices_take_turns():
    answer = await ask(hasty(), CHAT, chat(n=2, stream=True, max_tokens=2))
    indexes = [choice["index"] for event in answer.events[:-1] for choice in event["choices"]]
    assert indexes == [0, 1, 0, 1, 0, 1, 0, 1]
    assert tapped(answer.body).tap.done


@pytest.mark.parametrize(
    ("more", "called"),
    [
        pytest.param({"tools": [WEATHER]}, False, id="not-spoken-of"),
        pytest.param({"tools": [WEATHER], "tool_choice": "required"}, True, id="required"),
        pytest.param(
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            True,
            id="named",
        ),
        pytest.param({"tools": [WEATHER], "said": "How is the weather?"}, True, id="spoken-of"),
        pytest.param({"tools": [WEATHER], "said": "weather?", "tool_choice": "none"}, False, id="forbidden"),
        pytest.param({"tools": [WEATHER], "model": "m+tool"}, True, id="by-the-model"),
        pytest.param({"tools": "weather", "model": "m+tool"}, False, id="no-tools"),
    ],
)
async def test_a_tool_is_called_when_it_should_be(more, called):
    [choice] = (await ask(hasty(), CHAT, chat(**more))).json["choices"]
    assert (choice["finish_reason"] == "tool_calls") is called
    assert ("tool_calls" in choice["message"]) is called


async def test_the_arguments_of_a_call_fit_its_schema():
    answer = await ask(hasty(), CHAT, chat(said="weather", tools=[WEATHER], stream=True))
    calls = [
        call
        for event in answer.events[:-1]
        for c in event["choices"]
        for call in c["delta"].get("tool_calls", ())
    ]
    assert calls[0]["function"]["name"] == "get_weather"
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {
        "city": "weather",
        "days": 1,
    }


async def test_a_tools_result_is_spoken_of():
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "tool", "tool_call_id": "1", "content": "17 degrees"},
    ]
    answer = await ask(hasty(), CHAT, {"model": "m", "messages": messages, "tools": [WEATHER]})
    assert "17 degrees" in answer.json["choices"][0]["message"]["content"]


async def test_a_structured_answer_fits_its_schema():
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"enum": ["a"]}}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = await ask(hasty(), CHAT, chat(said="Ada", response_format=form))
    assert json.loads(answer.json["choices"][0]["message"]["content"]) == {"name": "Ada", "tags": ["a"]}


async def test_a_json_object_is_one():
    answer = await ask(hasty("free"), CHAT, chat(response_format={"type": "json_object"}))
    assert json.loads(answer.json["choices"][0]["message"]["content"])["served_by"] == "free"


async def test_embeddings_are_the_same_as_floats_and_as_base64():
    mock = hasty()
    floats = (await ask(mock, "/v1/embeddings", {"model": "e", "input": ["a", "b"], "dimensions": 5})).json
    packed = (
        await ask(
            mock, "/v1/embeddings", {"model": "e", "input": "a", "dimensions": 5, "encoding_format": "base64"}
        )
    ).json
    [first, second] = [row["embedding"] for row in floats["data"]]
    assert list(struct.unpack("<5f", base64.b64decode(packed["data"][0]["embedding"]))) == pytest.approx(
        first
    )
    assert sum(x * x for x in first) == pytest.approx(1.0)
    assert first != second


@pytest.mark.parametrize(
    ("given", "rows", "tokens"),
    [("abcd", 1, 2), ([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3), (["a", "b"], 2, 2)],
)
async def test_embeddings_take_texts_and_tokens(given, rows, tokens):
    answer = await ask(hasty(), "/v1/embeddings", {"model": "e", "input": given, "dimensions": 2})
    assert (len(answer.json["data"]), answer.json["usage"]["prompt_tokens"]) == (rows, tokens)


async def test_models_are_listed():
    answer = await ask(hasty("free", models=("a", "b")), "/v1/models")
    assert [(row["id"], row["owned_by"]) for row in answer.json["data"]] == [("a", "free"), ("b", "free")]


@pytest.mark.parametrize("prefix", ["", "/v1", "/openai/v1", "/openai/deployments/d"])
async def test_any_prefix_will_do(prefix):
    assert (await ask(hasty(), f"{prefix}/chat/completions", chat())).status == 200


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        pytest.param(CHAT, b"{", "no JSON", id="no-json"),
        pytest.param(CHAT, b"[]", "no JSON object", id="no-object"),
        pytest.param(CHAT, {"messages": []}, "you must provide a model", id="no-model"),
        pytest.param(CHAT, {"model": "m"}, "'messages' must be a list", id="no-messages"),
        pytest.param(
            CHAT, {"model": "m", "messages": ["hi"]}, "'messages' must be a list", id="messages-no-objects"
        ),
        pytest.param("/v1/embeddings", {"model": "m"}, "'input' must be", id="no-input"),
        pytest.param("/v1/embeddings", {"model": "m", "input": []}, "'input' must be", id="empty-input"),
        pytest.param(CHAT, chat("m+colour=red"), "knows no 'colour'; it knows cut", id="unknown-fault"),
        pytest.param(CHAT, chat("m+latency=soon"), "200ms, 2s or 1m", id="no-time"),
        pytest.param(CHAT, chat("m+cut=x"), "a number of words", id="no-number"),
        pytest.param(CHAT, chat("m+error=200"), "400 to 599", id="no-error"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_reason(path, body, message):
    answer = await ask(hasty(), path, body)
    assert answer.status == 400
    assert message in answer.json["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", CHAT), ("POST", "/v1/models"), ("GET", "/v1/files")])
async def test_anything_else_is_not_found(method, path):
    answer = await ask(hasty(), path, method=method)
    assert answer.status == 404
    assert "This mock answers POST …/chat/completions" in answer.json["error"]["message"]


@pytest.mark.parametrize(("token", "status"), [(b"Bearer k1", 200), (b"Bearer k2", 401), (b"k1", 401)])
async def test_a_mock_with_keys_knows_no_others(token, status):
    mock = hasty(keys=("k1",))
    assert (await ask(mock, CHAT, chat(), headers=[(b"authorization", token)])).status == status


async def test_it_lives_and_stops_with_its_server():
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message["type"])

    await hasty()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_its_repr_tells_what_it_has_seen():
    mock = hasty("free")
    mock.control(error=503)
    assert repr(mock) == "<MockProvider free: 0 requests, 1 rules>"
