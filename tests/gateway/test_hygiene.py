"""What must never cross: the host's credentials upwards, the upstream's downwards."""

import logging

from llmgw_middleware.testing.upstream import ScriptedUpstream, chat, error, stream
from tests.gateway.asking import ALICE, BOB, ask, backend, chat_config, error_of, gateway, header, said

CALLERS = {
    "cookie": "sessionid=victim; csrftoken=t",
    "authorization": "Bearer host-token",
    "x-api-key": "host-key",
    "x-csrftoken": "t",
    "x-forwarded-for": "203.0.113.9",
    "x-stainless-lang": "python",
    "origin": "https://shop.example",
    "referer": "https://shop.example/chat",
    "connection": "x-secret",
    "x-secret": "1",
    "te": "trailers",
}


async def test_nothing_of_the_host_reaches_an_upstream():
    with ScriptedUpstream() as up:
        up.default(chat())
        async with gateway(chat_config(backend("one", up.url))) as gw:
            await ask(gw, headers=CALLERS)
        sent = {name.decode(): value.decode() for name, value in up.requests[0].headers}
        assert sent["authorization"] == "Bearer sk-one"
        assert not (set(CALLERS) - {"authorization", "connection"}) & set(sent)
        assert "host" not in " ".join(v for n, v in sent.items() if n != "host")


async def test_nothing_of_the_upstream_reaches_the_caller():
    theirs = {
        "set-cookie": "__cf=1",
        "server": "cloudflare",
        "date": "x",
        "openai-organization": "org",
        "x-internal": "1",
    }
    with ScriptedUpstream() as up:
        up.script(chat(headers=theirs), stream("a", headers=theirs))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            whole, streamed = await ask(gw), await ask(gw, stream=True)
            await said(streamed)
        for response in (whole, streamed):
            assert not {name.decode() for name, _ in response.headers} & set(theirs)


async def test_a_refused_credential_is_the_operators_business():
    with ScriptedUpstream() as up:
        up.default(error(401, message="Incorrect API key provided: sk-one."))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            response = await ask(gw)
        assert (response.status, error_of(response)["code"]) == (502, "upstream_auth_failed")
        assert b"sk-one" not in response.body


async def test_no_key_and_no_prompt_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with ScriptedUpstream() as up:
        up.script(chat(), error(500, message="sk-one"))
        async with gateway(chat_config(backend("one", up.url))) as gw:
            for _ in range(2):
                await ask(
                    gw, body={"model": "m", "messages": [{"role": "user", "content": "my secret prompt"}]}
                )
            told = repr(gw) + repr(gw.snapshot) + repr(list(gw.recorder))
    for text in (caplog.text, told):
        assert "sk-one" not in text
        assert "secret prompt" not in text
    assert "route=chat" in caplog.text


async def test_tiers_come_from_the_host_and_never_from_a_header():
    with ScriptedUpstream() as free, ScriptedUpstream() as premium:
        free.default(chat("free"))
        premium.default(chat("premium"))
        config = {
            "routes": [
                {
                    "name": "premium",
                    "path": "/v1/chat/completions",
                    "user": {"tier": "premium"},
                    "backend": "premium",
                },
                {"name": "rest", "path": "/v1/chat/completions", "backend": "free"},
            ],
            "backends": [backend("free", free.url), backend("premium", premium.url)],
        }
        forged = {"X-User-Tier": "premium", "X_User_Tier": "premium", "tier": "premium"}
        async with gateway(config) as gw:
            assert b"premium" in (await ask(gw, who=BOB)).body
            assert b"free" in (await ask(gw, who=ALICE, headers=forged)).body
            assert b"free" in (await ask(gw, headers=forged)).body


async def test_the_callers_usage_chunk_is_hidden_when_nobody_asked_and_shown_when_somebody_did():
    with ScriptedUpstream() as up:
        up.default(stream("a", usage=True))
        async with gateway(chat_config(backend("one", up.url, costPerToken=0.5))) as gw:
            hidden = await said(await ask(gw, stream=True))
            asked = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
            shown = await said(await ask(gw, body=asked))
            decisions = list(gw.recorder)
        assert up.requests[0].json["stream_options"] == {"include_usage": True}
        assert b"prompt_tokens" not in hidden
        assert b"prompt_tokens" in shown
        assert [d.cost for d in decisions] == [5.0, 5.0]


async def test_debug_headers_are_for_those_who_may_look():
    staff = {"who": type(ALICE)(id="root", attributes={"staff": True}, source="session")}
    with ScriptedUpstream() as up:
        up.default(chat())
        async with gateway(chat_config(backend("one", up.url))) as gw:
            assert header(await ask(gw), "x-llmgw-route") is None
            assert header(await ask(gw, **staff), "x-llmgw-route") == "chat"
