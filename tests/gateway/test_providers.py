"""One gateway, three callers' dialects, and a mock of each provider on a real socket: everybody is served."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from llmgw_middleware.testing.mock import create_mock
from llmgw_middleware.testing.mock_server import MockServer
from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, sse
from tests.gateway.asking import ask, error_of, gateway, header, said

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
COUNT, EMBEDDINGS = "/v1/messages/count_tokens", "/v1/embeddings"
APIS = ("chat", "messages", "gemini", "converse")
USER = [{"role": "user", "content": "Hello"}]
ASKED: dict[str, dict[str, Any]] = {
    CHAT: {"model": "claude-haiku-4-5", "messages": USER},
    MESSAGES: {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": USER},
    RESPONSES: {"model": "claude-haiku-4-5", "input": "Hello"},
}
ENDS = {CHAT: b"data: [DONE]\n\n", MESSAGES: b'data: {"type":"message_stop"}\n\n', RESPONSES: b""}


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(create_mock("eve", latency=0.0, gap=0.0)) as running:
        yield running


def config(*backends: dict[str, Any], **route: Any) -> dict[str, Any]:
    paths = [CHAT, MESSAGES, RESPONSES, EMBEDDINGS]
    return {
        "routes": [{"name": "all", "path": paths, "backend": backends[0]["name"], **route}],
        "backends": list(backends),
    }


def mocked(server: MockServer, api: str, **more: Any) -> dict[str, Any]:
    url = f"{server.url}/v1" if api == "chat" else server.url
    return {"name": api, "provider": "mock", "api": api, "url": url, "apiKey": "k", **more}


def text_of(path: str, body: Any) -> str:
    if path == CHAT:
        return str(body["choices"][0]["message"]["content"])
    if path == MESSAGES:
        return str(body["content"][0]["text"])
    return str(body["output"][0]["content"][0]["text"])


def streamed(path: str, data: bytes) -> str:
    events = [
        json.loads(line[5:])
        for line in data.split(b"\n")
        if line.startswith(b"data:") and b"[DONE]" not in line
    ]
    if path == CHAT:
        return "".join(c["delta"].get("content") or "" for event in events for c in event["choices"])
    if path == MESSAGES:
        return "".join(
            event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta"
        )
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("path", ASKED)
async def test_every_caller_is_served_by_every_backend(server, path, api):
    async with gateway(config(mocked(server, api))) as gw:
        whole = await ask(gw, path=path, body=ASKED[path])
        stream = await ask(gw, path=path, body={**ASKED[path], "stream": True})
        data = await said(stream)
    assert whole.status == stream.status == 200
    text = text_of(path, json.loads(whole.body))
    assert "eve" in text
    assert streamed(path, data) == text
    assert data.endswith(ENDS[path])


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("path", ASKED)
async def test_a_stream_that_is_cut_off_is_told_in_band_to_every_caller(server, path, api):
    body = {**ASKED[path], "model": "claude-haiku-4-5+cut=2", "stream": True}
    async with gateway(config(mocked(server, api))) as gw:
        data = await said(await ask(gw, path=path, body=body))
    assert b"upstream_stream_truncated" in data or b'"type":"error"' in data
    assert b"[DONE]" not in data
    assert b"message_stop" not in data
    assert b"response.completed" not in data


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("error=401", 502, "upstream_auth_failed"),
        ("error=404", 404, "model_not_found"),
        ("error=insufficient_quota", 429, "insufficient_quota"),
        ("error=context_length_exceeded", 400, "context_length_exceeded"),
    ],
)
async def test_errors_of_every_backend_are_told_alike(server, api, fault, status, code):
    body = {**ASKED[CHAT], "model": f"claude-haiku-4-5+{fault}"}
    async with gateway(config(mocked(server, api))) as gw:
        found = await ask(gw, body=body)
    assert (found.status, error_of(found)["code"]) == (status, code)


@pytest.mark.parametrize("api", APIS)
async def test_a_failing_backend_of_one_api_is_replaced_by_one_of_another(server, api):
    first = {**mocked(server, api), "name": "first", "model": "mock-error-503"}
    other = mocked(server, next(other for other in APIS if other != api))
    async with gateway(config(first, other, fallback=[other["name"]], retry={"maxAttempts": 1})) as gw:
        found = await ask(gw, body=ASKED[CHAT])
    assert found.status == 200
    assert "eve" in text_of(CHAT, json.loads(found.body))


@pytest.mark.parametrize("api", ["gemini", "converse"])
async def test_tokens_are_counted_by_the_backend(server, api):
    async with gateway(config(mocked(server, api))) as gw:
        found = await ask(gw, path=COUNT, body={"model": "m", "messages": USER})
    assert json.loads(found.body) == {"input_tokens": 5}
    assert header(found, "x-llmgw-estimated") is None


async def test_a_count_that_the_backend_refuses_is_estimated_and_marked(server):
    async with gateway(config(mocked(server, "converse"))) as gw:
        found = await ask(gw, path=COUNT, body={"model": "mock-error-400", "messages": USER})
    assert (found.status, header(found, "x-llmgw-estimated")) == (200, "true")


# api, model, the length of a vector
EMBEDDERS = {
    "gemini": ("gemini", "gemini-embedding-001", 4),
    "titan": ("converse", "amazon.titan-embed-text-v2:0", 4),
    "nova": ("converse", "amazon.nova-2-multimodal-embeddings-v1:0", 8),
    "cohere": ("converse", "cohere.embed-v4:0", 8),
}


@pytest.mark.parametrize("case", EMBEDDERS.values(), ids=EMBEDDERS)
async def test_every_embedder_embeds_several_texts_in_order(server, case):
    api, model, length = case
    body = {"model": model, "input": ["a", "b", "a"], "dimensions": 4}
    async with gateway(config(mocked(server, api))) as gw:
        plain = json.loads((await ask(gw, path=EMBEDDINGS, body=body)).body)
        packed = json.loads((await ask(gw, path=EMBEDDINGS, body={**body, "encoding_format": "base64"})).body)
    rows = [row["embedding"] for row in plain["data"]]
    assert [len(row) for row in rows] == [length] * 3
    assert rows[0] == rows[2] != rows[1]
    assert plain["usage"]["prompt_tokens"] > 0
    decoded = struct.unpack(f"<{length}f", base64.b64decode(packed["data"][1]["embedding"]))
    assert list(decoded) == pytest.approx(rows[1], abs=1e-6)


async def test_one_failing_call_of_several_fails_the_attempt(server):
    body = {"model": "amazon.titan-embed-text-v2:0", "input": ["a", "b"]}
    server.mock.control(match={"model": "amazon.titan*"}, error=404, rate=0.5, times=1)
    async with gateway(config(mocked(server, "converse"))) as gw:
        found = await ask(gw, path=EMBEDDINGS, body=body)
    server.mock.rules.clear()
    assert (found.status, error_of(found)["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("api", "body", "param"),
    [
        ("gemini", {"input": [1, 2]}, "input"),
        ("converse", {"input": [[1, 2]]}, "input"),
        ("gemini", {"input": "a", "odd": 1}, "odd"),
        ("converse", {"model": "cohere.embed-english-v3", "input": "a", "dimensions": 4}, "dimensions"),
    ],
)
async def test_what_cannot_be_embedded_is_refused_by_name(server, api, body, param):
    async with gateway(config(mocked(server, api))) as gw:
        found = await ask(gw, path=EMBEDDINGS, body={"model": "amazon.titan-embed-text-v2:0", **body})
    assert (found.status, error_of(found)["param"]) == (400, param)


async def test_anthropic_has_no_embeddings(server):
    async with gateway(config(mocked(server, "messages"))) as gw:
        found = await ask(gw, path=EMBEDDINGS, body={"model": "m", "input": "a"})
    assert found.status == 404


RESPONSE = {
    "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5", "error": None, "new": {"n": 1.0},
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}],
    "usage": {"input_tokens": 3, "output_tokens": 2},
}  # fmt: skip


def openai(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "one", "provider": "openai", "url": f"{url}/v1", "apiKey": "k", **more}


async def test_responses_pass_through_where_they_are_served():
    with ScriptedUpstream() as up:
        up.default(answer(json=RESPONSE))
        body = {"model": "gpt-5", "input": "hi", "previous_response_id": "resp_0", "odd": {"n": 1.50}}
        async with gateway(config(openai(up.url))) as gw:
            found = await ask(gw, path=RESPONSES, body=body)
        assert up.requests[0].path == "/v1/responses"
        assert b'{"n": 1.5}' in up.requests[0].body
    assert json.loads(found.body) == RESPONSE
    assert found.decision is not None
    assert found.decision.usage is not None
    assert found.decision.usage.input == 3


def told(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


async def test_a_stream_of_a_response_is_forwarded_byte_for_byte():
    events = [
        told("response.created", response={"id": "r", "model": "gpt-5"}),
        told("response.something_new", x=1.50),
        told("response.output_text.delta", delta="hi"),
        told("response.completed", response=RESPONSE),
    ]
    with ScriptedUpstream() as up:
        up.default(sse([*events, b"data: [DONE]\n\n"]))
        async with gateway(config(openai(up.url))) as gw:
            found = await ask(gw, path=RESPONSES, body={"model": "gpt-5", "input": "hi", "stream": True})
            assert await said(found) == b"".join(events)
    assert found.decision is not None
    assert found.decision.usage is not None


@pytest.mark.parametrize(
    "last", [b"", told("response.failed", response={"error": {"code": "server_error", "message": "boom"}}), told("error", message="boom")]
)  # fmt: skip
async def test_a_response_that_fails_in_mid_stream_is_no_success(last):
    with ScriptedUpstream() as up:
        up.default(
            sse(
                [told("response.created", response={}), told("response.output_text.delta", delta="hi"), last],
                gap=0.05,
            )
        )
        async with gateway(config(openai(up.url))) as gw:
            data = await said(
                await ask(gw, path=RESPONSES, body={"model": "m", "input": "a", "stream": True})
            )
    assert b"event: response.failed" in data
    assert b"response.completed" not in data


async def test_a_response_that_fails_before_it_said_anything_is_asked_for_again():
    with ScriptedUpstream() as up:
        failed = told("response.failed", response={"error": {"code": "server_error", "message": "boom"}})
        up.script(
            sse([told("response.created", response={}), failed]),
            sse([told("response.completed", response=RESPONSE)]),
        )
        async with gateway(config(openai(up.url), retry={"initialInterval": "1ms"})) as gw:
            found = await ask(gw, path=RESPONSES, body={"model": "m", "input": "a", "stream": True})
            assert b"response.completed" in await said(found)
        assert len(up.requests) == 2


async def test_what_needs_a_memory_is_refused_where_there_is_none(server):
    async with gateway(config(mocked(server, "gemini"))) as gw:
        found = await ask(gw, path=RESPONSES, body={**ASKED[RESPONSES], "previous_response_id": "resp_1"})
    assert (found.status, error_of(found)["param"]) == (400, "previous_response_id")


async def test_a_chat_is_served_by_a_backend_that_has_only_responses():
    with ScriptedUpstream() as up:
        up.default(answer(json=RESPONSE))
        async with gateway(config(openai(up.url, api="responses"))) as gw:
            found = await ask(gw, body={"model": "gpt-5", "messages": USER})
        assert up.requests[0].path == "/v1/responses"
        assert up.requests[0].json["store"] is False
    assert text_of(CHAT, json.loads(found.body)) == "hi"


@pytest.mark.parametrize(
    ("model", "where"), [("gpt-5.1-codex", "/v1/responses"), ("gpt-5.2", "/v1/chat/completions")]
)
async def test_a_model_that_has_only_responses_is_asked_there_and_others_are_not(model, where):
    completion = {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
    }
    with ScriptedUpstream() as up:
        up.default(lambda seen: answer(json=RESPONSE if seen.path == "/v1/responses" else completion))
        async with gateway(config(openai(up.url))) as gw:
            found = await ask(gw, body={"model": model, "messages": USER})
        assert up.requests[0].path == where
    assert text_of(CHAT, json.loads(found.body)) == "hi"


async def test_a_stream_of_a_model_that_has_only_responses_is_a_stream_of_a_chat():
    delta = told("response.output_text.delta", delta="hi")
    with ScriptedUpstream() as up:
        up.default(
            sse([told("response.created", response={}), delta, told("response.completed", response=RESPONSE)])
        )
        async with gateway(config(openai(up.url))) as gw:
            data = await said(await ask(gw, body={"model": "gpt-5-codex", "messages": USER, "stream": True}))
    assert streamed(CHAT, data) == "hi"
    assert data.endswith(b"data: [DONE]\n\n")


async def test_what_a_backend_cannot_be_told_is_refused_or_dropped_and_named(server):
    body = {**ASKED[CHAT], "logit_bias": {"1": 1}}
    async with gateway(config(mocked(server, "converse"))) as gw:
        refused = await ask(gw, body=body)
    async with gateway(config(mocked(server, "converse", onUnsupported="drop"))) as gw:
        dropped = await ask(gw, body=body)
    assert (refused.status, error_of(refused)["param"]) == (400, "logit_bias")
    assert (dropped.status, header(dropped, "x-llmgw-dropped")) == (200, "logit_bias")


async def test_bedrock_is_called_signed_and_by_an_encoded_model(server):
    with ScriptedUpstream() as up:
        up.default(answer(400, json={"message": "no"}, headers={"x-amzn-errortype": "ValidationException"}))
        backend = {
            "name": "aws", "provider": "bedrock", "region": "eu-west-1", "url": up.url, "auth": "sigv4",
            "apiKey": "AKID:secret", "model": "eu.amazon.nova-pro-v1:0",
        }  # fmt: skip
        async with gateway(config(backend)) as gw:
            found = await ask(gw, body=ASKED[CHAT])
        seen = up.requests[0]
    assert seen.path == "/model/eu.amazon.nova-pro-v1%3A0/converse"
    assert "/eu-west-1/bedrock/aws4_request" in (seen.header("authorization") or "")
    assert (found.status, error_of(found)["message"]) == (400, "no")


async def test_vertex_is_called_below_its_project():
    with ScriptedUpstream() as up:
        up.default(
            answer(json={"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]})
        )
        backend = {
            "name": "vertex", "provider": "gemini", "project": "p-1", "location": "us-central1", "url": up.url,
            "apiKey": "ya29.token", "model": "gemini-2.5-pro",
        }  # fmt: skip
        async with gateway(config(backend)) as gw:
            found = await ask(gw, body=ASKED[CHAT])
        seen = up.requests[0]
    place = "/v1beta1/projects/p-1/locations/us-central1/publishers/google"
    assert seen.path == f"{place}/models/gemini-2.5-pro:generateContent"
    assert seen.header("authorization") == "Bearer ya29.token"
    assert text_of(CHAT, json.loads(found.body)) == "hi"


async def test_what_continues_a_response_goes_where_that_is_kept():
    with ScriptedUpstream() as one, ScriptedUpstream() as two:
        one.default(answer(json={**RESPONSE, "id": "resp_one"}))
        two.default(answer(json={**RESPONSE, "id": "resp_two"}))
        members = [openai(one.url), {**openai(two.url), "name": "two"}]
        pool = {"name": "pool", "type": "pool", "backends": members, "fallback": True}
        async with gateway(config(pool)) as gw:
            first = json.loads((await ask(gw, path=RESPONSES, body={"model": "m", "input": "a"})).body)
            more = {"model": "m", "input": "b", "previous_response_id": first["id"]}
            for _ in range(4):
                found = await ask(gw, path=RESPONSES, body=more)
                assert json.loads(found.body)["id"] == first["id"]
            gw.reload()
            assert json.loads((await ask(gw, path=RESPONSES, body=more)).body)["id"] == first["id"]


async def test_a_response_that_no_backend_of_the_route_keeps_is_refused():
    with ScriptedUpstream() as one, ScriptedUpstream() as two:
        one.default(answer(json={**RESPONSE, "id": "resp_one"}))
        routes = [
            {"name": "a", "path": RESPONSES, "headers": {"x-to": "two"}, "backend": "two"},
            {"name": "b", "path": RESPONSES, "backend": "one"},
        ]
        backends = [openai(one.url), {**openai(two.url), "name": "two"}]
        async with gateway({"routes": routes, "backends": backends}) as gw:
            await ask(gw, path=RESPONSES, body={"model": "m", "input": "a"})
            more = {"model": "m", "input": "b", "previous_response_id": "resp_one"}
            found = await ask(gw, path=RESPONSES, body=more, headers={"x-to": "two"})
        assert (found.status, error_of(found)["param"], two.requests) == (400, "previous_response_id", [])
