"""The mock provider: what it answers, and that it asks of a request no more than it says."""

import json

import pytest

from benchmarks.canned import CannedTransport
from benchmarks.lab import Load
from benchmarks.upstream import ANSWER, LAST, ROLE, Script, Scripts, body_of, content, script_of
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.transport.port import Call


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (b"", Script()),
        (b"wait=200", Script(wait=0.2)),
        (b"events=50,pause=10", Script(events=50, pause=0.01)),
        (b"events=1,pause=60000,wait=5", Script(events=1, pause=60.0, wait=0.005)),
    ],
)
def test_a_script_is_read(text, script):
    assert script_of(text) == script


def test_an_unknown_word_is_an_error():
    with pytest.raises(ValueError, match="knows no evnts"):
        script_of(b"evnts=3")


@pytest.mark.parametrize("size", [400, 1024, 32 * 1024])
def test_the_script_is_found_in_a_body_of_any_size(size):
    body = Load(mock="events=3,pause=1", stream=True, size=size).body()
    assert abs(len(body) - size) < 200
    assert Scripts().of(body) == Script(events=3, pause=0.001)


def test_a_body_without_a_script_asks_for_json():
    assert Scripts().of(Load().body()) == Script()


@pytest.mark.parametrize("cut", [0, 10, 30, 57])
def test_a_request_is_complete_when_its_body_is(cut):
    whole = b"POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"
    assert body_of(whole) == b"0123456789"
    assert body_of(whole[:cut]) is None


def test_the_answer_is_as_long_as_it_says():
    head, _, body = ANSWER.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body)["object"] == "chat.completion"


@pytest.mark.parametrize("chunks", [ROLE, LAST, content()], ids=["role", "last", "content"])
def test_chunks_are_as_long_as_they_say(chunks):
    while chunks and not chunks.startswith(b"0\r\n"):
        size, _, rest = chunks.partition(b"\r\n")
        data, chunks = rest[: int(size, 16)], rest[int(size, 16) :]
        assert data.startswith(b"data: ")
        assert data.endswith(b"\n\n")
        assert chunks.startswith(b"\r\n")
        chunks = chunks[2:]
    assert chunks in (b"", b"0\r\n\r\n")


async def test_the_upstream_in_memory_says_the_same():
    call = Call(method="POST", url="http://127.0.0.1:9/v1", headers=())
    reply = await CannedTransport(events=3).send(call, timeouts=Timeouts(), deadline=1.0)
    parts = []
    while part := await reply.receive(1.0):
        parts.append(part)
    assert len(parts) == 1 + 3 + 2
    assert parts[-1] == b"data: [DONE]\n\n"
    assert all(json.loads(part.removeprefix(b"data: "))["choices"] for part in parts[:-1])
