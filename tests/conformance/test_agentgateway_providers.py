"""agentgateway's cases of translation to and from Gemini, Bedrock and Responses, compared by what they mean.

Compared are roles, texts, media, calls and results with their JSON, limits, the names of tools, finish, counts and
vectors, never bytes. Where the two projects decide otherwise on purpose the case says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmgw_middleware.dialect.anthropic_chat import MessagesCaller
from llmgw_middleware.dialect.bedrock_embed import BedrockEmbeddings
from llmgw_middleware.dialect.chat_port import CallerChat, Means, Terms, UpstreamChat
from llmgw_middleware.dialect.converse import ConverseUpstream
from llmgw_middleware.dialect.gemini import GeminiUpstream
from llmgw_middleware.dialect.gemini_embed import GeminiEmbeddings
from llmgw_middleware.dialect.openai_chat import ChatCaller
from llmgw_middleware.dialect.port import Asked
from llmgw_middleware.dialect.responses import ResponsesCaller, ResponsesUpstream
from tests.dialect.chat_events import SCENE, gathered, minted, run
from tests.fixtures import fixture_params, fixture_path

CALLERS: dict[str, CallerChat] = {
    "openai-chat-completions": ChatCaller(),
    "anthropic-messages": MessagesCaller(),
    "openai-responses": ResponsesCaller(),
}
UPSTREAMS: dict[str, UpstreamChat] = {
    "vertex-gemini generateContent": GeminiUpstream(),
    "bedrock-converse": ConverseUpstream(),
    "openai-responses": ResponsesUpstream(),
}
BEDROCK = "anthropic.claude-3-5-sonnet-20241022-v2:0"

LEFT_OUT: Mapping[str, str] = {
    "completions__full__bedrock": "its schema for any JSON is invented there; here any JSON is refused",
    "messages__server_tools__bedrock": "a server's tool is refused here, or dropped and named",
}


def cases(kind: str, *, to: Mapping[str, Any], of: Mapping[str, Any]) -> list[Any]:
    def found(folder: Path) -> Iterator[tuple[str, Any]]:
        for row in json.loads((folder / "llm-index.json").read_bytes())[kind]:
            if (
                row["input_format"] in of
                and row["output_format"] in to
                and row["input_format"] != row["output_format"]
            ):
                yield row["id"], json.loads((folder / kind / f"{row['id']}.json").read_bytes())

    return fixture_params("agentgateway", found)


def fields_of(body: Any) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(body).encode(), type=dict[str, msgspec.Raw])


def told_by_converse(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "turns": [
            (m["role"], converse_part(block))
            for m in body["messages"]
            for block in m["content"]
            if "cachePoint" not in block
        ],
        "system": [block["text"] for block in body.get("system", ()) if "text" in block],
        "limit": body.get("inferenceConfig", {}).get("maxTokens"),
        "tools": [
            tool["toolSpec"]["name"]
            for tool in body.get("toolConfig", {}).get("tools", ())
            if "toolSpec" in tool
        ],
    }


def converse_part(block: Mapping[str, Any]) -> Any:
    if "toolUse" in block:
        return ("call", block["toolUse"]["name"], block["toolUse"]["input"])
    if "toolResult" in block:
        return ("result", [part.get("text") for part in block["toolResult"]["content"]])
    if "document" in block:
        return ("document", block["document"]["format"], block["document"]["source"])
    return block


def told_by_gemini(body: Mapping[str, Any]) -> dict[str, Any]:
    config = body.get("generationConfig", {})
    return {
        "turns": [(c["role"], gemini_part(part)) for c in body["contents"] for part in c["parts"]],
        "system": [part["text"] for part in body.get("systemInstruction", {}).get("parts", ())],
        "tools": [f["name"] for tool in body.get("tools", ()) for f in tool.get("functionDeclarations", ())],
        "choice": body.get("toolConfig"),
        "thinks": "thinkingConfig" in config,
        "format": config.get("responseMimeType"),
        "plain": {
            name: value
            for name, value in config.items()
            if name not in {"thinkingConfig", "responseSchema", "responseJsonSchema", "responseMimeType"}
        },
    }


def gemini_part(part: Mapping[str, Any]) -> Any:
    if "functionCall" in part:
        return ("call", part["functionCall"]["name"], part["functionCall"]["args"])
    if "functionResponse" in part:
        return (
            "result",
            part["functionResponse"]["name"],
            list(part["functionResponse"]["response"].values()),
        )
    return {name: value for name, value in part.items() if name != "thoughtSignature"}


def told_by_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "items": [item_of(item) for item in body["input"]],
        "limit": body.get("max_output_tokens"),
        "tools": [tool.get("name") for tool in body.get("tools", ())],
        "effort": (body.get("reasoning") or {}).get("effort"),
    }


def item_of(item: Mapping[str, Any]) -> Any:
    if item["type"] == "function_call":
        return ("call", item["call_id"], item["name"], json.loads(item["arguments"]))
    if item["type"] == "function_call_output":
        return ("result", item["call_id"], item["output"])
    return (item["role"], item["content"])


TOLD = {
    "vertex-gemini generateContent": told_by_gemini,
    "bedrock-converse": told_by_converse,
    "openai-responses": told_by_responses,
}
NO_LIMIT = {"limit": "Bedrock needs no limit, and none is made up"}
DECLARED = {"tools": "the tools of the conversation are declared by their names, and none is made up"}
OTHERWISE: Mapping[str, Mapping[str, str]] = {
    "completions__parallel-tool-call__bedrock": NO_LIMIT | DECLARED,
    "completions__reasoning__bedrock": NO_LIMIT,
    "completions__reasoning__vertex-gemini": {"thinks": "a model of that name is known not to think"},
    "completions__reasoning_replay__bedrock": NO_LIMIT,
    "completions__tool-call__bedrock": NO_LIMIT | DECLARED,
    "messages__responses_agent_subset__responses": {"items": "several instructions keep their boundaries"},
    "messages__tool_history_without_tools__bedrock": DECLARED,
    "responses__parallel-tool-call__bedrock": DECLARED,
}
"""What a case is not asked for, and why."""

AS_THOUGHTS = "thoughts are an item of their own, not a message"
TOLD_OTHERWISE: Mapping[str, str] = {
    "bedrock__reasoning__bedrock-responses": AS_THOUGHTS,
    "bedrock__reasoning_unsigned__bedrock-responses": AS_THOUGHTS,
    "bedrock__reasoning__bedrock-responses-streaming": AS_THOUGHTS,
}
"""Answers that are told differently on purpose, and why."""


@pytest.mark.parametrize("case", cases("llm-requests", to=UPSTREAMS, of=CALLERS))
def test_a_request_means_the_same(case):
    if case["id"] in LEFT_OUT:
        pytest.skip(LEFT_OUT[case["id"]])
    upstream = UPSTREAMS[case["output_format"]]
    request = CALLERS[case["input_format"]].read_request(fields_of(case["input"]), ())
    model = BEDROCK if case["output_format"] == "bedrock-converse" else case["input"]["model"]
    written = upstream.write_request(request, Terms(model=model, on_unsupported="drop", max_tokens=4096))
    told = TOLD[case["output_format"]]
    found, wanted = told(json.loads(written.body)), told(case["expected"])
    exempt = OTHERWISE.get(case["id"], {})
    for name, value in found.items():
        assert name in exempt or value == wanted[name], name
    assert all(found[name] != wanted[name] for name in exempt), "an exemption that is not needed any more"


@pytest.mark.parametrize("case", cases("llm-responses", to=CALLERS, of=UPSTREAMS))
def test_an_answer_means_the_same(case):
    reply = UPSTREAMS[case["input_format"]].read_reply(json.dumps(case["input"]).encode(), SCENE)
    found = json.loads(CALLERS[case["output_format"]].write_reply(reply, SCENE))
    same = meant(case["output_format"], found) == meant(case["output_format"], case["expected"])
    assert same == (case["id"] not in TOLD_OTHERWISE)


def meant(form: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    if form == "openai-chat-completions":
        choice = answer["choices"][0]
        message = choice["message"]
        calls = [
            (c["function"]["name"], json.loads(c["function"]["arguments"]))
            for c in message.get("tool_calls") or ()
        ]
        usage = answer["usage"]
        return {
            "text": message.get("content") or "",
            "thoughts": message.get("reasoning_content") or "",
            "calls": calls,
            "finish": choice["finish_reason"],
            "usage": (usage["prompt_tokens"], usage["completion_tokens"]),
        }
    if form == "anthropic-messages":
        blocks = [block for block in answer["content"] if block["type"] in {"text", "tool_use", "thinking"}]
        said = [
            (b["type"], b.get("text") or b.get("thinking") or (b.get("name"), b.get("input"))) for b in blocks
        ]
        usage = answer["usage"]
        return {
            "said": said,
            "finish": answer["stop_reason"],
            "usage": (usage["input_tokens"], usage["output_tokens"]),
        }
    items = [item for item in answer["output"] if item["type"] in {"message", "function_call"}]
    usage = answer["usage"]
    return {
        "items": [item.get("arguments") or [part.get("text") for part in item["content"]] for item in items],
        "status": answer["status"],
        "usage": (usage["input_tokens"], usage["output_tokens"]),
    }


@pytest.mark.parametrize("case", cases("llm-streams", to=CALLERS, of=UPSTREAMS))
def test_a_stream_means_the_same(case):
    folder = fixture_path("agentgateway") / "llm-streams"
    kind = (
        "application/vnd.amazon.eventstream" if case["input_file"].endswith(".bin") else "text/event-stream"
    )
    decoder = UPSTREAMS[case["input_format"]].decoder(SCENE, kind)
    events = run(decoder, (folder / case["input_file"]).read_bytes(), [64])
    encoder = CALLERS[case["output_format"]].encoder(SCENE)
    found = (encoder.write(events) + encoder.close()).decode()
    expected = (folder / case["expected_file"]).read_text()
    same = texts_of(case["output_format"], found) == texts_of(case["output_format"], expected)
    assert same == (case["id"] not in TOLD_OTHERWISE)
    assert gathered(events).choices


def texts_of(form: str, stream: str) -> tuple[str, str]:
    """Text and arguments of a stream."""
    events = [
        json.loads(line[5:])
        for line in stream.splitlines()
        if line.startswith("data:") and "[DONE]" not in line
    ]
    text = arguments = ""
    for event in events:
        if form == "openai-chat-completions":
            for choice in event.get("choices", ()):
                text += choice["delta"].get("content") or ""
                for call in choice["delta"].get("tool_calls") or ():
                    arguments += call.get("function", {}).get("arguments") or ""
        elif form == "anthropic-messages":
            text += event.get("delta", {}).get("text", "") if event["type"] == "content_block_delta" else ""
            arguments += (
                event.get("delta", {}).get("partial_json", "")
                if event["type"] == "content_block_delta"
                else ""
            )
        else:
            text += event["delta"] if event["type"] == "response.output_text.delta" else ""
            arguments += event["delta"] if event["type"] == "response.function_call_arguments.delta" else ""
    return text, arguments


EMBEDDED = {
    "bedrock-cohere-embeddings (InvokeModel)": "cohere.embed-english-v3",
    "bedrock-titan-embeddings (InvokeModel)": "amazon.titan-embed-text-v2:0",
    "bedrock-nova-embeddings (InvokeModel)": "amazon.nova-2-multimodal-embeddings-v1:0",
    "vertex predict (embeddings)": "text-embedding-004",
}


def means(**place: str) -> Means:
    def terms(model: str | None, _: Any) -> Terms:
        return Terms(model=model, on_unsupported="drop", place=place)

    return Means(
        terms=terms,
        mint=minted,
        clock=lambda: 0.0,
        estimate=lambda *_: 1,
        learn=lambda *_: None,
        max_event=1 << 20,
    )


@pytest.mark.parametrize("case", cases("llm-requests", to=EMBEDDED, of={"openai-embeddings": 1}))
def test_texts_are_sent_to_be_embedded_the_same(case):
    model = EMBEDDED[case["output_format"]]
    talk = (
        GeminiEmbeddings(means(project="p"))
        if "vertex" in case["output_format"]
        else BedrockEmbeddings(means())
    )
    sent = json.loads(talk.outgoing(Asked(fields=fields_of(case["input"]), raw=b"", model=model)).body)
    expected = case["expected"]
    # What a text is for is the caller's to say; where nobody says it each project takes what it thinks is usual.
    for body in (sent, expected):
        body.pop("input_type", None)
        for instance in body.get("instances", ()):
            instance.pop("task_type", None)
            instance.pop("title", None)
    if "instances" in sent:
        assert sent["instances"] == expected["instances"]
    else:
        assert sent == expected
