"""Streams of an Anthropic backend, as an OpenAI chat caller is told them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.model.usage import Usage
from tests.dialect.events import cut
from tests.dialect.talk import Told, told

USAGE = {"stream_options": {"include_usage": True}}


def event(kind: str, **data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **data}).encode())


def start(**usage: int) -> bytes:
    counted = {"input_tokens": 5, "output_tokens": 1, **usage}
    return event(
        "message_start", message={"id": "msg_1", "model": "claude-x", "role": "assistant", "usage": counted}
    )


def opened(index: int, kind: str, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **block})


def delta(index: int, kind: str, **said: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **said})


def closed(index: int) -> bytes:
    return event("content_block_stop", index=index)


def text(index: int, *said: str) -> bytes:
    inner = b"".join(delta(index, "text_delta", text=one) for one in said)
    return opened(index, "text", text="") + inner + closed(index)


def tool(index: int, identity: str, *arguments: str) -> bytes:
    inner = b"".join(delta(index, "input_json_delta", partial_json=one) for one in arguments)
    return opened(index, "tool_use", id=identity, name="look", input={}) + inner + closed(index)


def end(reason: str = "end_turn", *, usage: dict[str, Any] | None = None, **more: Any) -> bytes:
    counted = {"output_tokens": 9} if usage is None else usage
    return event("message_delta", delta={"stop_reason": reason, **more}, usage=counted) + event(
        "message_stop"
    )


def heard(*pieces: bytes, **asked: Any) -> Told:
    return told("chat", "messages", *pieces, asked=asked)


def calls(found: Told) -> list[Any]:
    return [call for said in found.deltas for call in said.get("tool_calls", ())]


def test_text_is_told_chunk_by_chunk_between_role_and_finish():
    found = heard(start(), text(0, "Hel", "lo"), end())
    assert found.deltas == [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, {}]
    last, done = found.events[-2:]
    assert (last[1]["choices"][0]["finish_reason"], done[1]) == ("stop", "[DONE]")
    assert (found.tap.done, found.fault, found.tap.model) == (True, None, "claude-x")


def test_every_chunk_has_one_id_time_and_model():
    found = heard(start(), text(0, "a", "b"), end())
    frames = {(c["id"], c["created"], c["model"], c["object"]) for _, c in found.events[:-1]}
    assert frames == {("msg_1", 1700000000, "claude-x", "chat.completion.chunk")}


def test_usage_is_told_to_those_who_asked():
    found = heard(start(), text(0, "a"), end(), **USAGE)
    chunk = found.events[-2][1]
    assert chunk["choices"] == []
    assert chunk["usage"]["total_tokens"] == 14
    assert all(c["usage"] is None for _, c in found.events[:-2])


def test_usage_is_not_told_to_others():
    assert b"usage" not in heard(start(), text(0, "a"), end()).data


def test_counts_are_cumulative_and_include_the_cache():
    usage = {
        "input_tokens": 5,
        "output_tokens": 9,
        "cache_read_input_tokens": 3,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    found = heard(start(cache_creation_input_tokens=2), text(0, "a"), end(usage=usage))
    assert found.tap.usage == Usage(input=10, output=9, cached=3, cache_write=2, reasoning=4)


def test_calls_are_counted_from_zero_whatever_their_block():
    found = heard(
        start(), text(0, "I"), tool(1, "a", "{}"), text(2, "and"), tool(3, "b", "{}"), end("tool_use")
    )
    begun = [call for call in calls(found) if "id" in call]
    assert [(call["index"], call["id"]) for call in begun] == [(0, "a"), (1, "b")]
    assert found.events[-2][1]["choices"][0]["finish_reason"] == "tool_calls"


def test_arguments_are_told_as_they_come():
    found = calls(heard(start(), tool(0, "a", '{"x"', ": 1}"), end("tool_use")))
    assert "".join(call["function"]["arguments"] for call in found) == '{"x": 1}'


def test_a_call_without_arguments_has_an_empty_object():
    found = calls(heard(start(), tool(0, "a", ""), end("tool_use")))
    assert "".join(call["function"]["arguments"] for call in found) == "{}"


def test_thoughts_and_their_proof_are_told():
    block = (
        opened(0, "thinking", thinking="")
        + delta(0, "thinking_delta", thinking="hm")
        + delta(0, "signature_delta", signature="sig")
        + closed(0)
    )
    found = heard(start(), block, opened(1, "redacted_thinking", data="xx"), closed(1), text(2, "Yes"), end())
    assert found.deltas[1:-1] == [
        {"reasoning_content": "hm"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "xx"}]},
        {"content": "Yes"},
    ]


def test_tools_of_the_server_are_never_calls_of_the_client():
    search = opened(0, "server_tool_use", id="s", name="web_search", input={}) + delta(
        0, "input_json_delta", partial_json='{"q": 1}'
    )
    result = opened(1, "web_search_tool_result", tool_use_id="s", content=[]) + closed(1)
    found = heard(start(), search, closed(0), result, text(2, "a"), end())
    assert calls(found) == []
    assert found.deltas[1] == {"content": "a"}


def test_sources_are_told_before_the_finish_with_their_place_in_the_text():
    citation = {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "x",
    }
    block = opened(1, "text", text="") + delta(1, "citations_delta", citation=citation)
    found = heard(start(), text(0, "Ab "), block, delta(1, "text_delta", text="cde"), closed(1), end())
    (annotation,) = found.deltas[-2]["annotations"]
    assert annotation["url_citation"] == {
        "url": "https://a.example",
        "title": "A",
        "start_index": 3,
        "end_index": 6,
    }


def test_a_refusal_tells_its_reason():
    found = heard(start(), end("refusal", stop_details={"explanation": "not this"}))
    assert found.deltas[-2] == {"refusal": "not this"}
    assert found.events[-2][1]["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", None),
        ("tool_use", "tool_calls", None),
        ("max_tokens", "length", None),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("pause_turn", "stop", "pause_turn"),
        ("invented", "stop", "invented"),
    ],
)
def test_reasons_to_stop_have_a_finish(reason, finish, detail):
    choice = heard(start(), text(0, "a"), end(reason)).events[-2][1]["choices"][0]
    assert (choice["finish_reason"], choice.get("x_finish_detail")) == (finish, detail)


def test_an_error_in_the_stream_is_a_fault_and_no_finish():
    broken = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    found = heard(start(), text(0, "a"), broken)
    assert found.fault == "upstream_overloaded"
    assert b'finish_reason":"' not in found.data
    assert b"[DONE]" not in found.data


@pytest.mark.parametrize(
    "tail",
    [b"", event("message_delta", delta={"stop_reason": "end_turn"}, usage={})],
    ids=["after-text", "after-message-delta"],
)
def test_an_end_without_message_stop_is_truncated(tail):
    found = heard(start(), text(0, "a"), tail)
    assert (found.fault, b"[DONE]" in found.data) == ("upstream_stream_truncated", False)


def test_a_second_start_is_passed_over_before_content_and_a_fault_after_it():
    assert heard(start(), start(), text(0, "a"), end()).fault is None
    assert heard(start(), text(0, "a"), start(), text(0, "b"), end()).fault == "upstream_protocol_error"


def test_a_stream_whose_start_cannot_be_read_begins_with_what_follows():
    found = heard(b"data: {\n\n", text(0, "a"), end())
    assert found.deltas == [{"role": "assistant", "content": ""}, {"content": "a"}, {}]
    translated = told("messages", "messages", b"data: {\n\n", text(0, "a"), end())
    assert translated.events[0][0] == "message_start"


def test_a_pause_without_a_word_is_a_fault():
    assert heard(start(), end("pause_turn")).fault == "upstream_protocol_error"


def test_pings_and_unknown_events_say_nothing():
    found = heard(start(), event("ping"), event("invented", x=1), text(0, "a"), end())
    assert (found.fault, len(found.deltas)) == (None, 3)


def test_an_event_that_is_no_json_is_passed_over_and_counted():
    found = heard(start(), b"event: content_block_delta\ndata: {oops\n\n", text(0, "a"), end())
    assert (found.fault, found.tap.malformed) == (None, 1)


def test_an_event_over_the_limit_is_a_broken_stream():
    assert heard(start(), b"data: " + b"x" * (1024 * 1024)).fault == "upstream_protocol_error"


def test_separators_of_unicode_are_text():
    assert heard(start(), text(0, "a\u2028b\u0085c"), end()).deltas[1] == {"content": "a\u2028b\u0085c"}


def test_what_comes_after_the_end_is_never_told():
    found = heard(start(), text(0, "a"), end(), text(1, "late"))
    assert b"late" not in found.data


WHOLE = (
    start()
    + opened(0, "thinking", thinking="")
    + delta(0, "thinking_delta", thinking="höm")
    + delta(0, "signature_delta", signature="sig")
    + closed(0)
    + text(1, "Hé", "llo €")
    + tool(2, "a", '{"x"', ": 1}")
    + end("tool_use")
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=9))
def test_however_the_bytes_are_split_the_caller_is_told_the_same(places):
    assert heard(*cut(WHOLE, places)).data == heard(WHOLE).data
