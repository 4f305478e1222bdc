"""The official OpenAI SDK over the gateway, without a socket in between."""

import httpx
import httpx2
import openai
import pytest

from llmgw_middleware.testing.mock import create_mock
from llmgw_middleware.testing.upstream import Silence, Wait, error, raw, sse, stream, stream_chunks
from llmgw_middleware.transport.httpx_transport import HttpxTransport
from tests.client.calling import BASE, CHAT, User, config, serving

HELLO = [{"role": "user", "content": "hi"}]
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
STUCK = sse(stream_chunks("a", finish=False), done=False, finish=False) + raw(Wait("never"))


def sdk(gateway, user=None, kind=openai.DefaultHttpxClient, **more):
    http_client = gateway.client(kind, user=user)
    return openai.OpenAI(http_client=http_client, api_key="unused", base_url=BASE, max_retries=0, **more)


def asdk(gateway, user=None, kind=openai.DefaultAsyncHttpxClient):
    http_client = gateway.client(kind, user=user)
    return openai.AsyncOpenAI(http_client=http_client, api_key="unused", base_url=BASE, max_retries=0)


@pytest.fixture
def mocked():
    """A gateway before a mock provider that answers everything that OpenAI does."""
    mock = create_mock(pace=0)
    with serving(
        config("http://mock"), transport=lambda: HttpxTransport(httpx.ASGITransport(mock))
    ) as gateway:
        yield gateway


@pytest.mark.parametrize(("user", "model"), [(User(), "large"), (None, "small")], ids=["premium", "nobody"])
def test_the_user_decides_which_model_answers(mocked, user, model):
    with sdk(mocked, user) as client:
        completion = client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert completion.model == model
    assert completion.choices[0].message.content


@pytest.mark.parametrize("kind", [httpx.Client, httpx2.Client, openai.DefaultHttpxClient], ids=repr)
def test_a_stream_comes_whole_by_every_class_of_client(gateway, upstream, kind):
    upstream.default(stream("one ", "two"))
    with sdk(gateway, kind=kind) as client:
        events = list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert "".join(event.choices[0].delta.content or "" for event in events) == "one two"


async def test_a_stream_comes_whole_asynchronously(gateway, upstream):
    upstream.default(stream("one ", "two"))
    async with asdk(gateway) as client:
        events = [
            e async for e in await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        ]
    assert "".join(event.choices[0].delta.content or "" for event in events) == "one two"
    await gateway.aclose()


def test_leaving_a_stream_stops_the_upstream(gateway, upstream):
    upstream.default(STUCK)
    with (
        sdk(gateway) as client,
        client.chat.completions.create(model="m", messages=HELLO, stream=True) as events,
    ):
        next(iter(events))
    upstream.wait_left(0, 1.0)


async def test_leaving_a_stream_stops_the_upstream_asynchronously(gateway, upstream):
    upstream.default(STUCK)
    async with asdk(gateway) as client:
        async with await client.chat.completions.create(model="m", messages=HELLO, stream=True) as events:
            await anext(aiter(events))
        [decision] = gateway.recorder
        assert decision.outcome == "cancelled"
    await gateway.aclose()


def test_embeddings(mocked):
    with sdk(mocked) as client:
        answer = client.embeddings.create(
            model="text-embedding-3-small", input=["a", "b"], encoding_format="float"
        )
    assert len(answer.data) == 2


@pytest.mark.parametrize("tier", ["premium", "free"])
def test_models_are_listed_as_the_user_may_use_them(upstream, tier):
    source = config(upstream.url, gateway={"paths": ["/v1/*"]})
    source["routes"] = [
        {"name": name, "path": CHAT, "user": {"tier": name}, "models": [f"gpt-{name}"], "backend": "large"}
        for name in ("premium", "free")
    ]
    with serving(source) as gateway, sdk(gateway, User(tier=tier)) as client:
        assert [model.id for model in client.models.list()] == [f"gpt-{tier}"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_call_arrives(mocked, streamed):
    asked = {"model": "m", "messages": HELLO, "tools": [TOOL], "tool_choice": "required"}
    with sdk(mocked) as client:
        if streamed:
            with client.chat.completions.stream(**asked) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**asked).choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["weather"]


ERRORS = {
    400: openai.BadRequestError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", ERRORS)
def test_an_upstreams_error_is_the_sdks_own_exception(gateway, upstream, status, streamed):
    upstream.default(error(status))
    with sdk(gateway) as client, pytest.raises(ERRORS[status]):
        client.chat.completions.create(model="m", messages=HELLO, stream=streamed)


def test_a_rule_that_denies_is_the_sdks_own_exception(gateway):
    with sdk(gateway, User(tier="intern")) as client, pytest.raises(openai.PermissionDeniedError) as denied:
        client.chat.completions.create(model="m", messages=HELLO)
    assert (denied.value.code, "Ask your mentor." in str(denied.value)) == ("blocked", True)


def test_a_login_that_is_missing_is_the_sdks_own_exception(upstream):
    source = config(upstream.url, identity={"require": True})
    with serving(source) as gateway, sdk(gateway) as client, pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model="m", messages=HELLO)


async def test_an_error_is_the_sdks_own_exception_asynchronously(gateway, upstream):
    upstream.default(error(429))
    async with asdk(gateway) as client:
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(model="m", messages=HELLO)
    await gateway.aclose()


def test_a_stream_that_breaks_off_is_an_exception_and_no_end(gateway, upstream):
    upstream.default(stream("a", "b", cut_after=1))
    with sdk(gateway) as client, pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))


@pytest.mark.parametrize("kind", [httpx.Client, openai.DefaultHttpxClient], ids=repr)
def test_a_timeout_of_the_sdk_is_its_own_exception(gateway, upstream, kind):
    upstream.default(raw(Silence()))
    with sdk(gateway, kind=kind, timeout=0.5) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="m", messages=HELLO)
    upstream.wait_left(0, 5.0)


def test_the_decision_is_with_the_raw_response(gateway):
    with sdk(gateway, User()) as client:
        raw_response = client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
    assert raw_response.http_response.extensions["llmgw_decision"].route == "premium"


def test_the_request_id_is_the_decisions(gateway):
    with sdk(gateway) as client:
        completion = client.chat.completions.create(model="m", messages=HELLO)
    assert completion._request_id == next(iter(gateway.recorder)).request_id
