from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.openai_stream import MAX_HELD, ChatTap
from llmgw_middleware.model.usage import Usage
from tests.dialect.events import (
    DONE,
    ERROR,
    FINISH,
    HELLO,
    ROLE,
    USAGE,
    Seen,
    chunk,
    cut,
    delta,
    event,
    tapped,
)

TOOL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}


def test_a_whole_stream_is_forwarded_byte_for_byte():
    data = ROLE + HELLO + FINISH + DONE
    seen = tapped(data)
    assert (seen.data, seen.content, seen.tap.finished, seen.tap.done, seen.fault) == (
        data,
        True,
        True,
        True,
        None,
    )


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"content": "x"}, id="content"),
        pytest.param({"content": " "}, id="white-space"),
        pytest.param({"content": [{"type": "text", "text": "x"}]}, id="list-of-parts"),
        pytest.param({"refusal": "no"}, id="refusal"),
        pytest.param({"tool_calls": [TOOL]}, id="tool-call"),
        pytest.param({"function_call": {"name": "f"}}, id="function-call"),
        pytest.param({"reasoning": "hm"}, id="reasoning"),
        pytest.param({"reasoning_content": "hm"}, id="reasoning-content"),
        pytest.param({"reasoning_details": [{"text": "hm"}]}, id="reasoning-details"),
        pytest.param({"audio": {"data": "UklG"}}, id="audio"),
    ],
)
def test_something_said_is_content(said):
    assert tapped(chunk(delta(**said))).content


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(ROLE, id="role-only"),
        pytest.param(chunk(delta(content=None, tool_calls=[], refusal=None)), id="empty-fields"),
        pytest.param(chunk(), id="no-choices"),
        pytest.param(chunk(prompt_filter_results=[{"prompt_index": 0}]), id="azure-first-chunk"),
        pytest.param(event({"object": "chat.completion.chunk", "choices": None}), id="null-choices"),
        pytest.param(b": OPENROUTER PROCESSING\n\n", id="comment"),
        pytest.param(b"event: ping\ndata: {}\n\n", id="ping"),
        pytest.param(b"event: ping\n\n", id="event-without-data"),
        pytest.param(b"id: 7\r\nretry: 100\r\n\r\n", id="other-fields"),
        pytest.param(b"\n\n", id="blank-lines"),
        pytest.param(b"data:\n\n", id="empty-data"),
        pytest.param(chunk({"index": 0}), id="choice-without-delta"),
    ],
)
def test_what_says_nothing_goes_on_but_is_no_content(data):
    seen = tapped(data)
    assert (seen.data, seen.content, seen.tap.finished, seen.tap.malformed) == (data, False, False, 0)


def test_a_finish_is_held_until_done():
    seen = tapped(HELLO, FINISH)
    assert seen.data == HELLO
    assert seen.tap.finished
    assert not seen.tap.done
    assert seen.feed(DONE).data == HELLO + FINISH + DONE


def test_a_finish_is_held_until_the_usage_chunk():
    assert tapped(HELLO, FINISH, USAGE).data == HELLO + FINISH


def test_a_finish_is_held_until_the_end():
    seen = tapped(HELLO, FINISH, close=True)
    assert (seen.data, seen.tap.done, seen.fault) == (HELLO + FINISH + DONE, True, None)


@pytest.mark.parametrize(
    ("show", "expected"), [(True, HELLO + FINISH + USAGE + DONE), (False, HELLO + FINISH + DONE)]
)
def test_the_usage_chunk_is_for_who_asked(show, expected):
    seen = tapped(HELLO, FINISH, USAGE, DONE, show_usage=show)
    assert seen.data == expected
    assert seen.tap.usage == Usage(input=5, output=2)


def test_usage_beside_a_finish_is_read_and_the_chunk_stays():
    last = chunk(delta(finish="stop"), usage={"prompt_tokens": 3, "completion_tokens": 1})
    seen = tapped(HELLO, last, DONE)
    assert (seen.data, seen.tap.usage) == (HELLO + last + DONE, Usage(input=3, output=1))


def test_a_usage_chunk_with_an_empty_choice_after_the_finish_is_removed_too():
    extra = chunk(delta(role="assistant", content=""), usage={"prompt_tokens": 3, "completion_tokens": 1})
    assert tapped(HELLO, FINISH, extra, DONE).data == HELLO + FINISH + DONE


def test_usage_beside_content_does_not_hide_the_content():
    running = chunk(delta(content="x"), usage={"prompt_tokens": 3, "completion_tokens": 1})
    assert tapped(running).data == running


def test_a_later_finish_replaces_an_earlier_one():
    seen = tapped(HELLO, FINISH, FINISH, DONE)
    assert (seen.data, seen.fault) == (HELLO + FINISH + FINISH + DONE, None)


def test_one_chunk_that_says_all_and_finishes_is_content():
    whole = chunk(delta(content="All.", finish="stop"))
    seen = tapped(whole)
    assert (seen.data, seen.content) == (b"", False)
    assert (seen.feed(DONE).data, seen.content) == (whole + DONE, True)


def test_content_after_a_finish_keeps_the_order():
    other = chunk(delta(index=1, content="two"))
    assert tapped(HELLO, FINISH, other).data == HELLO + FINISH + other


@pytest.mark.parametrize("first", [0, 1])
def test_several_choices_are_finished_when_each_of_them_is(first):
    start = chunk(delta(0, content="a"), delta(1, content="b"))
    seen = tapped(start, chunk(delta(first, finish="stop")))
    assert not seen.tap.finished
    assert seen.feed(chunk(delta(1 - first, finish="length"))).tap.finished


def test_a_choice_that_never_finished_makes_a_truncated_stream():
    seen = tapped(chunk(delta(0, content="a"), delta(1, content="b")), FINISH, close=True)
    assert (seen.fault, DONE in seen.data) == ("upstream_stream_truncated", False)


def test_a_choice_that_begins_after_another_finished_takes_the_finish_back():
    seen = tapped(HELLO, FINISH, chunk(delta(1, content="two")))
    assert not seen.tap.finished


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(ERROR, id="data"),
        pytest.param(b"event: error\n" + ERROR, id="named-event"),
        pytest.param(ERROR.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(event({"error": "boom"}), id="error-as-text"),
        pytest.param(event({"object": "error", "message": "boom", "code": 500}), id="without-outer-error"),
        pytest.param(chunk(delta(content=""), error={"code": 502, "message": "boom"}), id="beside-choices"),
        pytest.param(b"event: error\ndata: upstream died\n\n", id="no-json"),
        pytest.param(b"event: error\n\n", id="no-data"),
    ],
)
def test_an_error_frame_is_a_fault_and_not_shown(data):
    seen = tapped(ROLE, HELLO, data, DONE)
    assert (seen.data, seen.fault, seen.tap.done) == (ROLE + HELLO, "upstream_error", False)


def test_an_error_after_the_finish_takes_the_finish_along():
    assert tapped(HELLO, FINISH, ERROR, DONE).data == HELLO


def test_what_came_before_the_error_in_the_same_bytes_is_shown():
    seen = tapped(ROLE + HELLO + ERROR)
    assert (seen.data, seen.content, seen.fault) == (ROLE + HELLO, True, "upstream_error")


def test_an_error_first_leaves_nothing_to_show():
    seen = tapped(ERROR + DONE)
    assert (seen.data, seen.content, seen.fault) == (b"", False, "upstream_error")


def test_usage_beside_an_error_is_still_counted():
    failed = chunk(error={"message": "boom"}, usage={"prompt_tokens": 4, "completion_tokens": 1})
    assert tapped(HELLO, failed).tap.usage == Usage(input=4, output=1)


@pytest.mark.parametrize("events", [(), (ROLE,), (ROLE, HELLO)], ids=["nothing", "role", "content"])
def test_a_stream_without_its_end_is_not_a_success(events):
    seen = tapped(*events, close=True)
    assert (seen.data, seen.fault, seen.tap.done) == (b"".join(events), "upstream_stream_truncated", False)


def test_done_after_nothing_is_not_a_success():
    assert tapped(ROLE, DONE).fault == "upstream_stream_truncated"


def test_what_a_finish_chunk_said_counts_as_said():
    whole, late = chunk(delta(content="All.", finish="stop")), chunk(delta(1, role="assistant"))
    assert tapped(whole, late, DONE).data == whole + late + DONE


def test_done_after_content_ends_a_stream_whose_server_gives_no_reason():
    seen = tapped(HELLO, DONE)
    assert (seen.data, seen.tap.finished, seen.tap.done, seen.fault) == (HELLO + DONE, True, True, None)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"data: {broken\n\n", id="broken-json"),
        pytest.param(b"data: hello\n\n", id="no-json"),
        pytest.param(b"<html>\n<p>Bad Gateway\n\n", id="no-event-at-all"),
        pytest.param(b"data: 17\n\n", id="a-number"),
        pytest.param(b'data: {"choices": 3}\n\n', id="choices-no-list"),
        pytest.param(b'data: {"choices": [null]}\n\n', id="choice-no-object"),
        pytest.param(b'data: {"choices": [{"delta": "x"}]}\n\n', id="delta-no-object"),
        pytest.param(
            b'data: {"choices": [{"index": {}, "delta": {"content": "x"}}]}\n\n', id="index-no-number"
        ),
        pytest.param(b'data: {\n"choices": []}\n\n', id="line-break-inside"),
        pytest.param(b'data: {\r"choices": []}\n\n', id="carriage-return-inside"),
        pytest.param(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', id="invalid-utf-8"),
        pytest.param(b'data: {"id": "\xff", "choices": []}\n\n', id="invalid-utf-8-in-an-unread-field"),
        pytest.param(b"data: " + b"[" * 5000 + b"\n\n", id="too-deep"),
    ],
)
def test_a_malformed_event_in_the_middle_is_dropped_and_counted(data):
    seen = tapped(HELLO, data, FINISH, DONE)
    assert (seen.data, seen.tap.malformed, seen.fault) == (HELLO + FINISH + DONE, 1, None)


def test_several_data_lines_are_one_document():
    split = b'data: {"choices":\ndata: [{"delta": {"content": "x"}}]}\n\n'
    seen = tapped(split)
    assert (seen.data, seen.content) == (split, True)


def test_an_event_over_the_limit_is_a_fault():
    seen = (
        Seen(ChatTap(show_usage=False, max_event=300))
        .feed(HELLO)
        .feed(chunk(delta(content="x" * 300)) + DONE)
    )
    assert (seen.data, seen.fault) == (HELLO, "upstream_protocol_error")


def test_an_error_before_an_event_over_the_limit_is_the_fault():
    seen = Seen(ChatTap(show_usage=False, max_event=300)).feed(ERROR + b"x" * 400)
    assert seen.fault == "upstream_error"


def test_done_before_an_event_over_the_limit_is_the_end():
    seen = Seen(ChatTap(show_usage=False, max_event=300)).feed(HELLO + FINISH + DONE + b"x" * 400)
    assert (seen.tap.done, seen.fault) == (True, None)


def test_everything_after_done_is_ignored():
    seen = tapped(HELLO, FINISH, DONE + HELLO, ERROR, b"x" * 10, close=True)
    assert (seen.data, seen.fault) == (HELLO + FINISH + DONE, None)


def test_nothing_follows_a_fault():
    assert tapped(ERROR, HELLO, FINISH, DONE, close=True).data == b""


def test_a_last_event_without_its_blank_line_counts():
    seen = tapped(HELLO, FINISH[:-2], close=True)
    assert seen.data == HELLO + FINISH + DONE


def test_done_without_its_blank_line_is_the_end():
    assert tapped(HELLO, FINISH, b"data: [DONE]", close=True).data == HELLO + FINISH + DONE


def test_half_an_event_at_the_end_is_never_shown():
    seen = tapped(HELLO, HELLO[:30], close=True)
    assert (seen.data, seen.fault) == (HELLO, "upstream_stream_truncated")


def test_held_events_cannot_fill_the_memory():
    noise = chunk(delta(content=""), padding="x" * 1000)
    seen = tapped(HELLO, FINISH, *[noise] * (MAX_HELD // len(noise) + 2))
    assert seen.data.startswith(HELLO + FINISH + noise)


def test_the_model_is_what_the_upstream_said():
    first = event({"model": "", "choices": []})
    assert tapped(first, HELLO, chunk(delta(content="x"), model="m-2")).tap.model == "m-1"


def test_unknown_fields_survive():
    odd = b'data: {"choices": [{"delta": {"content": "x", "new": 1e400}, "x": [1.50]}], "c": [1e2]}\n\n'
    assert tapped(odd).data == odd


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"], ids=["crlf", "cr"])
def test_other_line_endings_are_kept(ending):
    data = (ROLE + HELLO + FINISH + USAGE + DONE).replace(b"\n", ending)
    assert tapped(data).data == data.replace(USAGE.replace(b"\n", ending), b"")


def test_a_byte_order_mark_does_not_hide_the_first_event():
    assert tapped(b"\xef\xbb\xbf" + HELLO).content


@given(
    st.lists(
        st.sampled_from([ROLE, HELLO, FINISH, USAGE, DONE, ERROR, b": hi\n\n", b"data: {\n\n"]), max_size=8
    ),
    st.lists(st.integers(0, 2000), max_size=10),
    st.booleans(),
)
def test_any_chunking_gives_the_same_result(events, places, show):
    data = b"".join(events)
    whole = tapped(data, show_usage=show, close=True)
    parts = tapped(*cut(data, places), show_usage=show, close=True)
    assert summary(parts) == summary(whole)


@given(st.lists(st.sampled_from([ROLE, HELLO, FINISH, USAGE, DONE, ERROR, b"data: {\n\n"]), max_size=8))
def test_a_stream_ends_as_complete_or_with_a_fault_and_never_both(events):
    seen = tapped(*events, close=True)
    assert seen.tap.done != (seen.fault is not None)
    assert seen.data.endswith(DONE) == seen.tap.done


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data):
    seen = tapped(data, close=True)
    assert seen.fault is not None or seen.tap.done


def summary(seen: Seen) -> tuple[object, ...]:
    tap = seen.tap
    return seen.data, seen.content, seen.fault, tap.finished, tap.done, tap.usage, tap.model, tap.malformed


def test_the_repr_tells_the_state():
    assert repr(tapped(HELLO, FINISH).tap) == "<ChatTap finished, 1 events held, 0 malformed>"
    assert repr(tapped(ERROR).tap) == "<ChatTap upstream_error, 0 events held, 0 malformed>"
    assert json.dumps("Hello").encode() not in repr(tapped(HELLO).tap).encode()
