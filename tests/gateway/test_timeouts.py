"""Every limit of time over a real socket; the limits are short, nothing waits for a long one."""

import pytest

from llmgw_middleware.testing.upstream import (
    Pause,
    ScriptedUpstream,
    Silence,
    chat,
    raw,
    sse,
    stream,
    stream_chunks,
)
from tests.gateway.asking import ask, backend, chat_config, error_of, gateway, pool, said

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PINGS = raw(HEAD, *[b"8\r\n: ping\n\n\r\n"] * 3, Silence())


@pytest.mark.parametrize("script", [raw(Silence()), raw(HEAD, Silence()), PINGS, stream("a", stall_after=0)],
                         ids=["silence", "headers only", "pings only", "the role only"])  # fmt: skip
async def test_the_first_token_is_content_and_silence_moves_to_another_backend(script):
    with ScriptedUpstream() as silent, ScriptedUpstream() as good:
        silent.default(script)
        good.default(stream("x"))
        config = chat_config(
            pool(backend("silent", silent.url), backend("good", good.url)),
            gateway={"timeout": {"firstToken": "50ms"}},
        )
        async with gateway(config) as gw:
            text = await said(await ask(gw, stream=True))
            [decision] = gw.recorder
        assert text.endswith(b"[DONE]\n\n")
        assert [a.outcome for a in decision.attempts] == ["upstream_timeout", "served"]


async def test_the_deadline_spans_all_attempts():
    with ScriptedUpstream() as up:
        up.default(raw(Silence()))
        config = chat_config(
            pool(backend("one", up.url), backend("two", up.url)), route={"timeout": {"read": "100ms"}}
        )
        async with gateway(config) as gw:
            response = await ask(gw)
        assert (response.status, error_of(response)["code"]) == (504, "upstream_timeout")
        assert len(up.requests) == 1


async def test_a_backends_own_read_leaves_time_for_the_next():
    with ScriptedUpstream() as silent, ScriptedUpstream() as good:
        silent.default(raw(Silence()))
        good.default(chat())
        config = chat_config(
            pool(backend("silent", silent.url, timeout={"read": "50ms"}), backend("good", good.url)),
            route={"timeout": {"read": "20s"}},
        )
        async with gateway(config) as gw:
            assert (await ask(gw)).status == 200


async def test_silence_amid_a_stream_is_told_in_band():
    with ScriptedUpstream() as up:
        up.default(stream("a", "b", stall_after=1))
        config = chat_config(backend("one", up.url), gateway={"timeout": {"streamIdle": "50ms"}})
        async with gateway(config) as gw:
            text = await said(await ask(gw, stream=True))
        assert b"upstream_timeout" in text
        assert b"[DONE]" not in text


async def test_a_committed_stream_outlives_the_deadline():
    with ScriptedUpstream() as up:
        role, text, *rest = sse(stream_chunks("a")).actions[1:]
        up.default(raw(HEAD, role, text, Pause(0.6), *rest))
        config = chat_config(backend("one", up.url), route={"timeout": {"read": "500ms"}})
        async with gateway(config) as gw:
            assert (await said(await ask(gw, stream=True))).endswith(b"[DONE]\n\n")


async def test_an_upstream_that_is_not_there_is_told_and_moved_on_from():
    with ScriptedUpstream() as gone, ScriptedUpstream() as good:
        good.default(chat())
        gone.stop()
        async with gateway(chat_config(pool(backend("gone", gone.url), backend("good", good.url)))) as gw:
            assert (await ask(gw)).status == 200
        async with gateway(chat_config(backend("gone", gone.url))) as gw:
            response = await ask(gw)
        assert (response.status, error_of(response)["code"]) == (502, "upstream_unreachable")
