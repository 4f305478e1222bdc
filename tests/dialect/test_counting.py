"""How a caller of Anthropic's ``count_tokens`` is counted for by OpenAI, Azure and what is like them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from llmgw_middleware.dialect.port import Asked, Conversation, MalformedReply, Operation, Outgoing
from llmgw_middleware.dialect.provider import profile_of
from llmgw_middleware.dialect.registry import conversation
from llmgw_middleware.model.backend import Backend
from tests.dialect.talk import fields_of, means_of

HI = {"role": "user", "content": "Hi"}
SAID = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"x": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}
FUNCTION = {
    "type": "function", "name": "look", "description": "Looks.", "strict": False, "parameters": TOOL["input_schema"],
}  # fmt: skip


def counting(**backend: Any) -> Conversation:
    row = profile_of(Backend(**{"name": "b", "provider": "openai", **backend}))
    found = conversation(Operation.COUNT_TOKENS, row, bare=False, means=means_of(row))
    assert found is not None
    return found


def outgoing(talk: Conversation, **body: Any) -> Outgoing:
    fields = fields_of({"model": "claude", "messages": [HI], **body})
    return talk.outgoing(Asked(fields=fields, raw=b"", model="gpt-5.2"))


# what is asked beside the model, what is sent beside it
WORDED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a message": ({}, {"input": [SAID]}),
    "a system text": ({"system": "Be brief."}, {"instructions": "Be brief.", "input": [SAID]}),
    "tools": (
        {"tools": [TOOL], "tool_choice": {"type": "any"}},
        {"input": [SAID], "tools": [FUNCTION], "tool_choice": "required"},
    ),
    "a tool round": (
        {"messages": [HI, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}]},
        {
            "input": [
                SAID,
                {"type": "function_call", "call_id": "toolu_1", "name": "look", "arguments": '{"x": 1}'},
                {"type": "function_call_output", "call_id": "toolu_1", "output": "seen"},
            ]
        },
    ),
    "an image": (
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        {
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_image", "detail": "auto", "image_url": "https://a.example/x.png"}
                    ],
                }
            ]
        },
    ),
    "what is no input": (
        {"max_tokens": 9, "stream": True, "temperature": 0.5, "metadata": {"user_id": "ann"}, "top_k": 4},
        {"input": [SAID]},
    ),
}


@pytest.mark.parametrize(("asked", "sent"), WORDED.values(), ids=WORDED)
def test_the_input_is_asked_about_in_the_words_of_responses(asked, sent):
    question = outgoing(counting(), **asked)
    assert question.path == "/responses/input_tokens"
    assert json.loads(question.body) == {"model": "gpt-5.2", **sent}


# a backend, whether it is asked
ASKED: dict[str, tuple[dict[str, Any], bool]] = {
    "OpenAI": ({}, True),
    "OpenAI by Responses alone": ({"api": "responses"}, True),
    "Azure": ({"provider": "azure", "url": "https://a.example/openai/v1"}, True),
    "Azure of a date": (
        {"provider": "azure", "url": "https://a.example", "api_version": "2024-10-21"},
        False,
    ),
    "mantle": ({"provider": "bedrock", "api": "mantle/openai", "region": "us-east-1"}, True),
    "a compatible server": ({"provider": "openai-compatible", "url": "http://a.example/v1"}, False),
    "a compatible server that has it": (
        {"provider": "openai-compatible", "url": "http://a.example/v1", "quirks": {"responses": True}},
        True,
    ),
    "OpenAI without it": ({"quirks": {"responses": False}}, False),
}


@pytest.mark.parametrize(("backend", "asks"), ASKED.values(), ids=ASKED)
def test_only_who_serves_responses_is_asked(backend, asks):
    question = outgoing(counting(**backend))
    assert (question.answer is None, question.otherwise is not None) == (asks, asks)


def test_an_estimate_stands_ready_and_is_marked():
    receipt = outgoing(counting()).otherwise
    assert receipt is not None
    assert receipt == msgspec.structs.replace(
        receipt, body=b'{"input_tokens":7}', headers=((b"x-llmgw-estimated", b"true"),)
    )


def test_the_number_is_told_in_anthropics_words():
    talk = counting()
    answer = b'{"object": "response.input_tokens", "input_tokens": 11}'
    receipt = talk.read_reply(outgoing(talk), answer, "application/json")
    assert (receipt.body, receipt.headers) == (b'{"input_tokens":11}', ())


@pytest.mark.parametrize("answer", [b"{}", b'{"input_tokens": "5"}', b'{"input_tokens": true}', b"<html>"])
def test_an_answer_without_a_number_is_no_answer(answer):
    talk = counting()
    with pytest.raises(MalformedReply):
        talk.read_reply(outgoing(talk), answer, "application/json")
