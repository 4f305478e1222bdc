"""agentgateway's own cases of translation, of chat completions and Anthropic messages, compared by what they mean.

Compared are roles, texts, images, tool calls and their arguments as JSON, tools, limits, finish, counts of tokens and
the grammar of streams, never bytes. Where the two projects decide otherwise on purpose the case says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.dialect.anthropic_usage import read_usage as read_anthropic_usage
from llmgw_middleware.dialect.openai_usage import read_usage as read_openai_usage
from tests.conformance.test_chat_translation import Completion, blocks_of, calls_in, text_in
from tests.dialect.talk import ASKED, Message, answer, sent, talk, told
from tests.fixtures import fixture_params, fixture_path

CHAT, MESSAGES = "openai-chat-completions", "anthropic-messages"
NAMES = {CHAT: "chat", MESSAGES: "messages"}

INPUT_INCLUDES_CACHE = (
    "prompt_tokens include what was read from and written to a cache, which is counted apart there"
)
OTHERWISE = {
    "completions__full__anthropic": {
        "stop": "a stop sequence of white space is refused by Anthropic",
        "tools": "legacy functions are tools too",
    },
    "completions__reasoning__anthropic": {"thinks": "a model of that name is known not to think"},
    "messages__cache_control__completions": {
        "messages": "images in the result of a tool are kept, in a message of the user after it"
    },
    "anthropic__basic__messages-completions": {"usage": INPUT_INCLUDES_CACHE},
    "anthropic__thinking__messages-completions": {"usage": INPUT_INCLUDES_CACHE},
    "anthropic__tool__messages-completions": {"usage": INPUT_INCLUDES_CACHE},
    "completions__truncated_tool_call__completions-messages": {
        "calls": "a call that was cut off is left out: its arguments are no object"
    },
}
"""What a case is not asked for, and why."""

LEFT_OUT = {
    "policies__anthropic_with_system__anthropic": "putting prompts around a request is the business of transformations",
}
"""Cases of these dialects that are of another trade."""


def cases(kind: str) -> list[Any]:
    def of(folder: Path) -> Iterator[tuple[str, Any]]:
        for row in json.loads((folder / "llm-index.json").read_bytes())[kind]:
            ends = (row["input_format"], row["output_format"])
            if set(ends) == {CHAT, MESSAGES} and row["id"] not in LEFT_OUT:
                yield row["id"], json.loads((folder / kind / f"{row['id']}.json").read_bytes())

    return fixture_params("agentgateway", of)


def compare(case: dict[str, Any], found: dict[str, Any], wanted: dict[str, Any]) -> None:
    exempt = OTHERWISE.get(case["id"], {})
    for name, value in found.items():
        assert name in exempt or value == wanted[name], name
    assert all(found[name] != wanted[name] for name in exempt), "an exemption that is not needed any more"


def parts_of(content: Any) -> list[Any]:
    """Text and media of a content of either dialect, in order."""
    if content is None:
        return []
    if isinstance(content, str):
        return [content] if content else []
    out: list[Any] = []
    for part in content:
        match part["type"]:
            case "text":
                out += [part["text"]] if part["text"] else []
            case "image_url":
                out.append(("image", part["image_url"]["url"]))
            case "image":
                source = part["source"]
                data = f"data:{source.get('media_type')};base64,{source.get('data')}"
                out.append(("image", source.get("url") or data))
            case "tool_use":
                out.append(("call", part["id"], part["name"], part["input"]))
            case "tool_result":
                out.append(("result", part["tool_use_id"], parts_of(part.get("content"))))
    return out


def flat(messages: list[Any]) -> list[tuple[str, Any]]:
    """Every part with its role; how parts are shared out among messages of one role is no matter."""
    out: list[tuple[str, Any]] = []
    for message in messages:
        role = {"developer": "system", "tool": "user"}.get(message["role"], message["role"])
        parts = parts_of(message.get("content"))
        if message["role"] == "tool":
            parts = [("result", message["tool_call_id"], parts)]
        parts += [
            ("call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
            for call in message.get("tool_calls") or ()
        ]
        out += [(role, part) for part in parts]
    return out


def anthropic_request(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": body["model"],
        "system": parts_of(body.get("system")),
        "messages": flat(body["messages"]),
        "max_tokens": body["max_tokens"],
        "stop": body.get("stop_sequences"),
        "sampling": (body.get("temperature"), body.get("top_p")),
        "tools": body.get("tools"),
        "tool_choice": body.get("tool_choice"),
        "thinks": "thinking" in body,
        "stream": body.get("stream", False),
    }


def chat_request(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": body["model"],
        "messages": flat(body["messages"]),
        "limit": body["max_completion_tokens"],
        "tools": [tool["function"] for tool in body.get("tools", ())],
        "stream": body.get("stream", False),
    }


@pytest.mark.parametrize("case", cases("llm-requests"))
def test_a_request_means_the_same(case):
    caller, upstream = NAMES[case["input_format"]], NAMES[case["output_format"]]
    body = json.loads(sent(talk(caller, upstream, policy="drop", max_tokens=4096), case["input"]).body)
    read = anthropic_request if upstream == "messages" else chat_request
    compare(case, read(body), read(case["expected"]))


def completion_reply(body: dict[str, Any]) -> dict[str, Any]:
    (choice,) = body["choices"]
    message = choice["message"]
    calls = message.get("tool_calls") or ()
    return {
        "model": body["model"],
        "text": message.get("content"),
        "thoughts": message.get("reasoning_content"),
        "calls": [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls],
        "finish": choice["finish_reason"],
        "usage": read_openai_usage(body["usage"]),
    }


def message_reply(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": body["model"],
        "text": text_in(body["content"], "text"),
        "calls": calls_in(body["content"]),
        "finish": body["stop_reason"],
        "usage": read_anthropic_usage(body["usage"]),
    }


@pytest.mark.parametrize("case", cases("llm-responses"))
def test_an_answer_means_the_same(case):
    upstream, caller = NAMES[case["input_format"]], NAMES[case["output_format"]]
    read = message_reply if caller == "messages" else completion_reply
    compare(case, read(answer(caller, upstream, case["input"])), read(case["expected"]))


@pytest.mark.parametrize("case", cases("llm-streams"))
def test_a_stream_means_the_same(case):
    upstream, caller = NAMES[case["input_format"]], NAMES[case["output_format"]]
    folder = fixture_path("agentgateway/llm-streams")
    asked = {"stream_options": {"include_usage": True}} if caller == "chat" else {}
    found = told(
        caller, upstream, (folder / case["input_file"]).read_bytes(), asked={**ASKED[caller], **asked}
    )
    assert found.fault is None
    wanted = json.loads(json.dumps(case["expected_parsed"]))
    assert found.tap.usage is not None
    assert (found.tap.usage.output, found.tap.model) == (wanted["output_tokens"], wanted["provider_model"])
    told_there = (folder / case["expected_file"]).read_text()
    assert said(caller, found.events) == said(caller, events_of(told_there))


def events_of(text: str) -> list[tuple[str, Any]]:
    out = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        data = lines.get("data", "[DONE]")
        out.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return out


def said(caller: str, events: list[tuple[str, Any]]) -> dict[str, Any]:
    if caller == "messages":
        found = blocks_of(data for _, data in events)
        Message(events)
        return {
            "text": text_in(found["blocks"], "text"),
            "calls": calls_in(found["blocks"]),
            "finish": found["stop"],
        }
    completion = Completion(FoundEvents(events))  # type: ignore[arg-type] # only its events are read
    calls = [call["json"] for call in completion.calls.values()]
    return {
        "text": completion.text,
        "thoughts": completion.thoughts,
        "calls": calls,
        "finish": completion.finish,
    }


class FoundEvents:
    """Events that were read elsewhere."""

    def __init__(self, events: list[tuple[str, Any]]) -> None:
        self.events = events
