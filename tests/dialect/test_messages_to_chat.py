"""Requests of Anthropic callers, as a backend that speaks chat completions is sent them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.dialect.quirks import Quirks
from llmgw_middleware.errors import BadRequest
from tests.dialect.talk import ASKED, sent, talk, wording

USER = {"role": "user", "content": "Hi"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1.0}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
TOOL = {"name": "look", "input_schema": {"type": "object"}}


def worded(**body: Any) -> dict[str, Any]:
    return wording("messages", "chat", body)


def messages(*said: Any, **more: Any) -> Any:
    return worded(messages=list(said), **more)["messages"]


def refused(**body: Any) -> tuple[str | None, str]:
    with pytest.raises(Unsupported) as caught:
        worded(**body)
    return caught.value.param, caught.value.error_code


def test_a_plain_request_goes_to_chat_completions():
    assert worded() == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 99,
    }


def test_a_stream_is_asked_for_its_usage():
    found = worded(stream=True)
    assert (found["stream"], found["stream_options"]) == (True, {"include_usage": True})


def test_system_blocks_become_one_message_each():
    found = messages(USER, system=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    assert found[:2] == [{"role": "developer", "content": "a"}, {"role": "developer", "content": "b"}]


def test_servers_that_are_not_openais_know_system_only():
    found = wording("messages", "chat", {"system": "a"}, row=profile("openai-compatible"))
    assert found["messages"][0] == {"role": "system", "content": "a"}


def test_results_come_before_what_else_the_turn_says():
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
    found = messages(
        USER,
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [{"type": "text", "text": "so?"}, result]},
    )
    assert found[2:] == [
        {"role": "tool", "tool_call_id": "toolu_1", "content": "x"},
        {"role": "user", "content": "so?"},
    ]


def test_media_of_a_result_move_to_a_message_of_the_user():
    result = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": [{"type": "text", "text": "see"}, PNG],
    }
    found = messages(USER, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [result]})
    assert found[2] == {"role": "tool", "tool_call_id": "toolu_1", "content": "see"}
    assert [part["type"] for part in found[3]["content"]] == ["text", "image_url"]
    assert "toolu_1" in found[3]["content"][0]["text"]


def test_a_failed_result_says_so():
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no", "is_error": True}
    found = messages(USER, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [result]})
    assert found[2]["content"] == "Error: no"


def test_calls_and_words_of_the_assistant():
    said = {"role": "assistant", "content": [{"type": "text", "text": "I look"}, USE]}
    assert messages(USER, said)[1] == {
        "role": "assistant",
        "content": "I look",
        "tool_calls": [
            {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1.0}'}}
        ],
    }


THOUGHTFUL = {
    "role": "assistant",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "Yes"},
    ],
}


def test_thoughts_of_the_past_stay_here():
    assert messages(USER, THOUGHTFUL)[1] == {"role": "assistant", "content": "Yes"}


def test_a_server_that_wants_its_thoughts_back_gets_them():
    row = replace(profile("openai-compatible"), quirks=Quirks(thinking_in_history=True))
    found = wording("messages", "chat", {"messages": [USER, THOUGHTFUL]}, row=row)
    assert found["messages"][1]["reasoning_content"] == "hm"


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        pytest.param(
            PNG, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}, id="image-data"
        ),
        pytest.param(
            {"type": "image", "source": {"type": "url", "url": "https://a.example/x"}},
            {"type": "image_url", "image_url": {"url": "https://a.example/x"}},
            id="image-url",
        ),
        pytest.param(
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            },
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            },
            id="pdf",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hallo"}},
            {"type": "text", "text": "Hallo"},
            id="text-document",
        ),
        pytest.param(
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "x"},
            id="breakpoint-is-a-hint",
        ),
    ],
)
def test_blocks_are_worded(block, wanted):
    (message,) = messages({"role": "user", "content": [{"type": "text", "text": "."}, block]})
    assert message["content"][1] == wanted


def test_breakpoints_are_kept_for_models_that_know_them():
    said = {
        "role": "user",
        "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    }
    (message,) = messages(said, model="gpt-5.6")
    assert message["content"] == [
        {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "look"}, {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_the_choice_of_tools_is_worded(choice, wanted):
    assert worded(tools=[TOOL], tool_choice=choice)["tool_choice"] == wanted


def test_one_tool_at_a_time_is_said():
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert worded(tools=[TOOL], tool_choice=choice)["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("body", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 20000}}, "high"),
        ({"thinking": {"type": "enabled", "budget_tokens": 40000}}, "xhigh"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "disabled"}}, "none"),
    ],
)
def test_thinking_is_told_as_an_effort(body, effort):
    assert worded(model="gpt-5.2", **body).get("reasoning_effort") == effort


def test_a_model_that_does_not_think_is_not_told_not_to():
    assert "reasoning_effort" not in worded(model="gpt-4o", thinking={"type": "disabled"})
    asked = {"type": "enabled", "budget_tokens": 2000}
    assert refused(model="gpt-4o", thinking=asked) == ("thinking", "unsupported_parameter")


def test_a_form_is_a_response_format():
    form = {"type": "json_schema", "schema": {"type": "object"}}
    assert worded(output_config={"format": form})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": {"type": "object"}, "strict": True},
    }
    assert worded(output_format=form) == worded(output_config={"format": form})


def test_stop_sequences_are_at_most_four():
    assert worded(stop_sequences=["a"])["stop"] == ["a"]
    assert refused(stop_sequences=list("abcde")) == ("stop_sequences", "unsupported_value")
    assert refused(model="o3", stop_sequences=["a"]) == ("stop_sequences", "unsupported_parameter")


@pytest.mark.parametrize(
    ("user", "wanted"), [("u-1", "u-1"), ("u" * 200, 64)], ids=["as-it-is", "hashed-when-long"]
)
def test_a_person_is_named(user, wanted):
    named = worded(metadata={"user_id": user})["safety_identifier"]
    assert named == wanted or len(named) == wanted


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"top_k": 3}, "top_k"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"output_format": "markdown"}, "output_format"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages.0.content.0"),
    ],
)
def test_what_has_no_equivalent_is_refused_or_dropped_by_its_name(body, param):
    assert refused(**body) == (param, "unsupported_parameter")
    assert sent(talk("messages", "chat", policy="drop"), {**ASKED["messages"], **body}).dropped == (param,)


@pytest.mark.parametrize(
    "quirks",
    [Quirks(max_tokens_field="max_tokens"), Quirks(stream_options=False), Quirks(content_list=False)],
    ids=["limit", "usage", "lists"],
)
def test_quirks_are_kept(quirks):
    said = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    row = replace(profile("openai-compatible"), quirks=quirks)
    found = wording("messages", "chat", {"messages": said, "stream": True}, row=row)
    assert ("max_tokens" in found) == (quirks.max_tokens_field == "max_tokens")
    assert ("stream_options" in found) == quirks.stream_options
    assert isinstance(found["messages"][0]["content"], list) == quirks.content_list


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source"),
        ({"system": 5}, "system"),
        ({"thinking": {"type": "hard"}}, "thinking.type"),
        ({"tool_choice": {"type": "perhaps"}}, "tool_choice.type"),
        ({"tools": [{}]}, "tools.0.name"),
        ({"max_tokens": "many"}, "max_tokens"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(body, param):
    with pytest.raises(BadRequest) as caught:
        worded(**body)
    assert (caught.value.status_code, caught.value.param) == (400, param)
