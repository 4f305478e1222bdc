"""Requests of OpenAI chat callers, as an Anthropic backend is sent them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.end_user import opaque_id
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.errors import BadRequest
from tests.dialect.talk import ASKED, sent, talk, wording

USER = {"role": "user", "content": "Hi"}
CLAUDE = "claude-sonnet-4-5"
CURRENT = "claude-opus-4-8"
PNG = "iVBORw0KGgo="
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1.0}'}}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def messages(*said: Any, **more: Any) -> Any:
    return wording("chat", "messages", {"model": CLAUDE, "messages": list(said), **more})["messages"]


def blocks(*content: Any) -> Any:
    (message,) = messages({"role": "user", "content": list(content)})
    return message["content"]


def worded(**body: Any) -> dict[str, Any]:
    return wording("chat", "messages", {"model": CLAUDE, **body})


def refused(**body: Any) -> tuple[str | None, str]:
    with pytest.raises(Unsupported) as caught:
        worded(**body)
    return caught.value.param, caught.value.error_code


def dropped(**body: Any) -> tuple[str, ...]:
    return sent(talk("chat", "messages", policy="drop"), {**ASKED["chat"], "model": CLAUDE, **body}).dropped


def test_a_plain_request_goes_to_messages_under_the_old_version():
    outgoing = sent(talk("chat", "messages"), ASKED["chat"])
    assert outgoing.path == "/messages"
    assert dict(outgoing.headers)[b"anthropic-version"] == b"2023-06-01"
    assert json.loads(outgoing.body) == {
        "model": "m",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_leading_instructions_become_one_block_each():
    said = [
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}]},
    ]
    found = worded(messages=[*said, USER])
    assert found["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert len(found["messages"]) == 1


def test_instructions_in_the_middle_are_never_hoisted():
    said = [USER, {"role": "assistant", "content": "Yes"}, {"role": "system", "content": "Be brief"}, USER]
    found = worded(messages=said)
    assert "system" not in found
    assert [text["text"] for text in found["messages"][2]["content"]] == ["Be brief", "Hi"]


def test_a_current_model_takes_instructions_in_the_middle():
    said = [USER, {"role": "assistant", "content": "Yes"}, {"role": "system", "content": "Be brief"}]
    assert messages(*said, model=CURRENT)[2]["role"] == "system"


def test_neighbours_of_one_role_are_joined():
    assert [m["role"] for m in messages(USER, USER, {"role": "assistant", "content": "a"})] == [
        "user",
        "assistant",
    ]


@pytest.mark.parametrize("content", ["", None])
def test_empty_content_beside_calls_makes_no_text_block(content):
    found = messages(USER, {"role": "assistant", "content": content, "tool_calls": [CALL]})
    assert found[1]["content"] == [{"type": "tool_use", "id": "call_1", "name": "look", "input": {"a": 1.0}}]


def test_arguments_keep_their_spelling():
    arguments = '{"b": 1.0, "a": 123456789012345678901234567890, "c": 1e2}'
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    said = [USER, {"role": "assistant", "tool_calls": [call]}]
    body = sent(talk("chat", "messages"), {"model": CLAUDE, "messages": said}).body
    assert arguments.encode() in body


def test_no_arguments_are_an_empty_object():
    call = {**CALL, "function": {"name": "f", "arguments": ""}}
    assert messages(USER, {"role": "assistant", "tool_calls": [call]})[1]["content"][0]["input"] == {}


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "x", '"x"'])
def test_arguments_that_are_no_object_are_refused_by_their_place(arguments):
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    with pytest.raises(BadRequest) as caught:
        messages(USER, {"role": "assistant", "tool_calls": [CALL, call]})
    assert caught.value.param == "messages.1.tool_calls.1.function.arguments"


def test_results_of_a_turn_stand_in_one_message_and_first_in_it():
    said = [
        USER,
        {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "and?"},
    ]
    last = messages(*said)[2]["content"]
    assert [block["type"] for block in last] == ["tool_result", "tool_result", "text"]
    assert [block.get("content") for block in last[:2]] == ["one", "two"]


def test_ids_that_anthropic_refuses_are_respelled_alike_in_call_and_result():
    call = {**CALL, "id": "functions.look:0"}
    found = messages(
        USER,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.look:0", "content": "x"},
    )
    assert found[1]["content"][0]["id"] == found[2]["content"][0]["tool_use_id"] == "functions_look_0"


def test_legacy_functions_are_tools():
    said = [
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": "x"},
    ]
    found = worded(messages=said, functions=[{"name": "look"}], function_call={"name": "look"})
    assert found["messages"][1]["content"][0]["id"] == found["messages"][2]["content"][0]["tool_use_id"]
    assert found["tools"] == [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    assert found["tool_choice"] == {"type": "tool", "name": "look"}


TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}, "strict": True}}


def test_tools_are_worded_without_invented_descriptions():
    assert worded(tools=[TOOL])["tools"] == [
        {"name": "look", "input_schema": {"type": "object"}, "strict": True}
    ]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "look"}}, {"type": "tool", "name": "look"}),
    ],
)
def test_the_choice_of_tools_is_worded(choice, wanted):
    assert worded(tools=[TOOL], tool_choice=choice)["tool_choice"] == wanted


def test_allowed_tools_narrow_the_tools():
    other = {"type": "function", "function": {"name": "walk"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "walk"}}]}
    found = worded(tools=[TOOL, other], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool["name"] for tool in found["tools"]] == ["walk"]
    assert found["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", {"type": "any", "disable_parallel_tool_use": True}),
        ("none", {"type": "none"}),
    ],
)
def test_one_tool_at_a_time_is_said_within_the_choice(choice, wanted):
    assert worded(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)["tool_choice"] == wanted


def test_a_custom_tool_is_refused():
    assert refused(tools=[{"type": "custom", "custom": {"name": "x"}}]) == ("tools", "unsupported_value")


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        pytest.param(
            {"type": "image_url", "image_url": {"url": f"data:image/PNG;base64,{PNG}", "detail": "low"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            id="image-data",
        ),
        pytest.param(
            {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}},
            id="image-url",
        ),
        pytest.param(
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
            id="pdf",
        ),
        pytest.param(
            {"type": "file", "file": {"file_data": "data:text/plain;base64,SGFsbG8="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hallo"}},
            id="text-file",
        ),
        pytest.param(
            {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
            id="breakpoint",
        ),
        pytest.param(
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            id="cache-control",
        ),
    ],
)
def test_parts_are_worded(part, wanted):
    assert blocks(part) == [wanted]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"type": "file", "file": {"file_id": "file-1"}}, id="foreign-file-id"),
        pytest.param({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}, id="audio"),
        pytest.param({"type": "file", "file": {"file_data": "data:application/zip;base64,UEsD"}}, id="zip"),
    ],
)
def test_parts_without_an_equivalent_are_refused_by_their_place(part):
    said = [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]
    assert refused(messages=said) == ("messages.0.content", "unsupported_value")
    assert dropped(messages=said) == ("messages.0.content",)


def test_an_unknown_part_is_refused_by_its_place():
    said = [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "hologram"}]}]
    assert refused(messages=said) == ("messages.0.content.1", "unsupported_parameter")


def test_at_most_four_breakpoints_are_sent_and_they_are_the_last():
    mark = {"cache_control": {"type": "ephemeral"}}
    found = blocks(*({"type": "text", "text": str(i), **mark} for i in range(6)))
    assert ["cache_control" in block for block in found] == [False, False, True, True, True, True]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "n"),
        ({"seed": 0}, "seed"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": -1}, "presence_penalty"),
        ({"store": True}, "store"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"verbosity": "low"}, "verbosity"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"prediction": {"type": "content"}}, "prediction"),
        ({"invented": 1}, "invented"),
        ({"messages": [{**USER, "name": "ann"}]}, "messages.0.name"),
        ({"messages": [{**USER, "mood": "good"}]}, "messages.0.mood"),
    ],
)
def test_what_has_no_equivalent_is_refused_or_dropped_by_its_name(body, param):
    assert refused(**body) == (param, "unsupported_parameter")
    assert dropped(**body) == (param,)


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1},
        {"temperature": 1},
        {"top_p": 1.0},
        {"frequency_penalty": 0},
        {"logprobs": False},
        {"store": False},
        {"parallel_tool_calls": True},
        {"response_format": {"type": "text"}},
        {"logit_bias": {}},
        {"seed": None},
        {"stream_options": {"include_usage": True}},
        {"prompt_cache_key": "x"},
        {"modalities": ["text"]},
    ],
    ids=lambda body: next(iter(body)),
)
def test_defaults_restated_and_hints_are_left_out_silently(body):
    assert worded(**body) == worded()
    assert dropped(**body) == ()


def test_a_temperature_above_one_is_refused_or_clamped():
    assert refused(temperature=1.5) == ("temperature", "unsupported_value")
    assert dropped(temperature=1.5) == ("temperature=1",)


def test_older_models_sample():
    found = worded(temperature=0, top_p=0.5, top_k=3)
    assert (found["temperature"], found["top_p"], found["top_k"]) == (0, 0.5, 3)


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
def test_current_models_do_not_sample(field):
    assert refused(model=CURRENT, **{field: 0}) == (field, "unsupported_parameter")


def test_under_the_new_version_nobody_samples():
    row = replace(profile("anthropic"), version="2026-10-21")
    with pytest.raises(Unsupported):
        wording("chat", "messages", {"model": CLAUDE, "temperature": 0.5}, row=row)
    outgoing = sent(talk("chat", "messages", row=row), ASKED["chat"])
    assert (b"anthropic-version", b"2026-10-21") in outgoing.headers


@pytest.mark.parametrize(("stop", "wanted"), [("END", ["END"]), (["a", "b"], ["a", "b"])])
def test_stop_sequences_are_a_list(stop, wanted):
    assert worded(stop=stop)["stop_sequences"] == wanted


def test_blank_stop_sequences_are_refused():
    assert refused(stop=["\n\n", "END"]) == ("stop", "unsupported_value")


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6, "max_tokens": 5}, 6),
        ({}, 8192),
        ({"model": "claude-3-haiku-20240307"}, 4096),
        ({"reasoning_effort": "medium"}, 8192 + 4096),
    ],
)
def test_the_limit_is_always_said(body, limit):
    assert worded(**body)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("minimal", 1024), ("low", 1024), ("medium", 4096), ("high", 16384), ("xhigh", 32768), ("max", 32768)],
)
def test_older_models_think_by_budget(effort, budget):
    assert worded(reasoning_effort=effort)["thinking"] == {"type": "enabled", "budget_tokens": budget}


@pytest.mark.parametrize(
    ("effort", "said"), [("minimal", "low"), ("low", "low"), ("high", "high"), ("max", "max")]
)
def test_current_models_think_by_effort(effort, said):
    found = worded(model=CURRENT, reasoning_effort=effort)
    assert (found["thinking"], found["output_config"]) == ({"type": "adaptive"}, {"effort": said})


def test_no_effort_switches_thinking_off():
    assert worded(reasoning_effort="none")["thinking"] == {"type": "disabled"}


def test_a_budget_stays_below_the_limit():
    assert worded(reasoning_effort="high", max_tokens=2000)["thinking"]["budget_tokens"] == 1999


def test_a_limit_without_room_for_thoughts_is_told():
    assert refused(reasoning_effort="high", max_tokens=500) == ("reasoning_effort", "unsupported_value")


ROUND: list[dict[str, Any]] = [
    USER,
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "x"},
]


def test_a_tool_round_without_signed_thoughts_goes_on_without_thinking():
    translation = talk("chat", "messages")
    outgoing = sent(translation, {"model": CLAUDE, "messages": ROUND, "reasoning_effort": "high"})
    assert json.loads(outgoing.body)["thinking"] == {"type": "disabled"}
    assert outgoing.dropped == ("reasoning_effort",)


def test_signed_thoughts_come_back_in_place_and_keep_the_round_thinking():
    redacted = {"type": "redacted_thinking", "data": "xx"}
    said = [ROUND[0], {**ROUND[1], "thinking_blocks": [SIGNED, redacted]}, ROUND[2]]
    found = worded(messages=said, reasoning_effort="high")
    assert found["thinking"]["type"] == "enabled"
    assert found["messages"][1]["content"][:2] == [SIGNED, redacted]


def test_unsigned_thoughts_are_left_out():
    said = [USER, {"role": "assistant", "content": "Yes", "reasoning_content": "hm"}, USER]
    assert messages(*said)[1]["content"] == [{"type": "text", "text": "Yes"}]


def test_a_signature_beside_the_thought_counts_too():
    said = [
        USER,
        {"role": "assistant", "content": "Yes", "reasoning_content": "hm", "reasoning_signature": "sig"},
    ]
    assert messages(*said)[1]["content"][0] == SIGNED


def test_a_schema_is_worded_with_what_it_lacks_in_words():
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 1, "maximum": 9, "description": "In years."}},
        "required": ["age"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    assert worded(response_format=form)["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "age": {"type": "integer", "description": "In years.\n\n{minimum: 1, maximum: 9}"},
            },
            "required": ["age"],
            "additionalProperties": False,
        },
    }


def test_json_without_a_schema_is_not_faked():
    assert refused(response_format={"type": "json_object"}) == ("response_format", "unsupported_value")


def test_a_person_is_named_by_a_keyed_hash():
    assert worded(user="ann@example.org")["metadata"] == {"user_id": opaque_id("ann@example.org", b"salt")}


@pytest.mark.parametrize(("tier", "wanted"), [("auto", "auto"), ("default", "standard_only")])
def test_service_tiers_are_worded(tier, wanted):
    assert worded(service_tier=tier)["service_tier"] == wanted


def test_a_foreign_tier_is_refused():
    assert refused(service_tier="flex") == ("service_tier", "unsupported_value")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools.0.function.name"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}
                ]
            },
            "messages.0.content.0.image_url.url",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_place(body, param):
    with pytest.raises(BadRequest) as caught:
        worded(**body)
    assert (caught.value.status_code, caught.value.param) == (400, param)
