"""Streams of a backend that speaks chat completions, as an Anthropic caller is told them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialect.events import DONE, ERROR, FINISH, HELLO, ROLE, USAGE, chunk, cut, delta, event
from tests.dialect.talk import Message, Told, told


def call(
    index: int | None, identity: str | None = None, name: str | None = None, arguments: str | None = None
) -> Any:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    found: dict[str, Any] = {"function": function}
    if index is not None:
        found["index"] = index
    if identity is not None:
        found |= {"id": identity, "type": "function"}
    return found


def calling(*calls: Any) -> bytes:
    return chunk(delta(tool_calls=list(calls)))


def heard(*pieces: bytes) -> Told:
    return told("messages", "chat", *pieces)


def message(*pieces: bytes) -> Message:
    found = heard(*pieces, DONE)
    assert found.fault is None
    whole = Message(found.events)
    assert whole.ended
    return whole


def inputs(*pieces: bytes) -> list[tuple[str, Any]]:
    return [(b["id"], b["input"]) for b in message(ROLE, *pieces, FINISH).blocks if b["type"] == "tool_use"]


def test_text_becomes_one_block():
    found = message(ROLE, HELLO, HELLO, FINISH, USAGE)
    assert found.blocks == [{"type": "text", "text": "HelloHello"}]
    assert found.stop is not None
    assert found.stop["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}


def test_the_start_tells_an_estimate_and_the_end_the_count():
    found = message(ROLE, HELLO, FINISH, USAGE)
    assert found.start is not None
    assert found.stop is not None
    assert found.start["usage"]["input_tokens"] == 7
    assert found.stop["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 2,
    }


def test_cached_tokens_are_told_apart():
    details = {"cached_tokens": 10, "cache_write_tokens": 3}
    usage = chunk(usage={"prompt_tokens": 20, "completion_tokens": 2, "prompt_tokens_details": details})
    found = message(ROLE, HELLO, FINISH, usage)
    assert found.stop is not None
    assert found.stop["usage"] == {
        "input_tokens": 7,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 10,
        "output_tokens": 2,
    }


def test_usage_that_nobody_counted_is_estimated():
    found = message(ROLE, HELLO, FINISH)
    assert found.stop is not None
    assert (found.stop["usage"]["input_tokens"], found.stop["usage"]["output_tokens"]) == (7, 2)


def test_a_change_of_kind_closes_the_block():
    found = message(
        ROLE, chunk(delta(reasoning_content="hm")), HELLO, chunk(delta(reasoning="so")), HELLO, FINISH
    )
    assert [block["type"] for block in found.blocks] == ["thinking", "text", "thinking", "text"]


def test_empty_strings_open_nothing():
    found = message(
        ROLE, calling(call(0, "a", "f")), chunk(delta(content="")), calling(call(0, arguments="{}")), FINISH
    )
    assert [block["type"] for block in found.blocks] == ["tool_use"]


def test_calls_one_after_another_stream_as_they_come():
    first = heard(
        ROLE,
        calling(call(0, "a", "f", "")),
        calling(call(0, arguments='{"x":1}')),
        calling(call(1, "b", "g", "{")),
    )
    assert Message(first.events[:-1]).blocks[0]["id"] == "a"
    assert b'"id":"b"' in first.data


def test_interleaved_calls_do_not_overlap():
    found = inputs(
        calling(call(0, "a", "f"), call(1, "b", "g")),
        calling(call(0, arguments='{"x"')),
        calling(call(1, arguments='{"y"')),
        calling(call(0, arguments=":1}")),
        calling(call(1, arguments=":2}")),
    )
    assert found == [("a", {"x": 1}), ("b", {"y": 2})]


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        pytest.param([calling(call(0, "a", "f", '{"x":1}'))], [("a", {"x": 1})], id="all-at-once"),
        pytest.param(
            [
                calling(call(0, "a")),
                calling(call(0, arguments='{"x":')),
                calling(call(0, name="f", arguments="1}")),
            ],
            [("a", {"x": 1})],
            id="name-late",
        ),
        pytest.param([calling(call(0, None, "f", "{}"))], [("call_" + "m" * 24, {})], id="id-never"),
        pytest.param(
            [calling(call(0, "a", "f", '{"x"')), calling(call(0, "a", "f", ":1}"))],
            [("a", {"x": 1})],
            id="id-and-name-on-every-chunk",
        ),
        pytest.param(
            [calling(call(0, "a", "f", "{}")), calling(call(0, "b", "g", "{}"))],
            [("a", {}), ("b", {})],
            id="index-used-again",
        ),
        pytest.param(
            [calling(call(None, "a", "f", "{}")), calling(call(None, "b", "g", "{}"))],
            [("a", {}), ("b", {})],
            id="index-never",
        ),
        pytest.param(
            [calling(call(3, "a", "f", "{}")), calling(call(7, "b", "g", "{}"))],
            [("a", {}), ("b", {})],
            id="index-with-gaps",
        ),
        pytest.param([calling(call(0, "a", "f"))], [("a", {})], id="no-arguments"),
        pytest.param(
            [calling(call(0, "a", "f", "{}"), call(1, "b", "g", "{}"))],
            [("a", {}), ("b", {})],
            id="two-in-one-chunk",
        ),
        pytest.param(
            [chunk(delta(function_call={"name": "f", "arguments": "{}"}))],
            [("call_" + "m" * 24, {})],
            id="legacy",
        ),
    ],
)
def test_calls_are_read_however_servers_word_them(pieces, wanted):
    assert inputs(*pieces) == wanted


def test_text_between_the_deltas_of_a_call_waits_for_its_end():
    found = message(
        ROLE, calling(call(0, "a", "f", '{"x"')), HELLO, calling(call(0, arguments=":1}")), FINISH
    )
    assert [block["type"] for block in found.blocks] == ["tool_use", "text"]
    assert found.blocks[0]["input"] == {"x": 1}


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("eos", "end_turn"),
    ],
)
def test_finishes_have_a_reason_to_stop(finish, reason):
    found = message(ROLE, HELLO, chunk(delta(finish=finish)))
    assert found.stop is not None
    assert found.stop["delta"]["stop_reason"] == reason


def test_a_stop_with_calls_is_a_call():
    found = message(ROLE, calling(call(0, "a", "f", "{}")), FINISH)
    assert found.stop is not None
    assert found.stop["delta"]["stop_reason"] == "tool_use"


def test_a_later_finish_replaces_an_earlier_one():
    found = message(ROLE, HELLO, FINISH, chunk(delta(finish="length")))
    assert found.stop is not None
    assert found.stop["delta"]["stop_reason"] == "max_tokens"


def test_usage_with_the_finish_counts():
    with_usage = chunk(delta(finish="stop"), usage={"prompt_tokens": 4, "completion_tokens": 3})
    found = message(ROLE, HELLO, with_usage)
    assert found.stop is not None
    assert found.stop["usage"]["output_tokens"] == 3


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(chunk(prompt_filter_results=[], id=""), id="azure-without-choices"),
        pytest.param(b": OPENROUTER PROCESSING\n\n", id="comment"),
        pytest.param(chunk(delta(), obfuscation="abc", x_groq={"id": "1"}), id="obfuscation"),
        pytest.param(b"data: {oops\n\n", id="no-json"),
    ],
)
def test_what_says_nothing_is_passed_over(odd):
    assert message(odd, ROLE, odd, HELLO, odd, FINISH, odd).blocks == [{"type": "text", "text": "Hello"}]


def test_lists_of_parts_are_read():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
    ]
    found = message(ROLE, chunk(delta(content=parts)), FINISH)
    assert [block.get("thinking") or block.get("text") for block in found.blocks] == ["hm", "a"]


def test_a_refusal_is_text():
    assert message(ROLE, chunk(delta(refusal="no")), FINISH).blocks == [{"type": "text", "text": "no"}]


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        pytest.param([ROLE, HELLO], "upstream_stream_truncated", id="no-end"),
        pytest.param([ROLE, DONE], "upstream_stream_truncated", id="done-before-anything"),
        pytest.param([ROLE, HELLO, ERROR, DONE], "upstream_error", id="error-then-done"),
        pytest.param([ROLE, HELLO, FINISH, ERROR], "upstream_error", id="error-after-finish"),
        pytest.param(
            [b"event: error\n" + event({"error": {"message": "x"}})], "upstream_error", id="event-error"
        ),
        pytest.param(
            [ROLE, calling(call(0, "a", None, "{}")), FINISH, DONE],
            "upstream_protocol_error",
            id="nameless-call",
        ),
    ],
)
def test_failures_are_faults_and_never_an_end(pieces, fault):
    found = heard(*pieces)
    assert found.fault == fault
    assert b"message_delta" not in found.data
    assert b"message_stop" not in found.data


def test_an_end_after_the_finish_is_an_end():
    found = heard(ROLE, HELLO, FINISH)
    assert (found.fault, Message(found.events).ended) == (None, True)


def test_thoughts_have_a_place_for_a_signature():
    (block,) = message(ROLE, chunk(delta(reasoning_content="hm")), FINISH).blocks
    assert block == {"type": "thinking", "thinking": "hm", "signature": ""}


WHOLE = (
    ROLE
    + chunk(delta(reasoning="höm"))
    + HELLO
    + calling(call(0, "a", "f", '{"x"'), call(1, "b", "g"))
    + calling(call(1, arguments='{"é"'))
    + calling(call(0, arguments=":1}"))
    + calling(call(1, arguments=":2}"))
    + FINISH
    + USAGE
    + DONE
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=9))
def test_however_the_bytes_are_split_the_caller_is_told_the_same(places):
    assert heard(*cut(WHOLE, places)).data == heard(WHOLE).data


@st.composite
def parallel(draw: st.DrawFn) -> tuple[list[bytes], list[str]]:
    """Calls whose arguments come in pieces, in any order between the calls."""
    wanted = [f'{{"n": {n}}}' for n in range(draw(st.integers(1, 4)))]
    parts = [[text[i : i + 2] for i in range(0, len(text), 2)] for text in wanted]
    order = draw(st.permutations([k for k, pieces in enumerate(parts) for _ in pieces]))
    begun: set[int] = set()
    chunks = []
    for k in order:
        first = k not in begun
        begun.add(k)
        chunks.append(calling(call(k, f"id{k}" if first else None, "f" if first else None, parts[k].pop(0))))
    return chunks, wanted


@given(parallel())
def test_calls_interleaved_in_any_way_arrive_whole_and_apart(case):
    chunks, wanted = case
    found = dict(inputs(*chunks))
    assert found == {f"id{n}": {"n": n} for n in range(len(wanted))}
