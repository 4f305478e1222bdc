"""A failed answer moves on unseen, until the first content."""

import pytest

from llmgw_middleware.exchange import opening
from llmgw_middleware.testing.streams import Event
from llmgw_middleware.testing.upstream import (
    Close,
    Reset,
    ScriptedUpstream,
    Silence,
    answer,
    chat,
    error,
    raw,
    sse,
    stream,
    stream_chunk,
    stream_chunks,
)
from tests.gateway.asking import ask, backend, chat_config, error_of, gateway, header, pool, said

FAULTS = {
    "429": error(429),
    "500": error(500),
    "503": error(503),
    "529": error(529),
    "401": error(401),
    "404 model not found": error(404, code="model_not_found"),
    "a redirect": answer(302, headers={"location": "http://127.0.0.1:1/"}),
    "a reset before any header": raw(Reset()),
    "a close before any header": raw(Close()),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Close()),
    "a body shorter than its length": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", Close()),
    "JSON that is none": answer(200, body=b"<html>", headers={"content-type": "text/html"}),
    "JSON that is no chat": answer(200, json={"object": "list"}),
}
STREAM_FAULTS = {
    "an error as first frame": stream(error_first=True),
    "a cut after the role": stream("a", cut_after=0),
    "a reset after the role": stream("a", reset_after=0),
    "a clean end after the role": sse(stream_chunks(finish=False), done=False),
    "[DONE] and nothing else": sse([]),
    "JSON where events were asked for": chat(),
    **{name: fault for name, fault in FAULTS.items() if not name.startswith("JSON")},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_the_next_member_answers_and_the_caller_sees_one_clean_answer(fault):
    with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.default(fault)
        good.default(chat("hello"))
        config = chat_config(
            pool(backend("bad", bad.url), backend("good", good.url)), gateway={"debugHeaders": True}
        )
        async with gateway(config) as gw:
            response = await ask(gw)
        assert (response.status, header(response, "x-llmgw-attempts")) == (200, "2")
        assert b"hello" in response.body
        assert (len(bad.requests), len(good.requests)) == (1, 1)


@pytest.mark.parametrize("fault", STREAM_FAULTS.values(), ids=STREAM_FAULTS)
async def test_a_stream_that_fails_before_content_is_replaced(fault):
    with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.default(fault)
        good.default(stream("Hel", "lo"))
        async with gateway(chat_config(pool(backend("bad", bad.url), backend("good", good.url)))) as gw:
            text = await said(await ask(gw, stream=True))
        assert text.count(b"data: [DONE]") == 1
        assert text.count(b'"role"') == 1
        assert b"error" not in text


async def test_the_same_bytes_go_to_the_next_backend():
    with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.default(error(503))
        good.default(chat())
        async with gateway(chat_config(pool(backend("bad", bad.url), backend("good", good.url)))) as gw:
            await ask(gw, body=b'{ "model":"m", "messages":[ ],  "seed" : 7 }')
        assert bad.requests[0].body == good.requests[0].body


async def test_without_fallback_a_pool_asks_one_member_only():
    with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.default(error(503))
        config = chat_config(pool(backend("bad", bad.url), backend("good", good.url), fallback=False))
        async with gateway(config) as gw:
            response = await ask(gw)
        assert (response.status, error_of(response)["code"]) == (503, "overloaded")
        assert good.requests == []


async def test_the_fallback_list_is_asked_in_order():
    with ScriptedUpstream() as up:
        up.script(error(500), error(503), chat("third"))
        backends = [backend(name, up.url) for name in ("one", "two", "three")]
        config = chat_config(*backends, route={"fallback": ["two", "three"], "retry": {"maxAttempts": 1}})
        async with gateway(config) as gw:
            response = await ask(gw)
            [decision] = gw.recorder
        assert b"third" in response.body
        assert [(a.backend, a.outcome) for a in decision.attempts] == [
            ("one", "upstream_error"),
            ("two", "overloaded"),
            ("three", "served"),
        ]


async def test_a_backend_that_stands_in_two_targets_is_asked_once():
    with ScriptedUpstream() as up:
        up.default(error(503))
        backends = [pool(backend("one", up.url), backend("two", up.url)), backend("three", up.url)]
        config = chat_config(*backends, route={"fallback": ["two", "three"], "retry": {"maxAttempts": 1}})
        async with gateway(config) as gw:
            await ask(gw)
        assert len(up.requests) == 3


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_request_that_is_refused_for_itself_is_tried_nowhere_else(status):
    with ScriptedUpstream() as up:
        up.default(error(status, message="temperature is out of range", code="bad_value"))
        async with gateway(chat_config(pool(backend("one", up.url), backend("two", up.url)))) as gw:
            response = await ask(gw)
        assert (response.status, error_of(response)["message"]) == (status, "temperature is out of range")
        assert len(up.requests) == 1


async def test_when_nobody_answers_the_last_failure_is_told_without_its_words():
    with ScriptedUpstream() as up:
        up.default(error(500, message="Traceback: sk-one at http://10.1.2.3/"))
        async with gateway(chat_config(pool(backend("one", up.url), backend("two", up.url)))) as gw:
            response = await ask(gw)
        assert (response.status, error_of(response)["code"]) == (502, "upstream_error")
        assert b"10.1.2.3" not in response.body
        assert b"sk-one" not in response.body
        assert header(response, "x-should-retry") == "false"


async def test_a_hint_to_wait_reaches_the_caller():
    with ScriptedUpstream() as up:
        up.default(error(429, headers={"retry-after": "130"}))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            response = await ask(gw)
        assert (response.status, header(response, "retry-after"), header(response, "retry-after-ms")) == (
            429,
            "130",
            "130000",
        )


async def test_after_content_nothing_is_tried_again():
    with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.default(stream("Hel", "lo", cut_after=1))
        async with gateway(chat_config(pool(backend("bad", bad.url), backend("good", good.url)))) as gw:
            text = await said(await ask(gw, stream=True))
            [decision] = gw.recorder
        assert good.requests == []
        assert b"upstream_stream_truncated" in text
        assert b"[DONE]" not in text
        assert b'"finish_reason": "stop"' not in text
        assert (decision.outcome, decision.code) == ("truncated", "upstream_stream_truncated")
        assert [a.outcome for a in decision.attempts] == ["upstream_stream_truncated"]


async def test_an_error_after_content_is_told_in_band():
    with ScriptedUpstream() as up:
        up.default(stream("Hel", "lo", error_after=1))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            text = await said(await ask(gw, stream=True))
        assert b'"error"' in text
        assert b"[DONE]" not in text


async def test_an_error_between_the_finish_and_the_end_is_not_a_success():
    events = [*stream_chunks("x"), {"error": {"message": "late", "type": "server_error"}}]
    with ScriptedUpstream() as up:
        up.default(sse(events))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            text = await said(await ask(gw, stream=True))
        assert b'"finish_reason": "stop"' not in text
        assert b"[DONE]" not in text


async def test_a_malformed_event_amid_a_good_stream_is_left_out():
    events: list[Event] = [stream_chunk({"content": "a"}), b"data: {broken\n\n", *stream_chunks("b")]
    with ScriptedUpstream() as up:
        up.default(sse(events))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            text = await said(await ask(gw, stream=True))
        assert b"broken" not in text
        assert text.endswith(b"data: [DONE]\n\n")


async def test_an_answer_in_one_chunk_without_a_terminator_is_not_waited_upon_for_long(monkeypatch):
    monkeypatch.setattr(opening, "FINISH_GRACE", 0.05)
    chunk = stream_chunk({"content": "all at once"}, finish_reason="stop")
    with ScriptedUpstream() as up:
        up.default(sse([chunk], done=False, finish=False) + raw(Silence()))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            text = await said(await ask(gw, stream=True))
    assert b"all at once" in text
    assert text.endswith(b"data: [DONE]\n\n")
