"""Responses as a caller's dialect and as an upstream's, by what they make of requests and answers."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.chat import (
    CarrierPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Reasoning,
    RefusalPart,
    ResponseFormat,
    Source,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Finish,
    Finished,
    Refusal,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_port import Terms
from llmgw_middleware.dialect.chat_reply import ChatReply, Choice
from llmgw_middleware.dialect.responses import ResponsesCaller, ResponsesUpstream
from llmgw_middleware.dialect.responses_carrier import packed, unpacked
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.usage import Usage
from tests.dialect.chat_events import SCENE, asked, gathered, run, text_of

CALLER, UPSTREAM = ResponsesCaller(), ResponsesUpstream()
SCHEMA = msgspec.Raw(b'{"type":"object"}')


def read(**body: Any) -> ChatRequest:
    fields = msgspec.json.decode(json.dumps(body).encode(), type=dict[str, msgspec.Raw])
    return CALLER.read_request(fields, ())


def sent(request: ChatRequest, **terms: Any) -> Any:
    return json.loads(UPSTREAM.write_request(request, Terms(model="m-1", **terms)).body)


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts, at="input.0")


def model(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts, at="input.1")


def test_a_plain_input_is_one_message():
    request = read(model="m", input="hi", instructions="be brief", max_output_tokens=5, stream=True)
    assert (request.model, request.system, request.max_tokens, request.stream) == (
        "m",
        [TextPart("be brief")],
        5,
        True,
    )
    assert request.turns == [Turn(role="user", parts=[TextPart("hi")], at="input")]


# input items, the turns they are
ITEMS = {
    "a message without its type": ([{"role": "user", "content": "a"}], [("user", [TextPart("a")])]),
    "parts": (
        [{"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "a"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
            {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "low"},
            {"type": "input_file", "file_data": "data:application/octet-stream;base64,AA==", "filename": "n.md"},
        ]}],
        [("user", [
            TextPart("a"), ImagePart(media_type="image/png", data="AA=="), ImagePart(url="https://a.example/x.png", detail="low"),
            FilePart(media_type="text/markdown", data="AA==", name="n.md"),
        ])],
    ),
    "an answer that is sent back": (
        [{"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [
            {"type": "output_text", "text": "a", "annotations": [], "logprobs": []}, {"type": "refusal", "refusal": "no"},
        ]}],
        [("assistant", [TextPart("a"), RefusalPart("no")])],
    ),
    "calls and their outputs": (
        [
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
            {"type": "function_call_output", "call_id": "c1", "output": "r"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "s"}]},
        ],
        [
            ("assistant", [ToolCall(id="c1", name="f", arguments="{}", at="input.0.arguments")]),
            ("user", [ToolResult(id="c1", parts=[TextPart("r")], name="f")]),
            ("assistant", [ToolCall(id="c2", name="g", arguments="x", custom=True, at="input.2.input")]),
            ("user", [ToolResult(id="c2", parts=[TextPart("s")], name="g")]),
        ],
    ),
    "thoughts of several makers": (
        [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "llmgw:anthropic:signature:si:g"},
            {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "llmgw:anthropic:redacted:xx"},
            {"type": "reasoning", "id": "rs_4", "summary": [{"type": "summary_text", "text": "lost"}]},
        ],
        [
            ("assistant", [CarrierPart("rs_1:gAAA", "openai")]),
            ("assistant", [ThinkingPart("hm", "si:g", "anthropic")]),
            ("assistant", [CarrierPart("xx", "anthropic")]),
        ],
    ),
    "instructions from the middle": (
        [{"role": "user", "content": "a"}, {"role": "developer", "content": "b"}],
        [("user", [TextPart("a")]), ("system", [TextPart("b")])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ITEMS.values(), ids=ITEMS)
def test_items_are_turns(case):
    items, turns = case
    assert [(turn.role, list(turn.parts)) for turn in read(model="m", input=items).turns] == turns


# fields of the request, what they are
FIELDS = {
    "a format": (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}, "verbosity": "low"}},
        {"response_format": ResponseFormat(kind="json_schema", schema=msgspec.Raw(b"{}"), name="n", strict=True), "verbosity": "low"},
    ),
    "thinking": (
        {"reasoning": {"effort": "high", "summary": "auto"}},
        {"reasoning": Reasoning(effort="high", display="summarized", param="reasoning.effort")},
    ),
    "tools": (
        {"tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}, {"type": "custom", "name": "g"}, {"type": "web_search"}]},
        {"tools": [Tool(name="f", schema=msgspec.Raw(b"{}"), strict=False), Tool(name="g", custom=True)], "web_search": msgspec.Raw(b"{}")},
    ),
    "one tool": ({"tool_choice": {"type": "function", "name": "f"}}, {"tool_choice": ToolChoice(mode="tool", name="f")}),
    "some tools": (
        {"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}},
        {"tool_choice": ToolChoice(mode="required", allowed=["f"])},
    ),
    "defaults say nothing": (
        {"temperature": 1, "top_p": 1.0, "store": False, "parallel_tool_calls": True, "truncation": "disabled", "background": False, "metadata": {}, "text": {"format": {"type": "text"}}, "previous_response_id": None},
        {"temperature": None, "top_p": None, "store": None, "parallel_tools": None, "metadata": None, "response_format": None, "extra": {}},
    ),
    "hints say nothing": ({"include": ["reasoning.encrypted_content"], "prompt_cache_retention": "24h"}, {"extra": {}}),
    "log probabilities": ({"include": ["message.output_text.logprobs"], "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
    "built-in tools are left over": ({"tools": [{"type": "computer"}]}, {"extra": {"tools.0.type": msgspec.Raw(b'"computer"')}}),
    "what nobody knows is left over": ({"max_tool_calls": 3}, {"extra": {"max_tool_calls": msgspec.Raw(b"3")}}),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS.values(), ids=FIELDS)
def test_a_field_is_read(case):
    body, wanted = case
    request = read(model="m", input="a", **body)
    assert {name: getattr(request, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0"),
    ],
)
def test_what_needs_a_memory_is_refused_by_name(body, param):
    with pytest.raises(Unsupported) as caught:
        read(**{"model": "m", "input": "a", **body})
    assert (caught.value.param, caught.value.status_code) == (param, 400)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"input": 1}, {"input": [{"role": "robot", "content": "a"}]}, {"input": [{"role": "user"}]},
        {"input": [{"type": "function_call", "name": "f"}]}, {"input": "a", "tool_choice": "some"},
        {"input": "a", "reasoning": {"effort": "huge"}}, {"input": "a", "text": {"format": {"type": "xml"}}},
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(body):
    with pytest.raises(BadRequest):
        read(model="m", **body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "role", "content", "text"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["input", "tools", "tool_choice", "text", "reasoning"]), JSON))
def test_no_request_can_break_the_reading(body):
    try:
        request = read(**body)
    except BadRequest:
        return
    assert isinstance(request, ChatRequest)


# the canonical request's fields, the part of the body
WRITTEN = {
    "the plain": ({}, {}),
    "a limit": ({"max_tokens": 9}, {"max_output_tokens": 9}),
    "one instruction": ({"system": [TextPart("s")]}, {"instructions": "s"}),
    "a budget": ({"reasoning": Reasoning(budget=5000)}, {"reasoning": {"effort": "medium"}}),
    "a format": (
        {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA, name="n", strict=True), "verbosity": "low"},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}, "verbosity": "low"}},
    ),
    "functions, strict only where it is said": (
        {"tools": [Tool(name="f", description="d", schema=SCHEMA), Tool(name="g", custom=True)], "web_search": msgspec.Raw(b"{}")},
        {"tools": [
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False},
            {"type": "custom", "name": "g"}, {"type": "web_search"},
        ]},
    ),
    "some tools": (
        {"tool_choice": ToolChoice(mode="auto", allowed=["f"])},
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}},
    ),
    "storage that was asked for": ({"store": True}, {"store": True}),
    "log probabilities": ({"logprobs": True}, {"include": ["message.output_text.logprobs"]}),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN.values(), ids=WRITTEN)
def test_a_field_has_its_place(case):
    fields, wanted = case
    usual = {"model": "m-1", "store": False}
    assert {name: value for name, value in sent(asked(**fields)).items() if name != "input"} == {
        **usual,
        **wanted,
    }


def test_several_instructions_keep_their_boundaries():
    body = sent(asked(system=[TextPart("a"), TextPart("b")]))
    assert "instructions" not in body
    assert [(item["role"], item["content"][0]["text"]) for item in body["input"]] == [
        ("developer", "a"),
        ("developer", "b"),
        ("user", "Hello"),
    ]


def test_turns_are_items_in_order():
    turns = [
        user(TextPart("q"), ImagePart(media_type="image/png", data="AA==")),
        model(TextPart("look"), CarrierPart("rs_1:enc", "openai"), ToolCall(id="c", name="f"), ThinkingPart("x", "s", "anthropic")),
        user(TextPart("and"), ToolResult(id="c", parts=[TextPart("r")], is_error=True)),
    ]  # fmt: skip
    items = sent(ChatRequest(turns=turns))["input"]
    assert [item["type"] for item in items] == [
        "message", "message", "reasoning", "function_call", "function_call_output", "message",
    ]  # fmt: skip
    assert items[2] == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"}
    assert (items[3]["arguments"], items[4]["output"]) == ("{}", "Error: r")


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"top_k": 3}, "top_k"), ({"stop": ["x"]}, "stop"), ({"n": 2}, "n"), ({"seed": 0}, "seed"), ({"modalities": ["audio"]}, "modalities")],
)  # fmt: skip
def test_what_has_no_equivalent_is_refused_by_name_or_dropped_and_told(fields, param):
    with pytest.raises(Unsupported) as caught:
        sent(asked(**fields))
    assert caught.value.param == param
    written = UPSTREAM.write_request(asked(**fields), Terms(model="m", on_unsupported="drop"))
    assert written.dropped == (param,)


EVENTS: list[ChatEvent] = [
    Started("x", "m-2", None),
    Thinking("hm "), Thinking("well"), Carrier("signature", "sig", "anthropic"),
    Text("Hel"), Text("lo"), Citation(Source(url="https://a.example", title="A", start=0, end=5)), Refusal("no"),
    ToolStarted(0, "c1", "f"), ToolStarted(1, "c2", "g"), ToolArguments(1, '{"b":'), ToolArguments(0, '{"a":1}'), ToolArguments(1, "2}"),
    ToolStarted(2, "c3", "h", custom=True), ToolArguments(2, "free"),
    UsageSeen(Usage(input=9, output=4, cached=3, reasoning=2)), Finished(Finish.TOOLS),
]  # fmt: skip


def encoded(events: Any) -> list[dict[str, Any]]:
    encoder = CALLER.encoder(SCENE)
    data = b"".join(encoder.write([event]) for event in events) + encoder.close()
    return [json.loads(line[5:]) for line in data.split(b"\n") if line.startswith(b"data:")]


def test_events_are_numbered_and_the_last_one_holds_all():
    told = encoded(EVENTS)
    assert [one["sequence_number"] for one in told] == list(range(len(told)))
    assert [one["type"] for one in told[:2]] == ["response.created", "response.in_progress"]
    assert told[-1]["type"] == "response.completed"
    response = told[-1]["response"]
    assert [item["type"] for item in response["output"]] == [
        "reasoning", "message", "function_call", "function_call", "custom_tool_call",
    ]  # fmt: skip
    assert response["usage"]["input_tokens_details"] == {"cached_tokens": 3, "cache_write_tokens": 0}


def test_places_are_given_once_and_ids_agree_to_the_end():
    told = encoded(EVENTS)
    output = told[-1]["response"]["output"]
    for one in told:
        if "output_index" in one:
            identity = one.get("item_id") or one["item"]["id"]
            assert output[one["output_index"]]["id"] == identity


def test_pieces_and_wholes_agree():
    told = encoded(EVENTS)
    for kind, field in (
        ("output_text", "text"),
        ("function_call_arguments", "arguments"),
        ("refusal", "refusal"),
    ):
        for done in (one for one in told if one["type"] == f"response.{kind}.done"):
            pieces = [
                one["delta"]
                for one in told
                if one["type"] == f"response.{kind}.delta" and one["output_index"] == done["output_index"]
            ]
            assert "".join(pieces) == done[field]


def test_every_item_that_is_opened_is_closed():
    told = encoded(EVENTS)
    opened = [one["output_index"] for one in told if one["type"] == "response.output_item.added"]
    closed = [one["output_index"] for one in told if one["type"] == "response.output_item.done"]
    assert sorted(opened) == sorted(closed) == list(range(len(opened)))


def test_the_official_types_take_every_event():
    from openai.types.responses import ResponseStreamEvent
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for one in encoded(EVENTS):
        assert adapter.validate_python(one).type == one["type"]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        (Finish.STOP, "completed", None),
        (Finish.LENGTH, "incomplete", {"reason": "max_output_tokens"}),
        (Finish.FILTERED, "incomplete", {"reason": "content_filter"}),
    ],
)
def test_why_an_answer_ended(reason, status, details):
    last = encoded([Started(), Text("a"), Finished(reason)])[-1]
    assert (last["type"], last["response"]["status"]) == (f"response.{status}", status)
    assert last["response"]["incomplete_details"] == details


def test_a_complete_answer_is_the_object_that_ends_a_stream():
    reply = ChatReply(
        choices=[Choice(parts=[TextPart("a")], finish=Finish.STOP)], usage=Usage(input=1, output=2)
    )
    answer = json.loads(CALLER.write_reply(reply, SCENE))
    assert (answer["object"], answer["status"], answer["output"][0]["content"][0]["text"]) == (
        "response",
        "completed",
        "a",
    )
    assert answer["usage"]["total_tokens"] == 3


def test_what_is_encoded_is_decoded_the_same():
    encoder = CALLER.encoder(SCENE)
    data = encoder.write(EVENTS) + encoder.close()
    reply = gathered(run(UPSTREAM.decoder(SCENE, "text/event-stream"), data, [7]))
    again = gathered(EVENTS)
    assert text_of(reply) == text_of(again) == "Hello"
    assert [p for p in reply.choices[0].parts if isinstance(p, ToolCall)] == [
        p for p in again.choices[0].parts if isinstance(p, ToolCall)
    ]
    assert (reply.usage, reply.choices[0].citations) == (again.usage, again.choices[0].citations)


@pytest.mark.parametrize(
    "text", ["gAAAA", "llmgw:x", "llmgw:nobody:signature:x", "llmgw:anthropic:other:x", ""]
)
def test_what_was_not_packed_here_is_left_alone(text):
    assert unpacked(text) is None


@given(st.text())
def test_a_proof_is_packed_and_unpacked_unchanged(data):
    assert unpacked(packed("anthropic", "signature", data)) == ("anthropic", "signature", data)
