"""Complete answers, from one dialect to the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgw_middleware.dialect.port import MalformedReply
from tests.dialect.talk import ASKED, Message, Told, answer, sent, talk

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 5,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 1,
        "output_tokens": 3,
    },
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 5,
    "model": "gpt-x",
    "usage": {"prompt_tokens": 8, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
}


def from_message(*blocks: Any, **more: Any) -> dict[str, Any]:
    return answer("chat", "messages", {**MESSAGE, "content": list(blocks), **more})


def from_completion(finish: str = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return answer("messages", "chat", {**COMPLETION, "choices": [choice]})


def test_texts_of_a_message_are_joined():
    found = from_message({"type": "text", "text": "a"}, {"type": "text", "text": "b"})
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "ab", "refusal": None}
    assert (found["id"], found["object"], found["model"], found["created"]) == (
        "msg_1",
        "chat.completion",
        "claude-x",
        1700000000,
    )


def test_the_prompt_includes_what_was_cached():
    assert from_message({"type": "text", "text": "a"})["usage"] == {
        "prompt_tokens": 8,
        "completion_tokens": 3,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_a_call_keeps_the_spelling_of_its_arguments():
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1.0}}
    found = from_message(call, stop_reason="tool_use")["choices"][0]
    function = {"name": "f", "arguments": '{"a": 1.0}'}
    assert found["message"]["tool_calls"] == [{"id": "toolu_1", "type": "function", "function": function}]
    assert (found["message"]["content"], found["finish_reason"]) == (None, "tool_calls")


def test_thoughts_and_their_proof_are_kept():
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "a"},
    ]
    message = from_message(*blocks)["choices"][0]["message"]
    assert (message["reasoning_content"], message["thinking_blocks"]) == ("hm", blocks[:2])


def test_tools_of_the_server_are_never_calls():
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    assert "tool_calls" not in from_message(search, {"type": "text", "text": "a"})["choices"][0]["message"]


def test_sources_have_their_place_and_others_are_kept_as_they_are():
    web = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "x"}
    page = {"type": "page_location", "cited_text": "y", "document_index": 0}
    found = from_message(
        {"type": "text", "text": "ab"}, {"type": "text", "text": "cd", "citations": [web, page]}
    )
    message = found["choices"][0]["message"]
    (one,) = message["annotations"]
    assert (one["url_citation"]["start_index"], one["url_citation"]["end_index"]) == (2, 4)
    assert message["x_citations"] == [page]


def test_a_completion_becomes_a_message():
    assert from_completion(content="Hi") == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-x",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 2,
            "output_tokens": 3,
        },
    }


def call(arguments: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [("", {}), ('{"a": 1}', {"a": 1}), ({"a": 1}, {"a": 1})],
    ids=["none", "text", "object"],
)
def test_a_call_has_an_object_as_input(arguments, found):
    message = from_completion("tool_calls", content=None, tool_calls=[call(arguments)])
    assert message["content"] == [{"type": "tool_use", "id": "call_1", "name": "f", "input": found}]
    assert message["stop_reason"] == "tool_use"


def test_a_call_that_was_cut_off_is_left_out():
    message = from_completion("length", content="a", tool_calls=[call('{"a": ')])
    assert [block["type"] for block in message["content"]] == ["text"]
    assert message["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param({**COMPLETION, "choices": []}, id="no-choices"),
        pytest.param({"error": {"message": "x"}}, id="error"),
        pytest.param([], id="no-object"),
        pytest.param(
            {"choices": [{"message": {"tool_calls": [call("{oops")]}, "finish_reason": "stop"}]},
            id="arguments",
        ),
        pytest.param({"choices": [{"message": {"tool_calls": [{"id": "x"}]}}]}, id="nameless-call"),
    ],
)
def test_a_completion_that_is_none_is_malformed(reply):
    with pytest.raises(MalformedReply):
        answer("messages", "chat", reply)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param({"type": "error", "error": {"type": "api_error"}}, id="error"),
        pytest.param({**MESSAGE}, id="no-content"),
        pytest.param({**MESSAGE, "content": [{"type": "tool_use"}]}, id="nameless-call"),
    ],
)
def test_a_message_that_is_none_is_malformed(reply):
    with pytest.raises(MalformedReply):
        answer("chat", "messages", reply)


def test_a_complete_answer_to_a_stream_is_told_as_one():
    translation = talk("messages", "chat")
    outgoing = sent(translation, {**ASKED["messages"], "stream": True})
    tap = translation.tap(outgoing, "application/json", show_usage=True)
    assert tap is not None
    body = json.dumps(
        {**COMPLETION, "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    ).encode()
    pieces = [*tap.feed(body[:20]), *tap.feed(body[20:]), *tap.close()]
    found = Message(Told(tap, b"".join(piece.data for piece in pieces)).events)
    assert (found.ended, found.blocks) == (True, [{"type": "text", "text": "Hi"}])
    assert (tap.done, tap.usage is not None, tap.model) == (True, True, "gpt-x")


def test_a_complete_answer_that_is_none_breaks_the_stream():
    translation = talk("messages", "chat")
    tap = translation.tap(sent(translation, ASKED["messages"]), "application/json", show_usage=True)
    assert tap is not None
    assert [*tap.feed(b"<html>"), *tap.close()] == []
    assert tap.fault is not None
    assert tap.fault.kind.value == "upstream_protocol_error"


def test_a_pause_without_a_word_is_no_answer():
    with pytest.raises(MalformedReply):
        answer("chat", "messages", {**MESSAGE, "content": [], "stop_reason": "pause_turn"})


def test_a_stream_that_nobody_asked_for_is_gathered():
    translation = talk("messages", "chat")
    body = b'data: {"id":"x","model":"g","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    receipt = translation.read_reply(sent(translation, ASKED["messages"]), body, "text/event-stream")
    assert json.loads(receipt.body)["content"] == [{"type": "text", "text": "Hi"}]


def test_a_gathered_stream_that_is_cut_off_is_malformed():
    translation = talk("messages", "chat")
    body = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    with pytest.raises(MalformedReply):
        translation.read_reply(sent(translation, ASKED["messages"]), body, "text/event-stream")
