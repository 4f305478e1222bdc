"""Streams of an Anthropic backend that pass through to an Anthropic caller."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.anthropic_stream import MAX_HELD, MessagesTap
from llmgw_middleware.model.usage import Usage
from tests.dialect.events import cut
from tests.dialect.test_messages_stream import closed, delta, end, event, opened, start, text, tool


def heard(*pieces: bytes, close: bool = True) -> tuple[MessagesTap, list[tuple[bytes, bool]]]:
    tap = MessagesTap()
    out = [piece for data in pieces for piece in tap.feed(data)]
    if close:
        out += tap.close()
    return tap, [(piece.data, piece.content) for piece in out]


def data_of(*pieces: bytes, **more: Any) -> bytes:
    return b"".join(data for data, _ in heard(*pieces, **more)[1])


def fault_of(*pieces: bytes) -> str | None:
    tap, _ = heard(*pieces)
    return tap.fault.kind.value if tap.fault else None


WHOLE = (
    start() + text(0, "Hé", "llo") + tool(1, "a", '{"x"', ":1}") + event("invented", n=1.0) + end("tool_use")
)


def test_a_stream_is_forwarded_byte_for_byte():
    tap, _ = heard(WHOLE)
    assert data_of(WHOLE) == WHOLE
    assert (tap.done, tap.finished, tap.fault, tap.model) == (True, True, None, "claude-x")


def test_counts_are_read_beside_it():
    tap, _ = heard(start(cache_read_input_tokens=4), text(0, "a"), end(usage={"output_tokens": 7}))
    assert tap.usage == Usage(input=9, output=7, cached=4)


@pytest.mark.parametrize(
    ("piece", "content"),
    [
        pytest.param(start(), False, id="start"),
        pytest.param(event("ping"), False, id="ping"),
        pytest.param(opened(0, "text", text=""), False, id="text-begins"),
        pytest.param(opened(0, "text", text="x"), True, id="text-in-its-beginning"),
        pytest.param(opened(0, "thinking", thinking=""), False, id="thinking-begins"),
        pytest.param(opened(0, "tool_use", id="a", name="f"), True, id="call-begins"),
        pytest.param(opened(0, "redacted_thinking", data="x"), True, id="redacted"),
        pytest.param(opened(0, "server_tool_use", id="a"), True, id="tool-of-the-server"),
        pytest.param(delta(0, "text_delta", text="x"), True, id="text"),
        pytest.param(delta(0, "text_delta", text=""), False, id="empty-text"),
        pytest.param(delta(0, "thinking_delta", thinking="x"), True, id="thinking"),
        pytest.param(delta(0, "signature_delta", signature="x"), True, id="signature"),
        pytest.param(delta(0, "input_json_delta", partial_json="x"), True, id="arguments"),
        pytest.param(delta(0, "input_json_delta", partial_json=""), False, id="no-arguments"),
        pytest.param(closed(0), False, id="block-ends"),
    ],
)
def test_what_commits_an_answer_is_what_says_something(piece, content):
    assert [content for _, content in heard(piece, close=False)[1]] == [content]


def test_the_end_is_held_until_it_is_certain():
    first, stop = end().split(b"event: message_stop")
    begun = start() + text(0, "a")
    assert data_of(begun + first, close=False) == begun
    assert data_of(begun + first + event("ping"), b"event: message_stop" + stop, close=False) == (
        begun + first + event("ping") + b"event: message_stop" + stop
    )


def test_an_error_after_the_end_was_announced_is_a_failure():
    first, _ = end().split(b"event: message_stop")
    broken = event("error", error={"type": "overloaded_error", "message": "x"})
    assert fault_of(start(), text(0, "a"), first, broken) == "upstream_overloaded"
    assert b"message_delta" not in data_of(start(), text(0, "a"), first, broken)


@pytest.mark.parametrize("tail", [b"", end().split(b"event: message_stop")[0]], ids=["no-end", "no-stop"])
def test_an_end_without_message_stop_is_truncated(tail):
    assert fault_of(start(), text(0, "a"), tail) == "upstream_stream_truncated"


def test_a_last_event_without_its_blank_line_counts():
    assert fault_of(WHOLE.rstrip(b"\n")) is None


def test_a_second_start_is_passed_over_before_a_block_and_a_fault_after_one():
    assert data_of(start(), start(), text(0, "a"), end()) == start() + text(0, "a") + end()
    assert fault_of(start(), text(0, "a"), start()) == "upstream_protocol_error"


def test_what_is_no_json_is_dropped_and_counted():
    tap, _ = heard(start(), b"event: content_block_delta\ndata: {oops\n\n", text(0, "a"), end())
    assert (tap.malformed, tap.fault) == (1, None)


def test_an_event_over_the_limit_is_a_broken_stream():
    tap = MessagesTap(max_event=100)
    tap.feed(b"data: " + b"x" * 200)
    assert tap.fault is not None
    assert tap.fault.kind.value == "upstream_protocol_error"


def test_what_follows_the_end_is_never_forwarded():
    assert data_of(WHOLE + text(9, "late")) == WHOLE


@given(st.lists(st.integers(0, len(WHOLE)), max_size=9))
def test_however_the_bytes_are_split_they_are_the_same(places):
    assert data_of(*cut(WHOLE, places)) == WHOLE


def test_no_more_is_held_than_a_limit_and_the_order_stays():
    first, stop = end().split(b"event: message_stop")
    pings = [event("ping")] * (MAX_HELD // len(event("ping")) + 9)
    begun = start() + text(0, "a")
    assert len(data_of(begun, first, *pings, close=False)) > MAX_HELD
    whole = begun + first + b"".join(pings) + b"event: message_stop" + stop
    assert data_of(begun, first, *pings, b"event: message_stop" + stop) == whole
