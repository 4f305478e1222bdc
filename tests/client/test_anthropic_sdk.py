"""The official Anthropic SDK over the gateway, before backends of both dialects."""

from __future__ import annotations

from typing import Any

import pytest

from llmgw_middleware.gateway import Gateway
from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, chat, error, sse, stream, stream_chunk
from tests.client.calling import serving
from tests.gateway.test_dialects import MESSAGE, events

anthropic = pytest.importorskip("anthropic", reason="anthropic is not installed")

BASE = "http://gateway"
HELLO: list[Any] = [{"role": "user", "content": "hi"}]
WEATHER: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}


def config(url: str, provider: str, **more: Any) -> dict[str, Any]:
    backend = {"name": "only", "url": f"{url}/v1", "provider": provider, "apiKey": "sk-own", **more}
    return {
        "routes": [{"name": "all", "default": True, "backend": "only", "retry": {"maxAttempts": 1}}],
        "backends": [backend],
    }


def sdk(gateway: Gateway) -> Any:
    return anthropic.Anthropic(
        http_client=gateway.client(anthropic.DefaultHttpxClient),
        api_key="unused",
        base_url=BASE,
        max_retries=0,
    )


@pytest.fixture
def up():
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def openai_backed(up):
    with serving(config(up.url, "openai-compatible", models={"claude-x": "gpt-x"})) as gateway:
        yield gateway


@pytest.fixture
def anthropic_backed(up):
    with serving(config(up.url, "anthropic")) as gateway:
        yield gateway


def test_a_message_comes_from_a_chat_backend(openai_backed, up):
    up.default(chat("hello"))
    with sdk(openai_backed) as client:
        message = client.messages.create(model="claude-x", max_tokens=9, messages=HELLO, system="Be brief")
    assert [block.text for block in message.content if block.type == "text"] == ["hello"]
    assert (message.stop_reason, message.usage.output_tokens > 0) == ("end_turn", True)
    seen = up.requests[0]
    assert (seen.json["model"], seen.header("authorization")) == ("gpt-x", "Bearer sk-own")


def test_a_message_streams_from_a_chat_backend(openai_backed, up):
    up.default(stream("hel", "lo"))
    with (
        sdk(openai_backed) as client,
        client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO) as events_of,
    ):
        assert "".join(events_of.text_stream) == "hello"
        message = events_of.get_final_message()
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0


CALLS = [
    stream_chunk({"role": "assistant", "content": "I look"}),
    stream_chunk(
        {
            "tool_calls": [
                {"index": 0, "id": "c0", "type": "function", "function": {"name": "weather", "arguments": ""}}
            ]
        }
    ),
    stream_chunk(
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"at"'},
                }
            ]
        }
    ),
    stream_chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"at":"Rom"}'}}]}),
    stream_chunk({"tool_calls": [{"index": 1, "function": {"arguments": ':"Bern"}'}}]}),
    stream_chunk({}, finish_reason="tool_calls"),
]


def test_interleaved_calls_of_a_chat_backend_arrive_whole(openai_backed, up):
    up.default(sse(CALLS))
    with (
        sdk(openai_backed) as client,
        client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO, tools=[WEATHER]) as events_of,
    ):
        message = events_of.get_final_message()
    assert [(b.id, b.input) for b in message.content if b.type == "tool_use"] == [
        ("c0", {"at": "Rom"}),
        ("c1", {"at": "Bern"}),
    ]
    assert message.stop_reason == "tool_use"


def test_a_tool_round_goes_there_and_back(openai_backed, up):
    up.default(chat("Sunny"))
    use = {"type": "tool_use", "id": "c0", "name": "weather", "input": {"at": "Rom"}}
    result = {"type": "tool_result", "tool_use_id": "c0", "content": "sun"}
    said: list[Any] = [*HELLO, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    with sdk(openai_backed) as client:
        client.messages.create(model="claude-x", max_tokens=9, messages=said, tools=[WEATHER])
    roles = [message["role"] for message in up.requests[0].json["messages"]]
    assert roles == ["user", "assistant", "tool"]


def test_tokens_are_counted(openai_backed, anthropic_backed, up):
    up.default(answer(200, json={"input_tokens": 12}))
    with sdk(openai_backed) as client:
        assert client.messages.count_tokens(model="claude-x", messages=HELLO).input_tokens > 0
    with sdk(anthropic_backed) as client:
        assert client.messages.count_tokens(model="claude-x", messages=HELLO).input_tokens == 12


def test_models_are_listed(openai_backed):
    with sdk(openai_backed) as client:
        assert [model.id for model in client.models.list()] == ["claude-x"]


ERRORS = {
    400: anthropic.BadRequestError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", ERRORS)
def test_an_upstreams_error_is_the_sdks_own_exception(openai_backed, up, status, streamed):
    up.default(error(status))
    with sdk(openai_backed) as client, pytest.raises(ERRORS[status]) as caught:
        client.messages.create(model="claude-x", max_tokens=9, messages=HELLO, stream=streamed)
    assert caught.value.request_id


def test_a_stream_that_breaks_off_is_an_exception_and_no_end(openai_backed, up):
    up.default(stream("a", "b", cut_after=1))
    with sdk(openai_backed) as client, pytest.raises(anthropic.APIError):
        list(client.messages.create(model="claude-x", max_tokens=9, messages=HELLO, stream=True))


def test_what_a_backend_has_no_word_for_is_told_by_name(openai_backed):
    with sdk(openai_backed) as client, pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(model="claude-x", max_tokens=9, messages=HELLO, extra_body={"top_k": 3})
    assert "top_k" in str(caught.value)


def test_everything_passes_through_to_an_anthropic_backend(anthropic_backed, up):
    up.default(answer(200, json=MESSAGE))
    with sdk(anthropic_backed) as client:
        message = client.beta.messages.create(
            model="claude-x", max_tokens=9, messages=HELLO, betas=["b-1"], extra_body={"invented": 1}
        )
    seen = up.requests[0]
    assert message.content[0].type == "text"
    assert (seen.header("anthropic-beta"), seen.header("x-api-key")) == ("b-1", "sk-own")
    assert seen.header("anthropic-version") == "2026-10-21"
    assert seen.json["invented"] == 1
    assert not [name for name, _ in seen.headers if name.startswith(b"x-stainless")]


def test_a_stream_passes_through_from_an_anthropic_backend(anthropic_backed, up):
    up.default(sse(events("hel", "lo"), done=False))
    with (
        sdk(anthropic_backed) as client,
        client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO) as events_of,
    ):
        assert "".join(events_of.text_stream) == "hello"


async def test_a_message_streams_asynchronously(openai_backed, up):
    up.default(stream("hel", "lo"))
    client = anthropic.AsyncAnthropic(
        http_client=openai_backed.client(anthropic.DefaultAsyncHttpxClient),
        api_key="unused",
        base_url=BASE,
        max_retries=0,
    )
    async with client, client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO) as events_of:
        assert await events_of.get_final_text() == "hello"
    await openai_backed.aclose()
