import asyncio

import pytest

from llmgw_middleware.build import build_gateway, build_snapshot, default_transport, load_plan
from llmgw_middleware.errors import BodyTooLarge, ConfigError
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat
from llmgw_middleware.transport import aws_keys
from llmgw_middleware.transport.environment import EnvironmentTransport
from llmgw_middleware.transport.h1_transport import H1Transport
from tests.gateway.asking import ask, backend, chat_config, gateway, pool

WRONG = {
    "a backend that is only named": (chat_config({"name": "nowhere"}), "nowhere"),
    "a key with a line break": (chat_config(backend("b", "http://x") | {"apiKey": "sk\n1"}), "line break"),
    "an attribute that cannot be imported": (
        chat_config(backend("b", "http://x"), identity={"attributes": {"tier": "no.such:function"}}), "no.such",
    ),
    "a database that is not there": (chat_config(backend("b", "http://x"), geo={"database": "/nowhere.mmdb"}), "nowhere.mmdb"),
    "a missing variable": (chat_config(backend("b", "http://x") | {"apiKey": "${NOT_SET}"}), "NOT_SET"),
    "a part that is not built yet": (chat_config(backend("b", "http://x"), console={}), "not available in this version"),
}  # fmt: skip


@pytest.mark.parametrize(("config", "named"), WRONG.values(), ids=WRONG)
def test_a_wrong_configuration_never_starts(config, named):
    with pytest.raises(ConfigError, match=named):
        build_gateway(config, env={})


def test_without_a_configuration_it_says_what_to_do(monkeypatch):
    monkeypatch.delenv("LLMGW_CONFIG", raising=False)
    with pytest.raises(ConfigError, match="LLMGW_CONFIG"):
        build_gateway(env={})


def test_the_environment_names_the_configuration(monkeypatch, tmp_path):
    (tmp_path / "x.yaml").write_text("routes: [{name: env, path: /v1/x, backend: 'http://127.0.0.1:1'}]")
    monkeypatch.setenv("LLMGW_CONFIG", str(tmp_path / "x.yaml"))
    assert build_gateway(env={}).plan.routes[0].name == "env"


def test_the_environment_may_ask_for_debug_headers(monkeypatch):
    monkeypatch.setenv("LLMGW_DEBUG", "1")
    assert build_gateway(chat_config(backend("b", "http://x")), env={}).plan.debug_headers


def test_what_a_door_refuses_is_on_record():
    built = build_gateway(chat_config(backend("b", "http://x")), env={})
    response = built.refuse(BodyTooLarge("Too long."), path="/v1/chat/completions", request_id="r-1")
    assert (response.status, [d.code for d in built.recorder]) == (413, ["body_too_large"])


USES = {
    "a user condition": ({"user": {"tier": "premium"}}, True),
    "sticky by user": ({"sticky": "user"}, True),
    "sticky by session": ({"sticky": "session"}, True),
    "sticky by an address": ({"sticky": "ip"}, False),
    "an expression": ({"when": "user.tier == 'premium'"}, True),
    "an expression about the body": ({"when": "body.model == 'm'"}, False),
    "a transform": ({"transform": {"request": {"set": [{"name": "x-user", "value": "user.id"}]}}}, True),
    "nothing": ({}, False),
}


@pytest.mark.parametrize(("route", "uses"), USES.values(), ids=USES)
def test_it_knows_whether_any_rule_asks_who_calls(route, uses):
    plan = load_plan(chat_config(backend("b", "http://x"), route=route), {})
    assert build_snapshot(plan).uses_identity is uses


READS = {
    "a user condition": ({"user": {"tier": "premium"}}, "tier", "groups"),
    "an expression": ({"when": "'pilots' in user.groups"}, "groups", "tier"),
    "an expression over everything": ({"when": "size(user) > 1"}, "groups", ""),
}


@pytest.mark.parametrize(("route", "read", "other"), READS.values(), ids=READS)
def test_it_knows_what_rules_read_of_who_calls(route, read, other):
    built = build_gateway(chat_config(backend("b", "http://x"), route=route), env={})
    assert built.reads_of_callers(read)
    assert not (other and built.reads_of_callers(other))


def test_a_members_price_comes_before_its_backends():
    members = pool(
        backend("a", "http://x", costPerToken=1.0), {"name": "b", "url": "http://y/v1", "costPerToken": 2.0}
    )
    prices = build_snapshot(load_plan(chat_config(members), {})).prices
    assert {key: price.input for key, price in prices.items()} == {
        ("a", "a"): 1.0,
        ("b", "b"): 2.0,
        ("pool", "a"): 1.0,
        ("pool", "b"): 2.0,
    }


def test_a_gateway_serves_one_loop_after_another_and_keeps_none():
    with ScriptedUpstream() as up:
        up.default(chat())
        built = build_gateway(chat_config(backend("b", up.url)), env={})

        async def once() -> int:
            status = (await ask(built)).status
            await built.aclose()
            return status

        assert [asyncio.run(once()) for _ in range(3)] == [200, 200, 200]
        assert repr(built._loops) == "<Loops []>"


async def test_an_observer_hears_of_every_request_and_cannot_break_one():
    heard = []

    class Loud:
        def finished(self, decision):
            heard.append(decision.outcome)
            raise RuntimeError("observer")

    with ScriptedUpstream() as up:
        up.default(chat())
        async with gateway(chat_config(backend("b", up.url)), observers=(Loud(),)) as gw:
            assert (await ask(gw)).status == 200
            assert (await ask(gw, path="/v1/nope")).status == 404
    assert heard == ["served", "error"]


def test_a_gateway_tells_its_size():
    built = build_gateway(chat_config(pool(backend("a", "http://x"), backend("b", "http://y"))), env={})
    assert repr(built) == "<Gateway [1 routes, 2 backends, 1 pools]>"


CLIENTS = {
    "nothing": ({}, H1Transport),
    "a proxy": ({"HTTPS_PROXY": "http://proxy:3128"}, EnvironmentTransport),
    "exceptions from no proxy": ({"NO_PROXY": "*"}, H1Transport),
}


@pytest.mark.parametrize(("env", "client"), CLIENTS.values(), ids=CLIENTS)
def test_the_environment_decides_which_client_speaks_to_upstreams(env, client):
    assert type(default_transport(env)()) is client


def test_a_proxy_that_is_none_never_starts_and_is_not_repeated():
    with pytest.raises(ConfigError, match="HTTPS_PROXY is no URL of a proxy") as caught:
        build_gateway(chat_config(backend("b", "http://x")), env={"HTTPS_PROXY": "ftp://me:secret@proxy"})
    assert "secret" not in str(caught.value)


async def test_calls_go_through_the_proxy_that_the_environment_names():
    with ScriptedUpstream() as proxy:
        proxy.default(chat("by proxy"))
        built = build_gateway(
            chat_config(backend("b", "http://nowhere.invalid")), env={"http_proxy": proxy.url}
        )
        assert b"by proxy" in (await ask(built)).body
        await built.aclose()
        assert proxy.requests[0].path.startswith("http://nowhere.invalid/")


BEDROCK = {
    "routes": [{"name": "r", "default": True, "backend": "b"}],
    "backends": [{"name": "b", "provider": "bedrock", "region": "eu-west-1"}],
}


def test_a_backend_whose_calls_can_never_be_signed_is_told_at_the_start_and_can_be_explained(monkeypatch):
    monkeypatch.setattr(aws_keys, "find_spec", lambda _: None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="there is no AWS key"):
        build_gateway(BEDROCK, env={})
    assert build_snapshot(load_plan(BEDROCK, {}, serving=False)).upstreams["b"].name == "b"
