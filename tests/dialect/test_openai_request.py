from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.openai import OpenAIChat, OpenAIEmbeddings
from llmgw_middleware.dialect.port import Asked, Fields, Outgoing
from llmgw_middleware.dialect.provider import profile

PLAIN = profile("openai")
CHAT = OpenAIChat(PLAIN, ask_usage=True)
BARE = OpenAIChat(PLAIN, ask_usage=False)


def fields(body: bytes) -> Fields:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


def word(
    talk: OpenAIChat | OpenAIEmbeddings, body: bytes, model: str | None = None, *, stream: bool = False
) -> Outgoing:
    return talk.outgoing(Asked(fields=fields(body), raw=body, model=model, stream=stream))


def test_nested_bytes_are_sent_as_they_came():
    body = b'{"model":"a","temperature":1.50,"big":123456789012345678901234567890,"x":{"b": 1e400, "a":"\\u00e9"}}'
    assert word(CHAT, body, "a").body == body


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("gpt-4o", b'{"model":"gpt-4o","messages":[]}', id="replaced"),
        pytest.param("gpt-4", b'{"model":"gpt-4","messages":[]}', id="the-same"),
        pytest.param(None, b'{"model":"gpt-4","messages":[]}', id="not-asked"),
        pytest.param('a"b', b'{"model":"a\\"b","messages":[]}', id="escaped"),
    ],
)
def test_the_model_is_replaced_when_it_differs(model, expected):
    assert word(CHAT, b'{"model":"gpt-4","messages":[]}', model).body == expected


def test_a_model_in_another_spelling_is_the_same_model():
    body = b'{"model":"gp\\u0074-4"}'
    assert word(CHAT, body, "gpt-4").body == body


@pytest.mark.parametrize(
    "body", [b'{"messages":[]}', b'{"messages":[],"model":null}', b'{"messages":[],"model":3}']
)
def test_a_missing_model_is_added(body):
    assert json.loads(word(CHAT, body, "m").body) == {"messages": [], "model": "m"}


def test_duplicate_keys_do_not_survive():
    assert word(CHAT, b'{"model":"a","model":"b"}').body == b'{"model":"b"}'


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(None, {"include_usage": True}, id="absent"),
        pytest.param(b"null", {"include_usage": True}, id="null"),
        pytest.param(b"{}", {"include_usage": True}, id="empty"),
        pytest.param(b'{"include_usage":false}', {"include_usage": True}, id="declined"),
        pytest.param(
            b'{"include_obfuscation":false}',
            {"include_obfuscation": False, "include_usage": True},
            id="merged",
        ),
        pytest.param(b'{"include_usage": true}', {"include_usage": True}, id="asked"),
        pytest.param(b"7", 7, id="no-object"),
    ],
)
def test_streams_are_asked_for_usage(options, expected):
    body = b'{"stream":true' + (b"" if options is None else b',"stream_options":' + options) + b"}"
    assert json.loads(word(CHAT, body, stream=True).body) == {"stream": True, "stream_options": expected}


@pytest.mark.parametrize(
    ("talk", "stream"),
    [(CHAT, False), (BARE, True), (BARE, False), (OpenAIEmbeddings(PLAIN), True)],
    ids=["no-stream", "bare-stream", "bare", "embeddings"],
)
def test_nobody_else_is_asked_for_usage(talk, stream):
    assert word(talk, b'{"model":"m"}', stream=stream).body == b'{"model":"m"}'


@pytest.mark.parametrize(
    ("talk", "path"), [(CHAT, "/chat/completions"), (OpenAIEmbeddings(PLAIN), "/embeddings")]
)
def test_the_path_is_the_operations(talk, path):
    assert word(talk, b"{}").path == path


@pytest.mark.parametrize("talk", [CHAT, OpenAIEmbeddings(PLAIN)], ids=["chat", "embeddings"])
def test_a_body_that_is_no_object_is_sent_as_it_is(talk):
    assert talk.outgoing(Asked(fields=None, raw=b"[1", model="m")).body == b"[1"


@pytest.mark.parametrize("talk", [CHAT, OpenAIEmbeddings(PLAIN)], ids=["chat", "embeddings"])
def test_only_known_headers_of_the_caller_cross(talk):
    theirs = (
        (b"authorization", b"Bearer host"),
        (b"cookie", b"sessionid=1"),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"idempotency-key", b"k1"),
        (b"openai-beta", b"assistants=v2"),
        (b"openai-organization", b"org"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-stainless-lang", b"python"),
        (b"host", b"example.test"),
        (b"content-length", b"2"),
    )
    sent = talk.outgoing(Asked(fields=fields(b"{}"), raw=b"{}", headers=theirs)).headers
    assert dict(sent) == {
        b"content-type": b"application/json",
        b"accept": b"application/json",
        b"idempotency-key": b"k1",
        b"openai-beta": b"assistants=v2",
    }


def test_a_stream_accepts_events():
    assert dict(word(CHAT, b"{}", stream=True).headers)[b"accept"] == b"text/event-stream"


KEYS = st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=4), lambda v: st.lists(v, max_size=3), max_leaves=5
)


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.text(max_size=6) | st.none())
def test_all_but_the_model_stays(body, model):
    sent = json.loads(word(CHAT, json.dumps(body).encode(), model).body)
    assert sent == (body if model is None else {**body, "model": model})
