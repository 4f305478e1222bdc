import json
from typing import Any

import msgspec
import pytest

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.chat import (
    AudioPart,
    Cache,
    CarrierPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Reasoning,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from llmgw_middleware.dialect.chat_port import Terms, Written
from llmgw_middleware.dialect.converse_request import counting_request, write_request
from llmgw_middleware.errors import BadRequest
from tests.dialect.chat_events import asked

NOVA = "us.amazon.nova-pro-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "anthropic.claude-opus-4-8"
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"x":{"minimum":1.50}}}')
CALL = ToolCall(id="call_1", name="f", arguments='{"big":12345678901234567890}')


def written(request: ChatRequest, model: str = SONNET, **terms: Any) -> Written:
    return write_request(request, Terms(model=model, **terms))


def body(request: ChatRequest, model: str = SONNET, **terms: Any) -> Any:
    return json.loads(written(request, model, **terms).body)


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts, at="messages.0")


def model(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts, at="messages.1")


def messages(*turns: Turn, name: str = SONNET) -> Any:
    return body(ChatRequest(turns=turns), name)["messages"]


@pytest.mark.parametrize(
    ("name", "stream", "path"),
    [
        (NOVA, False, "/model/us.amazon.nova-pro-v1%3A0/converse"),
        (NOVA, True, "/model/us.amazon.nova-pro-v1%3A0/converse-stream"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/x", False,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse",
        ),
    ],
)  # fmt: skip
def test_a_model_stands_in_the_path_encoded(name, stream, path):
    assert written(asked(stream=stream), name).path == path


# the canonical request's fields, the model, the body but for its messages
FIELDS = {
    "a limit": ({"max_tokens": 9}, NOVA, {"inferenceConfig": {"maxTokens": 9}}),
    "sampling": (
        {"temperature": 0.5, "top_p": 0.5, "stop": ["a"]}, NOVA,
        {"inferenceConfig": {"temperature": 0.5, "topP": 0.5, "stopSequences": ["a"]}},
    ),
    "top_k of Claude": ({"top_k": 4}, SONNET, {"additionalModelRequestFields": {"top_k": 4}}),
    "top_k of Nova": ({"top_k": 4}, NOVA, {"additionalModelRequestFields": {"inferenceConfig": {"topK": 4}}}),
    "JSON of a schema": (
        {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA, name="n", description="d")}, SONNET,
        {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "schema": bytes(SCHEMA).decode(), "description": "d"}}}}},
    ),
    "an effort where budgets are wanted": (
        {"reasoning": Reasoning(effort="medium")}, SONNET,
        {
            "inferenceConfig": {"maxTokens": 8192 + 4096},
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 4096}},
        },
    ),
    "a budget below the limit": (
        {"reasoning": Reasoning(budget=9000), "max_tokens": 4000}, SONNET,
        {
            "inferenceConfig": {"maxTokens": 4000},
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 3999}},
        },
    ),
    "an effort": (
        {"reasoning": Reasoning(effort="minimal")}, OPUS,
        {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}},
    ),
    "no thinking": (
        {"reasoning": Reasoning(effort="none")}, OPUS, {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}},
    ),
    "no thinking where there is none": ({"reasoning": Reasoning(effort="none")}, NOVA, {}),
    "an effort of an open model": (
        {"reasoning": Reasoning(effort="xhigh")}, "openai.gpt-oss-120b-1:0",
        {"additionalModelRequestFields": {"reasoning_effort": "high"}},
    ),
    "a tier": ({"service_tier": "flex"}, NOVA, {"serviceTier": {"type": "flex"}}),
    "metadata": ({"metadata": msgspec.Raw(b'{"team":"x"}')}, NOVA, {"requestMetadata": {"team": "x"}}),
    "instructions with a cache": (
        {"system": [TextPart("a", Cache(ttl="1h")), TextPart(" ")]}, SONNET,
        {"system": [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]},
    ),
    "functions": (
        {"tools": [Tool(name="f", description="d", schema=SCHEMA, strict=True, cache=Cache()), Tool(name="g")]}, SONNET,
        {"toolConfig": {"tools": [
            {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": json.loads(bytes(SCHEMA))}, "strict": True}},
            {"cachePoint": {"type": "default"}},
            {"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        ]}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS.values(), ids=FIELDS)
def test_a_field_has_its_place(case):
    fields, name, wanted = case
    found = body(asked(**fields), name)
    assert {key: value for key, value in found.items() if key != "messages"} == wanted


@pytest.mark.parametrize(
    ("choice", "wanted", "names"),
    [
        (ToolChoice(mode="auto"), {"auto": {}}, ["f", "g"]),
        (ToolChoice(mode="required"), {"any": {}}, ["f", "g"]),
        (ToolChoice(mode="tool", name="g"), {"tool": {"name": "g"}}, ["f", "g"]),
        (ToolChoice(mode="required", allowed=["g"]), {"any": {}}, ["g"]),
    ],
)
def test_which_tools_may_be_called(choice, wanted, names):
    config = body(asked(tools=[Tool(name="f"), Tool(name="g")], tool_choice=choice))["toolConfig"]
    assert config["toolChoice"] == wanted
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == names


def test_no_tools_at_all_where_none_may_be_called():
    assert "toolConfig" not in body(asked(tools=[Tool(name="f")], tool_choice=ToolChoice(mode="none")))


def test_tools_that_are_only_told_of_are_declared_as_gone():
    found = body(
        ChatRequest(
            turns=[user(TextPart("q")), model(CALL), user(ToolResult(id="call_1", parts=[], name="f"))]
        )
    )
    (tool,) = found["toolConfig"]["tools"]
    assert (tool["toolSpec"]["name"], tool["toolSpec"]["description"]) == (
        "f",
        "No longer offered. Do not call it.",
    )


# one turn's parts, and the blocks
PARTS = {
    "text": ([TextPart("a"), TextPart(" ")], [{"text": "a"}]),
    "text with a cache": ([TextPart("a", Cache())], [{"text": "a"}, {"cachePoint": {"type": "default"}}]),
    "an image": (
        [ImagePart(media_type="image/jpeg", data="AA==")], [{"image": {"format": "jpeg", "source": {"bytes": "AA=="}}}],
    ),
    "documents with names": (
        [FilePart(media_type="application/pdf", data="AA==", name="My_paper (v2).pdf"), FilePart(text="x")],
        [
            {"document": {"format": "pdf", "name": "My paper (v2) 1", "source": {"bytes": "AA=="}}},
            {"document": {"format": "txt", "name": "document 2", "source": {"bytes": "eA=="}}},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS.values(), ids=PARTS)
def test_a_part_has_its_form(case):
    parts, wanted = case
    assert messages(user(*parts))[0] == {"role": "user", "content": wanted}


def test_a_call_and_its_results_keep_numbers_and_order():
    failed = ToolResult(id="call:2/x", parts=[TextPart("no")], is_error=True)
    found = written(
        ChatRequest(
            turns=[
                user(TextPart("q")),
                model(CALL, ToolCall(id="call:2/x", name="g")),
                user(TextPart("and"), ToolResult(id="call_1", parts=[TextPart("r")]), failed),
            ]
        )
    ).body
    assert b'{"toolUse":{"toolUseId":"call_1","name":"f","input":{"big":12345678901234567890}}}' in found
    last = json.loads(found)["messages"][-1]["content"]
    assert last == [
        {"toolResult": {"toolUseId": "call_1", "content": [{"text": "r"}]}},
        {"toolResult": {"toolUseId": "call_2_x", "content": [{"text": "no"}], "status": "error"}},
        {"text": "and"},
    ]


def test_roles_take_turns_and_instructions_stay_in_the_middle():
    system = Turn(role="system", parts=[TextPart("be brief")], at="messages.2")
    turns = (user(TextPart("a")), model(TextPart("b")), system, user(TextPart("c")))
    assert [turn["role"] for turn in messages(*turns)] == ["user", "assistant", "user"]
    assert [turn["role"] for turn in messages(*turns, name=OPUS)] == ["user", "assistant", "system", "user"]


def test_thoughts_come_back_with_their_proof_and_only_to_their_maker():
    found = messages(
        model(
            ThinkingPart("hm", "sig", "anthropic"),
            CarrierPart("xx", "anthropic"),
            ThinkingPart("unsigned"),
            ThinkingPart("g", "s", "google"),
            TextPart("a"),
        )
    )
    assert found[0]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "xx"}},
        {"text": "a"},
    ]


@pytest.mark.parametrize(
    ("thoughts", "thinks"), [((), False), ((ThinkingPart("hm", "s", "anthropic"),), True)]
)
def test_a_round_of_tools_without_signed_thoughts_goes_on_without_thinking(thoughts, thinks):
    turns = [user(TextPart("q")), model(*thoughts, CALL), user(ToolResult(id="call_1", parts=[]))]
    sent = written(ChatRequest(turns=turns, reasoning=Reasoning(effort="high")), OPUS)
    assert ("additionalModelRequestFields" in json.loads(sent.body)) == thinks
    assert sent.dropped == (() if thinks else ("reasoning_effort",))


def test_once_the_user_has_spoken_thinking_goes_on():
    turns = [model(CALL), user(ToolResult(id="call_1", parts=[]), TextPart("go on"))]
    assert written(ChatRequest(turns=turns, reasoning=Reasoning(effort="high")), OPUS).dropped == ()


# what Converse cannot say, its name in the error, what is told when dropping is allowed
LOST = {
    "penalties": ({"frequency_penalty": 1}, "frequency_penalty", ("frequency_penalty",)),
    "several answers": ({"n": 2}, "n", ("n",)),
    "a seed": ({"seed": 0}, "seed", ("seed",)),
    "storage": ({"store": True}, "store", ("store",)),
    "a search of the web": ({"web_search": msgspec.Raw(b"{}")}, "web_search", ("web_search",)),
    "calls one by one": ({"parallel_tools": False}, "parallel_tools", ("parallel_tools",)),
    "any JSON": ({"response_format": ResponseFormat(kind="json_object")}, "response_format", ("response_format",)),
    "a high temperature": ({"temperature": 1.5}, "temperature", ("temperature=1",)),
    "an unknown tier": ({"service_tier": "scale"}, "service_tier", ("service_tier",)),
    "a tool of free text": ({"tools": [Tool(name="f", custom=True)]}, "tools.0", ("tools.0",)),
    "fields nobody knows": ({"extra": {"foo": msgspec.Raw(b"1")}}, "foo", ("foo",)),
    "an image by its address": ({"turns": [user(ImagePart(url="https://a.example/x.png"))]}, "messages.0", ("messages.0",)),
    "an image of an odd type": ({"turns": [user(ImagePart(media_type="image/tiff", data="AA=="))]}, "messages.0", ("messages.0",)),
    "a file's id": ({"turns": [user(FilePart(file_id="f"))]}, "messages.0", ("messages.0",)),
    "sound": ({"turns": [user(AudioPart("AA==", "wav"))]}, "messages.0", ("messages.0",)),
    "thoughts without room": (
        {"reasoning": Reasoning(effort="low"), "max_tokens": 500}, "reasoning_effort", ("reasoning_effort",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOST.values(), ids=LOST)
def test_what_has_no_equivalent_is_refused_by_name_or_dropped_and_told(case):
    fields, param, dropped = case
    request = ChatRequest(**{"turns": [user(TextPart("q"))], **fields})
    with pytest.raises(Unsupported) as caught:
        written(request)
    assert caught.value.param == param
    assert written(request, on_unsupported="drop").dropped == dropped


def test_sampling_is_refused_where_the_model_has_none():
    with pytest.raises(Unsupported):
        written(asked(temperature=0.5), OPUS)


def test_a_person_is_not_told_by_name():
    assert "a@example.com" not in written(asked(user="a@example.com")).body.decode()


def test_arguments_that_are_no_object_are_refused():
    with pytest.raises(BadRequest) as caught:
        messages(model(ToolCall(id="c", name="f", arguments="[]")))
    assert caught.value.error_code == "bad_arguments"


def test_only_what_is_input_is_counted():
    request = asked(max_tokens=5, system=[TextPart("s")], tools=[Tool(name="f")])
    path, body = counting_request(request, Terms(model=NOVA))
    assert path == "/model/us.amazon.nova-pro-v1%3A0/count-tokens"
    assert set(body["input"]["converse"]) == {"messages", "system", "toolConfig"}
