from __future__ import annotations

import json

import pytest

from llmgw_middleware.dialect.openai import OpenAIChat, OpenAIEmbeddings
from llmgw_middleware.dialect.openai_usage import read_usage
from llmgw_middleware.dialect.port import MalformedReply, Outgoing
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.model.usage import Usage

PLAIN = profile("openai")
ASKED = Outgoing(path="", headers=(), body=b"")
CHAT = OpenAIChat(PLAIN, ask_usage=True)


def test_a_completion_is_forwarded_unchanged_and_read():
    body = b'{ "model": "gpt-4o-2024", "choices": [{"x": 1.50}], "usage": {"prompt_tokens": 3, "completion_tokens": 2} }'
    receipt = CHAT.read_reply(ASKED, body, "application/json")
    assert (receipt.body, receipt.model, receipt.usage) == (body, "gpt-4o-2024", Usage(input=3, output=2))


def test_embeddings_are_forwarded_unchanged_and_read():
    body = b'{"object":"list","data":[{"embedding":[0.10,1e-9]}],"model":"e-1","usage":{"prompt_tokens":4,"total_tokens":4}}'
    receipt = OpenAIEmbeddings(PLAIN).read_reply(ASKED, body, "application/json")
    assert (receipt.body, receipt.model, receipt.usage) == (body, "e-1", Usage(input=4))


def test_an_answer_without_usage_and_model_is_an_answer():
    receipt = CHAT.read_reply(ASKED, b'{"choices":[]}', "application/json")
    assert (receipt.model, receipt.usage) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html></html>", id="html"),
        pytest.param(b'{"choices":[', id="cut"),
        pytest.param(b'{"choices":[]} trailing', id="trailing"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="no-list"),
        pytest.param(b'{"choices":null}', id="null"),
        pytest.param(b'{"choices":{}}', id="object"),
        pytest.param(b'{"data":[]}', id="another-operation"),
        pytest.param(b'{"error":{"message":"boom"}}', id="error"),
        pytest.param(b'{"error":{"message":"boom"},"choices":[]}', id="error-beside-choices"),
        pytest.param(b'{"choices":[],"id":"\xff"}', id="invalid-utf-8"),
        pytest.param(b"[" * 5000, id="too-deep"),
    ],
)
def test_a_success_that_is_no_completion_is_malformed(body):
    with pytest.raises(MalformedReply):
        CHAT.read_reply(ASKED, body, "application/json")


@pytest.mark.parametrize("body", [b"{}", b'{"data":{}}', b'{"choices":[]}', b"x"])
def test_a_success_that_is_no_list_of_embeddings_is_malformed(body):
    with pytest.raises(MalformedReply):
        OpenAIEmbeddings(PLAIN).read_reply(ASKED, body, "application/json")


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        pytest.param({"prompt_tokens": 9, "completion_tokens": 3}, Usage(input=9, output=3), id="plain"),
        pytest.param(
            {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
            Usage(input=9, output=3, cached=4),
            id="cached",
        ),
        pytest.param(
            {
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(input=9, output=3, reasoning=2),
            id="reasoning",
        ),
        pytest.param(
            {"prompt_tokens": 2, "prompt_tokens_details": {"cached_tokens": 7}},
            Usage(input=2, cached=2),
            id="more",
        ),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, Usage(), id="zero-is-a-count"),
        pytest.param({"prompt_tokens": 4.0, "completion_tokens": None}, Usage(input=4), id="odd-numbers"),
        pytest.param({"prompt_tokens": -1, "completion_tokens": True}, Usage(), id="no-counts"),
        pytest.param({"prompt_tokens": 1, "prompt_tokens_details": None}, Usage(input=1), id="null-details"),
        pytest.param({"prompt_tokens": float("inf")}, Usage(), id="infinite"),
        pytest.param(None, None, id="null"),
        pytest.param({}, None, id="empty"),
        pytest.param("many", None, id="text"),
    ],
)
def test_usage_is_read_tolerantly(reported, usage):
    assert read_usage(reported) == usage


def test_a_model_that_is_no_text_is_left_out():
    assert (
        CHAT.read_reply(ASKED, json.dumps({"choices": [], "model": 7}).encode(), "application/json").model
        is None
    )
