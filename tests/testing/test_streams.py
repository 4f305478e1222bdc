from __future__ import annotations

import pytest

from llmgw_middleware.testing.script import Action, Close, Pause, Reset, Script, Send, Silence, Wait, raw
from llmgw_middleware.testing.streams import event_bytes, sse, stream, stream_chunks


def wire(script: Script) -> bytes:
    """Everything a script sends."""
    return b"".join(action.data for action in script.actions if isinstance(action, Send))


def test_chunks_begin_with_the_role_and_end_with_the_finish_reason():
    first, second, last = (chunk["choices"][0] for chunk in stream_chunks("a"))
    assert first["delta"] == {"role": "assistant", "content": ""}
    assert (second["delta"], second["finish_reason"]) == ({"content": "a"}, None)
    assert (last["delta"], last["finish_reason"]) == ({}, "stop")


def test_the_usage_chunk_has_no_choices():
    last = stream_chunks("a", "b", usage=True)[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (b": ping\n\n", b": ping\n\n"),
        ("[DONE]", b"data: [DONE]\n\n"),
        ("a\nb", b"data: a\ndata: b\n\n"),
        ({"a": 1}, b'data: {"a": 1}\n\n'),
    ],
    ids=["raw bytes", "text", "two lines", "json"],
)
def test_events_are_written_as_the_format_wants(event: bytes | str | dict[str, int], sent: bytes):
    assert event_bytes(event) == sent


def test_a_whole_stream_ends_with_done_and_the_last_chunk():
    assert wire(stream("a")).endswith(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def test_a_stream_can_end_cleanly_without_its_finish():
    sent = wire(stream("a", finish=False, done=False))
    assert b"stop" not in sent
    assert b"[DONE]" not in sent
    assert sent.endswith(b"\r\n0\r\n\r\n")


def test_gaps_stand_between_events_only():
    actions = sse(["a", "b"], gap=0.5, done=False).actions
    assert [type(action) for action in actions] == [Send, Send, Pause, Send, Send]


BREAKS: dict[str, tuple[Script, Action]] = {
    "cut": (stream("a", "b", cut_after=1), Close()),
    "stall": (stream("a", "b", stall_after=1), Silence()),
    "reset": (stream("a", "b", reset_after=1), Reset()),
    "error": (stream("a", "b", error_after=1), Send(b"0\r\n\r\n")),
}


@pytest.mark.parametrize(("script", "last"), BREAKS.values(), ids=BREAKS.keys())
def test_a_broken_stream_breaks_behind_its_texts(script: Script, last: Action):
    assert b'"a"' in wire(script)
    assert b'"b"' not in wire(script)
    assert script.actions[-1] == last


def test_an_error_may_be_all_a_stream_has():
    sent = wire(stream("a", error_first=True))
    assert sent.count(b"data: ") == 1
    assert b'"error"' in sent


def test_a_stream_breaks_once():
    with pytest.raises(ValueError, match="cut_after and reset_after"):
        stream("a", cut_after=0, reset_after=1)


def test_scripts_add_up():
    assert (raw(b"a") + raw(Wait("go"), b"b")).actions == (Send(b"a"), Wait("go"), Send(b"b"))
