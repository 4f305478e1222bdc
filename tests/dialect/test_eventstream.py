import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.eventstream import Frames, MalformedFrame, frame

EVENT = {":event-type": "messageStart", ":message-type": "event"}
# Made by Amazon's own encoder: one string header "content-type: application/json" and the payload {'foo':'bar'}.
AMAZONS = bytes.fromhex(
    "0000003d0000002007fd8396 0c636f6e74656e742d74797065 07 0010 6170706c69636174696f6e2f6a736f6e"
    "7b27666f6f273a27626172277d 8d9c08b1".replace(" ", "")
)


def test_a_frame_of_amazons_is_read():
    (message,) = Frames().feed(AMAZONS)
    assert (message.headers, message.payload) == ({"content-type": "application/json"}, b"{'foo':'bar'}")


def test_a_frame_is_written_as_amazon_writes_it():
    assert frame({"content-type": "application/json"}, b"{'foo':'bar'}") == AMAZONS


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


@given(
    st.lists(st.tuples(st.dictionaries(TEXT.filter(lambda t: len(t.encode()) < 256), TEXT), st.binary(max_size=40)), max_size=4),
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
)  # fmt: skip
def test_however_the_bytes_are_split_the_messages_are_the_same(sent, sizes):
    data = b"".join(frame(headers, payload) for headers, payload in sent)
    frames, got, at, turn = Frames(), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        got += frames.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert [(message.headers, message.payload) for message in got] == sent
    assert frames.empty


@given(st.integers(0, 200), st.integers(1, 255))
def test_one_wrong_byte_is_found(place, change):
    data = bytearray(frame(EVENT, b'{"role":"assistant"}'))
    data[place % len(data)] ^= change
    frames = Frames()
    try:
        got = frames.feed(bytes(data))
    except MalformedFrame as problem:
        got = problem.messages
    assert got == []


def test_what_came_whole_before_a_broken_frame_is_kept():
    whole = frame(EVENT, b"{}")
    with pytest.raises(MalformedFrame) as caught:
        Frames().feed(whole + whole[:-1] + b"\xff" * 20)
    assert len(caught.value.messages) == 1


@pytest.mark.parametrize("data", [b"data: {}\n\ndata: x", b"<html><body>no</body>", b"\x00" * 16])
def test_something_else_is_no_event_stream(data):
    with pytest.raises(MalformedFrame):
        Frames().feed(data)


def test_a_frame_above_the_limit_is_refused_before_it_is_there():
    with pytest.raises(MalformedFrame, match="has 16777232 bytes"):
        Frames().feed(frame({}, b"x" * (16 * 1024 * 1024))[:12])


def test_an_exception_is_told_apart():
    (message,) = Frames().feed(
        frame({":message-type": "exception", ":exception-type": "throttlingException"}, b"{}")
    )
    assert (message.failed, message.kind) == (True, "throttlingException")


def test_headers_of_other_types_are_read_over():
    def header(name: bytes, rest: bytes) -> bytes:
        return bytes((len(name),)) + name + rest

    from struct import pack
    from zlib import crc32

    block = header(b"a", b"\x00") + header(b"b", b"\x04\x00\x00\x00\x01") + header(b"c", b"\x06\x00\x02xy")
    block += (
        header(b"d", b"\x08" + bytes(8)) + header(b"e", b"\x07\x00\x01z") + header(b"f", b"\x09" + bytes(16))
    )
    head = pack(">II", 16 + len(block), len(block))
    data = head + pack(">I", crc32(head)) + block
    (message,) = Frames().feed(data + pack(">I", crc32(data)))
    assert message.headers == {"e": "z"}
