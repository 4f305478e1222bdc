"""Events of one mould: recognised by the chunk, and never taken for what reading them by the book would not say."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.mould import mould_of
from llmgw_middleware.dialect.openai_stream import DONE, ChatTap


def event(delta: dict[str, Any], *, compact: bool = True, finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": choices, **more}
    text = json.dumps(chunk, separators=(",", ":") if compact else None)
    return f"data: {text}\n\n".encode()


def said(text: str, **more: Any) -> bytes:
    return event({"content": text}, **more)


KINDS = {
    "content": {},
    "spaced": {"compact": False},
    "padded": {"obfuscation": "xyz", "usage": None},
}
TEXTS = ["b", 'a "quoted" word', "a\nline", "déjà", "\\", "日本", '","', "data: x", "}]}"]


@pytest.mark.parametrize("more", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_come_out_of_the_same_mould(text: str, more: dict[str, Any]) -> None:
    mould = mould_of(said("a", **more))
    assert mould is not None
    assert mould.made(said(text, **more))
    assert mould.made(said("a", **more) + said(text, **more) + said("c", **more))


def test_arguments_of_a_tool_and_reasoning_have_moulds_too() -> None:
    called = [{"index": 0, "function": {"arguments": "{"}}]
    assert mould_of(event({"tool_calls": called})) is not None
    assert mould_of(event({"reasoning_content": "hm"})) is not None


OTHERS = {
    "an empty text": said(""),
    "a finish": said("b", finish="stop"),
    "usage": said("b", usage={"prompt_tokens": 1}),
    "an error": b'data: {"error":{"message":"no"}}\n\n',
    "the end": DONE,
    "a comment": b": ping\n\n",
    "another choice": said("b").replace(b'"index":0', b'"index":1'),
    "no end": said("b")[:-1],
    "a doubled key": said("b").replace(b'"delta":', b'"delta":{},"delta":'),
    "a key within the text": said("b").replace(b'"b"', b'"b","refusal":"c"'),
    "a broken escape": said("b").replace(b'"b"', b'"b\\x"'),
    "an open escape": said("b").replace(b'"b"', b'"b\\"'),
    "a control character": said("b").replace(b'"b"', b'"b\x01"'),
    "a line break": said("b").replace(b'"b"', b'"b"\n,"c"'),
    "no UTF-8": said("b").replace(b'"b"', b'"\xff"'),
    "half a character": said("b").replace(b'"b"', b'"\xc3"'),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("around", [b"", said("a")], ids=["alone", "between others"])
def test_what_is_not_of_the_mould_is_seen(other: bytes, around: bytes) -> None:
    mould = mould_of(said("a"))
    assert mould is not None
    said_nothing = b'"content":""' in other
    assert mould.made(around + other + around) is (
        said_nothing and around != b""
    )  # it goes along with those that do


WITHOUT = {
    "no text": event({"role": "assistant"}),
    "an empty text": said(""),
    "an escape": said("a\n"),
    "two lines": b"event: x\n" + said("a"),
    "a text twice": said("a", content="b"),
    "a text twice, once with space before its colon": said("a").replace(b'"a"', b'"a","content" :"b"'),
    "a letter behind a string": said("a").replace(b'"m"', b'"m"content":"x"'),
    "content that is no text": event({"content": ["a"]}),
    "the key within a text": said("a").replace(b'"id":"c"', b'"id":"\\"content\\":\\"x"'),
    "not the whole event": said("a") + b"data:",
    "a key that is overridden": said("a").replace(b'"content":"a"', b'"content":"a","co\\u006etent":"b"'),
}


@pytest.mark.parametrize("odd", WITHOUT.values(), ids=WITHOUT)
def test_an_event_whose_text_is_not_certain_has_no_mould(odd: bytes) -> None:
    assert mould_of(odd) is None


def told(tap: ChatTap, chunks: list[bytes]) -> tuple[object, ...]:
    """All that a tap makes of a stream."""
    fed = [*(tap.feed(chunk) for chunk in chunks), tap.close()]
    out = [(b"".join(p.data for p in pieces), any(p.content for p in pieces)) for pieces in fed]
    return out, tap.fault, tap.finished, tap.done, tap.usage, tap.model, tap.malformed


EVENTS = st.one_of(
    st.text(max_size=5).map(said),
    st.sampled_from([said("a"), said("a", obfuscation="x"), said("b", obfuscation="yy")]),
    st.sampled_from([*OTHERS.values()]),
)


@given(
    events=st.lists(EVENTS, max_size=12),
    cuts=st.lists(st.integers(0, 3000), max_size=6),
    lesson=st.booleans(),
)
def test_a_tap_says_the_same_whether_it_knows_moulds_or_not(
    events: list[bytes], cuts: list[int], *, lesson: bool
) -> None:
    stream = said("first") * (20 if lesson else 1) + b"".join(events)
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    chunks = [stream[a:b] for a, b in pairwise(ends)]
    by_mould = told(ChatTap(show_usage=True), [said("once"), *chunks])
    by_the_book = told(ChatTap(show_usage=True, learn=False), [said("once"), *chunks])
    assert by_mould == by_the_book


def test_a_tap_learns_anew_when_a_server_changes_its_words() -> None:
    tap = ChatTap(show_usage=False)
    tap.feed(said("a"))
    first = tap._mould
    for _ in range(20):
        tap.feed(said("a", created=2))
    assert tap._mould is not first
