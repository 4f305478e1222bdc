"""Both ways of telling whether texts are plain, against the texts themselves."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.plain_texts import counted, marks_in, walked

HEAD, TAIL = b'data: {"text":"', b'","end":null}\n\n'
JOINT = TAIL + HEAD
WAYS: dict[str, Callable[[bytes], bool]] = {
    "walked": lambda data: walked(data, len(HEAD), JOINT, TAIL),
    "counted": lambda data: counted(data, JOINT, marks_in(JOINT)),
}
WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def events(texts: list[bytes]) -> bytes:
    return b"".join(HEAD + text + TAIL for text in texts)


@WAY
@pytest.mark.parametrize("count", [1, 2, 200])
def test_plain_texts_are_plain(way, count):
    assert way(events([b"a ~ word!\x7f"] * count))


@WAY
@pytest.mark.parametrize(
    "letter", [b'"', b"\\", b"\n", b"\r", b"\x00", b"\x1f", b"\x80", "é".encode(), b"\xff"]
)
@pytest.mark.parametrize("place", ["only", "first", "last"])
def test_a_text_with_anything_else_is_not(way, letter, place):
    texts = {
        "only": [b"a" + letter],
        "first": [letter + b"a", b"b"],
        "last": [b"a", b"b" + letter + b"b"],
    }[place]
    assert not way(events(texts))


@WAY
@pytest.mark.parametrize(
    "other", [b'data: {"end":null}\n\n', HEAD + b"b" + TAIL.replace(b"null", b"stop"), b": ping\n\n"]
)
def test_an_event_of_another_kind_among_them_is_noticed(way, other):
    assert not way(events([b"a"]) + other + events([b"c"]))


@WAY
def test_texts_that_are_all_empty_are_not(way):
    assert not way(events([b""]))
    assert not way(events([b"", b""]))


@given(st.lists(st.text('ab "\\\n\x1fé\x7f').map(str.encode), min_size=1, max_size=6))
def test_both_say_what_is_so(texts):
    data = events(texts)
    plain = all(32 <= letter < 128 and letter not in b'"\\' for text in texts for letter in text)
    said_so = [way(data) for way in WAYS.values()]
    assert said_so == [plain and any(texts)] * 2
