"""One gateway, callers and backends of two dialects: each is spoken to in its own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, chat, error, sse, stream
from tests.dialect.talk import Message, Told
from tests.gateway.asking import ask, backend, chat_config, error_of, gateway, header, pool, said

CHAT, MESSAGES, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
OPENAI = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
ANTHROPIC = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "hello", "new": {"n": 1.0}}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def anthropic(name: str, url: str, **more: Any) -> dict[str, Any]:
    return backend(name, url, provider="anthropic", **more)


def event(kind: str, **data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **data}).encode())


def events(*texts: str, stop: bool = True) -> list[bytes]:
    said = [
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts
    ]
    end = [
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
        event("message_stop"),
    ]
    begun = {
        "id": "msg_1",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    return [
        event("message_start", message=begun),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *said,
        *(end if stop else []),
    ]


def config(*backends: dict[str, Any], **route: Any) -> dict[str, Any]:
    return chat_config(*backends, route={"path": [CHAT, MESSAGES, "/v1/models"], **route})


async def test_an_openai_caller_is_served_by_an_anthropic_backend():
    with ScriptedUpstream() as up:
        up.default(answer(200, json=MESSAGE))
        async with gateway(config(anthropic("a", up.url))) as gw:
            response = await ask(gw, body=OPENAI)
        seen = up.requests[0]
    assert json.loads(response.body)["choices"][0]["message"]["content"] == "hello"
    assert (seen.path, seen.header("x-api-key"), seen.header("authorization")) == (MESSAGES, "sk-a", None)
    assert (seen.header("anthropic-version"), seen.json["max_tokens"]) == ("2023-06-01", 8192)


async def test_an_openai_caller_streams_from_an_anthropic_backend():
    with ScriptedUpstream() as up:
        up.default(sse(events("hel", "lo"), done=False))
        async with gateway(config(anthropic("a", up.url))) as gw:
            response = await ask(gw, body={**OPENAI, "stream": True})
            data = await said(response)
    assert header(response, "content-type") == "text/event-stream"
    assert data.endswith(b"data: [DONE]\n\n")
    assert b'"content":"hel"' in data
    assert response.decision is not None
    assert (response.decision.outcome, response.decision.usage is not None) == ("served", True)


async def test_an_anthropic_caller_passes_through_to_an_anthropic_backend():
    body = {**ANTHROPIC, "invented": {"x": 1.0}}
    theirs = {
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "b-1,b-2",
        "x-api-key": "no",
        "authorization": "no",
    }
    with ScriptedUpstream() as up:
        up.default(answer(200, json=MESSAGE))
        async with gateway(config(anthropic("a", up.url))) as gw:
            response = await ask(gw, body=body, path=MESSAGES, headers=theirs, query=b"beta=true&x=1")
        seen = up.requests[0]
    assert json.loads(response.body) == MESSAGE
    assert seen.json == body
    assert (seen.path, seen.query) == (MESSAGES, "beta=true")
    names = ("anthropic-version", "anthropic-beta", "x-api-key", "authorization")
    assert [seen.header(name) for name in names] == ["2026-10-21", "b-1,b-2", "sk-a", None]


async def test_a_pinned_version_goes_before_the_callers():
    with ScriptedUpstream() as up:
        up.default(answer(200, json=MESSAGE))
        async with gateway(config(anthropic("a", up.url, apiVersion="2026-10-21"))) as gw:
            await ask(gw, body=ANTHROPIC, path=MESSAGES, headers={"anthropic-version": "2023-06-01"})
        assert up.requests[0].header("anthropic-version") == "2026-10-21"


async def test_an_anthropic_stream_passes_through_byte_for_byte():
    sent = [*events("hel", "lo", stop=False), event("invented", x=1.0), *events(stop=True)[2:]]
    with ScriptedUpstream() as up:
        up.default(sse(sent, done=False))
        async with gateway(config(anthropic("a", up.url))) as gw:
            assert await said(await ask(gw, body={**ANTHROPIC, "stream": True}, path=MESSAGES)) == b"".join(
                sent
            )


async def test_an_anthropic_caller_is_served_by_an_openai_backend():
    with ScriptedUpstream() as up:
        up.default(chat("hello"))
        async with gateway(config(backend("o", up.url))) as gw:
            response = await ask(gw, body=ANTHROPIC, path=MESSAGES)
        assert up.requests[0].path == CHAT
    found = json.loads(response.body)
    assert (found["type"], found["content"], found["stop_reason"]) == (
        "message",
        [{"type": "text", "text": "hello"}],
        "end_turn",
    )


async def test_an_anthropic_caller_streams_from_an_openai_backend():
    with ScriptedUpstream() as up:
        up.default(stream("hel", "lo"))
        async with gateway(config(backend("o", up.url))) as gw:
            data = await said(await ask(gw, body={**ANTHROPIC, "stream": True}, path=MESSAGES))
    message = Message(Told(None, data).events)  # type: ignore[arg-type] # only its events are read
    assert (message.ended, message.blocks) == (True, [{"type": "text", "text": "hello"}])


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_backends_of_different_dialects_stand_in_for_one_another(path):
    body = OPENAI if path == CHAT else ANTHROPIC
    with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.default(answer(529, json=OVERLOADED))
        good.default(chat("hello"))
        members = pool(anthropic("bad", bad.url), backend("good", good.url))
        async with gateway(config(members)) as gw:
            response = await ask(gw, body=body, path=path)
    assert (response.status, b"hello" in response.body) == (200, True)


async def test_an_error_before_content_in_a_stream_moves_on_to_the_other_dialect():
    with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.default(sse([*events(stop=False)[:1], event("error", error=OVERLOADED["error"])], done=False))
        good.default(stream("hello"))
        members = pool(anthropic("bad", bad.url), backend("good", good.url))
        async with gateway(config(members)) as gw:
            data = await said(await ask(gw, body={**ANTHROPIC, "stream": True}, path=MESSAGES))
    assert Message(Told(None, data).events).blocks == [{"type": "text", "text": "hello"}]  # type: ignore[arg-type] # only its events are read


@pytest.mark.parametrize(
    ("path", "mark"), [(CHAT, b'data: {"error":'), (MESSAGES, b'event: error\ndata: {"type":"error"')]
)
async def test_a_failure_after_commit_is_told_in_the_callers_dialect_without_an_end(path, mark):
    body = {**(OPENAI if path == CHAT else ANTHROPIC), "stream": True}
    with ScriptedUpstream() as up:
        up.default(sse(events("hel", stop=False), done=False))
        async with gateway(config(anthropic("a", up.url))) as gw:
            data = await said(await ask(gw, body=body, path=path))
    assert mark in data
    assert not any(end in data for end in (b"[DONE]", b"message_stop", b'"finish_reason":"'))


ERRORS = {
    "overloaded": (answer(529, json=OVERLOADED), (503, "overloaded"), (529, "overloaded_error")),
    "rate limit": (error(429), (429, "rate_limit_exceeded"), (429, "rate_limit_error")),
    "key refused": (error(401), (502, "upstream_auth_failed"), (502, "api_error")),
    "no such model": (error(404), (404, "model_not_found"), (404, "not_found_error")),
    "spent": (
        answer(402, json={"type": "error", "error": {"type": "billing_error", "message": "x"}}),
        (429, "insufficient_quota"),
        (402, "billing_error"),
    ),
    "too long": (
        answer(
            400,
            json={
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "prompt is too long: 9"},
            },
        ),
        (400, "context_length_exceeded"),
        (400, "invalid_request_error"),
    ),
    "failed": (error(500), (502, "upstream_error"), (502, "api_error")),
}


@pytest.mark.parametrize(("script", "chat_told", "messages_told"), ERRORS.values(), ids=ERRORS)
async def test_an_upstreams_error_is_told_in_the_callers_dialect(script, chat_told, messages_told):
    policies = {"retry": {"maxAttempts": 1}}
    with ScriptedUpstream() as up:
        up.default(script)
        async with gateway({**config(anthropic("a", up.url)), "policies": policies}) as gw:
            first = await ask(gw, body=OPENAI)
        async with gateway({**config(anthropic("a", up.url)), "policies": policies}) as gw:
            second = await ask(gw, body=ANTHROPIC, path=MESSAGES)
    found = json.loads(second.body)
    assert (first.status, error_of(first)["code"]) == chat_told
    assert (second.status, found["error"]["type"], found["type"]) == (*messages_told, "error")
    assert found["request_id"] == header(second, "request-id")


async def test_a_prompt_that_is_too_long_says_so_in_anthropics_words():
    too_long = {
        "error": {
            "message": "This model's maximum context length is 9 tokens.",
            "code": "context_length_exceeded",
        }
    }
    with ScriptedUpstream() as up:
        up.default(answer(400, json=too_long))
        async with gateway(config(backend("o", up.url))) as gw:
            response = await ask(gw, body=ANTHROPIC, path=MESSAGES)
    assert json.loads(response.body)["error"]["message"].startswith("prompt is too long")


async def test_what_a_backend_cannot_be_told_is_refused_before_anything_is_sent():
    with ScriptedUpstream() as up:
        async with gateway(config(anthropic("a", up.url))) as gw:
            response = await ask(gw, body={**OPENAI, "seed": 1})
        assert up.requests == []
    error = error_of(response)
    assert (response.status, error["code"], error["param"]) == (400, "unsupported_parameter", "seed")
    assert response.decision is not None
    assert response.decision.attempts == ()


@pytest.mark.parametrize("place", ["route", "backend"])
async def test_what_may_be_dropped_is_dropped_and_named(place):
    drop = {"onUnsupported": "drop"}
    with ScriptedUpstream() as up:
        up.default(answer(200, json=MESSAGE))
        member = anthropic("a", up.url, **(drop if place == "backend" else {}))
        async with gateway(config(member, **(drop if place == "route" else {}))) as gw:
            response = await ask(gw, body={**OPENAI, "seed": 1, "n": 2, "temperature": 1.5})
        assert up.requests[0].json["temperature"] == 1
    assert header(response, "x-llmgw-dropped") == "n, seed, temperature=1"


async def test_names_of_fields_cannot_break_the_header_that_names_them():
    with ScriptedUpstream() as up:
        up.default(answer(200, json=MESSAGE))
        async with gateway(config(anthropic("a", up.url, onUnsupported="drop"))) as gw:
            response = await ask(gw, body={**OPENAI, "a\r\nset-cookie: x": 1, "é" * 5000: 1})
    told = header(response, "x-llmgw-dropped") or ""
    assert told.startswith("a??set-cookie: x, ??")
    assert len(told) == 2000


@pytest.mark.parametrize("path", [MESSAGES, COUNT])
async def test_results_within_results_without_end_are_told_and_no_fault_of_ours(path):
    content: Any = "x"
    for _ in range(300):
        content = [{"type": "tool_result", "tool_use_id": "a", "content": content}]
    with ScriptedUpstream() as up:
        async with gateway(config(backend("o", up.url))) as gw:
            response = await ask(
                gw, body={**ANTHROPIC, "messages": [{"role": "user", "content": content}]}, path=path
            )
        assert up.requests == []
    assert (response.status, json.loads(response.body)["error"]["code"]) == (400, "json_too_deep")


async def test_the_routes_word_goes_before_the_backends():
    with ScriptedUpstream() as up:
        async with gateway(config(anthropic("a", up.url, onUnsupported="drop"), onUnsupported="error")) as gw:
            assert (await ask(gw, body={**OPENAI, "seed": 1})).status == 400


async def test_in_a_pool_a_backend_that_cannot_be_told_is_passed_over():
    with ScriptedUpstream() as first, ScriptedUpstream() as second:
        second.default(chat("hello"))
        members = pool(anthropic("first", first.url), backend("second", second.url))
        async with gateway(config(members)) as gw:
            for _ in range(3):
                response = await ask(gw, body={**OPENAI, "seed": 1})
                assert response.status == 200
        assert first.requests == []
    assert response.decision is not None
    assert [attempt.backend for attempt in response.decision.attempts] == ["second"]


async def test_if_no_backend_can_be_told_the_caller_gets_the_first_reason():
    with ScriptedUpstream() as up:
        members = pool(anthropic("first", up.url), anthropic("second", up.url))
        async with gateway(config(members)) as gw:
            response = await ask(gw, body={**OPENAI, "seed": 1})
        assert up.requests == []
    assert (response.status, error_of(response)["param"]) == (400, "seed")


async def test_a_wrong_request_is_told_in_anthropics_shape():
    with ScriptedUpstream() as up:
        async with gateway(config(backend("o", up.url))) as gw:
            response = await ask(gw, body={**ANTHROPIC, "messages": []}, path=MESSAGES)
        assert up.requests == []
    assert (response.status, json.loads(response.body)["error"]["type"]) == (400, "invalid_request_error")


async def test_tokens_are_counted_by_a_backend_that_can():
    with ScriptedUpstream() as up:
        up.default(answer(200, json={"input_tokens": 12}))
        async with gateway(config(anthropic("a", up.url))) as gw:
            response = await ask(gw, body=ANTHROPIC, path=COUNT)
        assert up.requests[0].path == COUNT
    assert (json.loads(response.body), header(response, "x-llmgw-estimated")) == ({"input_tokens": 12}, None)


OPENAI_COUNTS = {"object": "response.input_tokens", "input_tokens": 12}


async def test_tokens_are_counted_by_openai_where_it_serves_responses():
    with ScriptedUpstream() as up:
        up.default(answer(200, json=OPENAI_COUNTS))
        async with gateway(config(backend("o", up.url, provider="openai"))) as gw:
            response = await ask(gw, body=ANTHROPIC, path=COUNT)
        assert up.requests[0].path == "/v1/responses/input_tokens"
        assert {"model", "input"} <= set(up.requests[0].json) <= {"model", "input", "instructions"}
    assert (json.loads(response.body), header(response, "x-llmgw-estimated")) == ({"input_tokens": 12}, None)


@pytest.mark.parametrize("status", [400, 404, 405])
async def test_tokens_are_estimated_where_openai_refuses_to_count(status):
    with ScriptedUpstream() as up:
        up.default(answer(status, json={"error": {"message": "no such thing"}}))
        async with gateway(config(backend("o", up.url, provider="openai"))) as gw:
            response = await ask(gw, body=ANTHROPIC, path=COUNT)
        assert len(up.requests) == 1
    assert (response.status, header(response, "x-llmgw-estimated")) == (200, "true")
    assert json.loads(response.body)["input_tokens"] > 0


async def test_a_count_that_fails_is_not_estimated():
    with ScriptedUpstream() as up:
        up.default(answer(401, json={"error": {"message": "no"}}))
        async with gateway(config(backend("o", up.url, provider="openai"))) as gw:
            response = await ask(gw, body=ANTHROPIC, path=COUNT)
    assert (response.status, header(response, "x-llmgw-estimated")) == (502, None)


async def test_tokens_are_estimated_where_nobody_counts_and_marked():
    body = {**ANTHROPIC, "messages": [{"role": "user", "content": "word " * 400}]}
    with ScriptedUpstream() as up:
        async with gateway(config(backend("o", up.url))) as gw:
            response = await ask(gw, body=body, path=COUNT)
        assert up.requests == []
    assert 300 < json.loads(response.body)["input_tokens"] < 800
    assert header(response, "x-llmgw-estimated") == "true"


async def test_models_are_listed_in_the_callers_shape():
    aliases = {"models": {"claude-a": "x", "claude-b": "y"}}
    with ScriptedUpstream() as up:
        async with gateway(config(anthropic("a", up.url, **aliases))) as gw:
            theirs = {"anthropic-version": "2023-06-01"}
            listed = await ask(
                gw, body=b"", path="/v1/models", method="GET", headers=theirs, query=b"limit=1"
            )
            plain = await ask(gw, body=b"", path="/v1/models", method="GET")
    found = json.loads(listed.body)
    assert [model["type"] for model in found["data"]] == ["model"]
    assert (found["has_more"], found["first_id"]) == (True, "claude-a")
    assert json.loads(plain.body)["object"] == "list"


async def test_embeddings_of_a_backend_without_any_are_not_found():
    with ScriptedUpstream() as up:
        async with gateway(config(anthropic("a", up.url), path="/v1/embeddings")) as gw:
            response = await ask(gw, body={"model": "m", "input": "x"}, path="/v1/embeddings")
        assert up.requests == []
    assert response.status == 404


@pytest.mark.parametrize(("path", "backend_of"), [(CHAT, backend), (MESSAGES, anthropic), (CHAT, anthropic)])
async def test_a_complete_answer_to_a_stream_is_told_as_one(path, backend_of):
    whole = chat("hello") if backend_of is backend else answer(200, json=MESSAGE)
    body = {**(OPENAI if path == CHAT else ANTHROPIC), "stream": True}
    with ScriptedUpstream() as up:
        up.default(whole)
        async with gateway(config(backend_of("x", up.url))) as gw:
            response = await ask(gw, body=body, path=path)
            data = await said(response)
    assert header(response, "content-type") == "text/event-stream"
    assert b"hello" in data
    assert data.endswith(b"[DONE]\n\n" if path == CHAT else b'{"type":"message_stop"}\n\n')


@pytest.mark.parametrize(
    ("path", "backend_of"), [(CHAT, backend), (MESSAGES, anthropic), (MESSAGES, backend)]
)
async def test_a_stream_that_nobody_asked_for_is_gathered(path, backend_of):
    streamed = stream("hel", "lo") if backend_of is backend else sse(events("hel", "lo"), done=False)
    with ScriptedUpstream() as up:
        up.default(streamed)
        async with gateway(config(backend_of("x", up.url))) as gw:
            response = await ask(gw, body=OPENAI if path == CHAT else ANTHROPIC, path=path)
    assert header(response, "content-type") == "application/json"
    assert "hello" in json.dumps(json.loads(response.body))


async def test_an_answer_that_nobody_was_asked_for_says_nothing_of_a_backend():
    with ScriptedUpstream() as up:
        both = [backend("one", up.url), backend("two", up.url)]
        members = pool({"name": "one"}, {"name": "two"}, strategy="latency")
        async with gateway(chat_config(members, *both, route={"path": COUNT})) as gw:
            response = await ask(gw, path=COUNT, body=ANTHROPIC)
            assert response.status == 200
            assert response.decision is not None
            assert [tried.asked for tried in response.decision.attempts] == [False]
            now = asyncio.get_running_loop().time()
            assert all(condition.latency.stale(now) for condition in gw.snapshot.conditions.values())
        assert up.requests == []
