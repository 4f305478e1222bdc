from __future__ import annotations

import pytest

from llmgw_middleware.dialect.chat import (
    CarrierPart,
    ImagePart,
    RefusalPart,
    Source,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Turn,
    merged,
)
from llmgw_middleware.dialect.chat_event import (
    CONTENT,
    Carrier,
    ChatEvent,
    Finish,
    Finished,
    Ping,
    Started,
    Text,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_reply import ChatReply, Choice, Gatherer, events_of
from llmgw_middleware.model.usage import Usage

CALL = ToolCall(id="call_1", name="f", arguments='{"a":1}', signature="sig")
REPLIES = {
    "text": [TextPart("Hello")],
    "refusal": [TextPart("Well"), RefusalPart("no")],
    "thinking": [ThinkingPart("hm", "sig", "anthropic"), TextPart("Yes"), ThinkingPart("unsigned")],
    "redacted": [CarrierPart("xx", "anthropic"), ThinkingPart("", "sig", "anthropic"), TextPart("Yes")],
    "tools": [TextPart("I look"), CALL, ToolCall(id="call_2", name="g"), TextPart("and tell")],
    "nothing": [],
}


def gathered(events) -> ChatReply:
    gatherer = Gatherer()
    for event in events:
        gatherer.take(event)
    return gatherer.reply()


@pytest.mark.parametrize("parts", REPLIES.values(), ids=REPLIES)
def test_an_answer_told_as_a_stream_and_gathered_again_is_the_same(parts):
    choice = Choice(
        parts=parts,
        finish=Finish.TOOLS,
        detail="d",
        citations=[Source(url="https://a.example", start=0, end=2)],
    )
    reply = ChatReply(choices=[choice], id="x", model="m", usage=Usage(input=3, output=2))
    assert gathered(events_of(reply)) == reply


def test_choices_are_told_and_gathered_apart():
    choices = [Choice(parts=[TextPart(t)], finish=Finish.STOP, citations=[]) for t in "ab"]
    reply = ChatReply(choices=choices)
    assert gathered(events_of(reply)).choices == choices


def test_interleaved_arguments_are_gathered_by_call():
    said: list[ChatEvent] = [ToolStarted(0, "a", "f"), ToolStarted(1, "b", "g")]
    said += [ToolArguments(1, "{"), ToolArguments(0, "[1"), ToolArguments(1, "}"), ToolArguments(0, "]")]
    (choice,) = gathered([*said, Finished(Finish.TOOLS)]).choices
    assert [part.arguments for part in choice.parts if isinstance(part, ToolCall)] == ["[1]", "{}"]


def test_later_usage_replaces_earlier_usage():
    first, last = Usage(input=5), Usage(input=5, output=3)
    events = [Started("x", "m", first), UsageSeen(first), Ping(), UsageSeen(last), Finished(Finish.STOP)]
    assert gathered(events).usage == last


def test_what_is_content_is_a_matter_of_the_event_alone():
    assert type(Text("x")) in CONTENT
    assert type(Carrier("redacted", "x", "anthropic")) in CONTENT
    assert not {Started, Ping, UsageSeen, Finished} & CONTENT


def test_neighbours_of_one_role_are_joined_with_tool_results_first():
    turns = [
        Turn(role="user", parts=[TextPart("a")], at="messages.0"),
        Turn(role="user", parts=[ToolResult(id="1", parts=[])], at="messages.1"),
        Turn(role="assistant", parts=[TextPart("b")], at="messages.2"),
    ]
    first, second = merged(turns)
    assert (first.parts, first.at) == ([ToolResult(id="1", parts=[]), TextPart("a")], "messages.0")
    assert second is turns[2]


def test_instructions_in_the_middle_are_never_joined():
    turns = [Turn(role="system", parts=[TextPart(t)], at=f"messages.{t}") for t in "12"]
    assert merged(turns) == turns


def test_the_text_of_a_tool_result_is_its_texts_joined():
    result = ToolResult(
        id="1", parts=[TextPart("a"), ImagePart(url="https://a.example/x.png"), TextPart("b")]
    )
    assert result.text == "ab"
