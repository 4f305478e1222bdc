"""The mock as Anthropic, Gemini and Bedrock: what it says is what their dialects read, and it fails in their words."""

import json
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from llmgw_middleware.dialect.anthropic_chat import MessagesUpstream
from llmgw_middleware.dialect.chat import (
    ChatRequest,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from llmgw_middleware.dialect.chat_event import Failed, Finish
from llmgw_middleware.dialect.chat_port import Terms, UpstreamChat
from llmgw_middleware.dialect.converse import ConverseUpstream
from llmgw_middleware.dialect.gemini import GeminiUpstream
from llmgw_middleware.model.fault import FaultKind
from llmgw_middleware.testing.mock import MockProvider
from tests.dialect.chat_events import SCENE, asked, calls_of, check_grammar, gathered, run, text_of
from tests.testing.mock_calls import Answer, ask, hasty

MODEL = "claude-haiku-4-5"
UPSTREAMS: dict[str, tuple[str, UpstreamChat]] = {
    "anthropic": ("/v1", MessagesUpstream(max_event=65536)),
    "gemini": ("/v1beta", GeminiUpstream()),
    "bedrock": ("", ConverseUpstream()),
}
FORECAST = Tool(
    name="get_forecast", schema=msgspec.Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}')
)

pytestmark = pytest.mark.parametrize(("base", "upstream"), UPSTREAMS.values(), ids=UPSTREAMS)


async def said(
    mock: MockProvider, base: str, upstream: UpstreamChat, request: ChatRequest, model: str = MODEL
) -> Answer:
    written = upstream.write_request(request, Terms(model=model))
    path = unquote(base + written.path.partition("?")[0])
    return await ask(mock, path, written.body, headers=written.headers)


def streamed(upstream: UpstreamChat, answer: Answer) -> list[Any]:
    events = run(upstream.decoder(SCENE, answer.headers["content-type"].partition(";")[0]), answer.body, [50])
    check_grammar(events)
    return events


async def test_a_stream_and_a_complete_answer_say_the_same(base, upstream):
    mock = hasty("eve")
    whole = upstream.read_reply((await said(mock, base, upstream, asked())).body, SCENE)
    stream = gathered(streamed(upstream, await said(mock, base, upstream, asked(stream=True))))
    assert text_of(whole) == text_of(stream)
    assert "eve" in text_of(whole)
    assert whole.usage is not None
    assert whole.usage.output > 3
    assert (whole.usage, whole.choices[0].finish) == (stream.usage, Finish.STOP)


async def test_a_tool_is_called_where_it_must_be_and_its_result_answered(base, upstream):
    mock = hasty()
    request = asked("Lisbon", tools=[FORECAST], tool_choice=ToolChoice(mode="required"), stream=True)
    reply = gathered(streamed(upstream, await said(mock, base, upstream, request)))
    ((name, arguments),) = calls_of(reply)
    assert (name, list(arguments), reply.choices[0].finish) == ("get_forecast", ["city"], Finish.TOOLS)
    (call,) = [part for part in reply.choices[0].parts if isinstance(part, ToolCall)]
    turns = [
        *request.turns,
        Turn(role="assistant", parts=[call], at="messages.1"),
        Turn(
            role="user", parts=[ToolResult(id=call.id, parts=[TextPart("sunny")], name=name)], at="messages.2"
        ),
    ]
    answer = await said(mock, base, upstream, ChatRequest(turns=turns, tools=[FORECAST]))
    assert text_of(upstream.read_reply(answer.body, SCENE))


async def test_a_limit_cuts_an_answer_short(base, upstream):
    reply = upstream.read_reply((await said(hasty(), base, upstream, asked(max_tokens=2))).body, SCENE)
    assert reply.choices[0].finish is Finish.LENGTH


async def test_an_answer_fits_its_schema(base, upstream):
    form = ResponseFormat(kind="json_schema", schema=FORECAST.schema, name="n")
    reply = upstream.read_reply(
        (await said(hasty(), base, upstream, asked(response_format=form))).body, SCENE
    )
    assert list(json.loads(text_of(reply))) == ["city"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("400", FaultKind.REFUSED),
        ("401", FaultKind.UNAUTHORIZED),
        ("404", FaultKind.NO_MODEL),
        ("429", FaultKind.RATE_LIMITED),
        ("500", FaultKind.FAILED),
        ("503", FaultKind.OVERLOADED),
        ("insufficient_quota", FaultKind.QUOTA),
        ("context_length_exceeded", FaultKind.CONTEXT_LENGTH),
    ],
)
async def test_an_error_is_told_in_the_words_of_its_api(base, upstream, name, kind):
    answer = await said(hasty(), base, upstream, asked(), model=f"{MODEL}+error={name}")
    headers = [(key.encode(), value.encode()) for key, value in answer.headers.items()]
    assert upstream.read_error(answer.status, headers, answer.body, now=0.0).kind is kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("error_first", FaultKind.FAILED), ("cut=2", FaultKind.TRUNCATED), ("cut=0", FaultKind.TRUNCATED)],
)
async def test_a_stream_fails_on_demand(base, upstream, fault, kind):
    answer = await said(hasty(), base, upstream, asked(stream=True), model=f"{MODEL}+{fault}")
    last = streamed(upstream, answer)[-1]
    assert isinstance(last, Failed)
    assert last.fault.kind is kind


async def test_a_stream_breaks_off_on_demand(base, upstream):
    answer = await said(hasty(), base, upstream, asked(stream=True), model=f"{MODEL}+reset=1")
    assert not answer.complete


async def test_a_rule_holds_for_every_api(base, upstream):
    mock = hasty()
    mock.control(match={"model": MODEL}, error=503, times=1)
    assert [(await said(mock, base, upstream, asked())).status for _ in range(2)] == [503, 200]


async def test_the_keys_of_every_api_are_known(base, upstream):
    mock = hasty(keys=["k-1"])
    written = upstream.write_request(asked(), Terms(model=MODEL))
    path = unquote(base + written.path)
    for header in (b"x-api-key", b"x-goog-api-key", b"api-key"):
        assert (await ask(mock, path, written.body, headers=[(header, b"k-1")])).status == 200
    refused = await ask(mock, path, written.body, headers=[(b"x-api-key", b"other")])
    headers = [(key.encode(), value.encode()) for key, value in refused.headers.items()]
    assert upstream.read_error(401, headers, refused.body, now=0.0).kind is FaultKind.UNAUTHORIZED
