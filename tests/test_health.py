"""Health checks over real sockets; ``ask`` is one check, the loop around it is driven by the verdict's tests."""

import random

import pytest

from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.health import Checker
from llmgw_middleware.model.backend import Backend, HealthCheck, Secret
from llmgw_middleware.policy.health import HealthVerdict
from llmgw_middleware.testing.upstream import ScriptedUpstream, Silence, answer, chat, error, raw
from llmgw_middleware.transport.httpx_transport import HttpxTransport
from tests.gateway.asking import ask, backend, chat_config, gateway, header, pool


async def check(url: str, **rules) -> bool:
    upstream = Upstream(Backend(name="b", url=f"{url}/v1", api_keys=(Secret("sk-b"),)))
    transport = HttpxTransport()
    try:
        return await Checker(upstream, HealthCheck(**rules), HealthVerdict(), random.Random(1)).ask(transport)
    finally:
        await transport.aclose()


ANSWERS = {
    "200": (answer(200, json={"data": []}), True),
    "404": (error(404), True),
    "429": (error(429), True),
    "401": (error(401), False),
    "403": (error(403), False),
    "500": (error(500), False),
    "503": (error(503), False),
    "not HTTP": (raw(b"hello\r\n\r\n"), False),
    "silence": (raw(Silence()), False),
    "a body that never ends": (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", Silence()), False),
}


@pytest.mark.parametrize(("script", "good"), ANSWERS.values(), ids=ANSWERS)
async def test_what_counts_as_well(script, good):
    with ScriptedUpstream() as up:
        up.default(script)
        assert await check(up.url, timeout=0.1 if good is False else 5.0) is good


async def test_a_check_is_a_free_request_with_the_credential():
    with ScriptedUpstream() as up:
        up.default(answer(200, json={}))
        await check(up.url, path="/health")
        [seen] = up.requests
    assert (seen.method, seen.path, seen.body) == ("GET", "/v1/health", b"")
    assert (b"authorization", b"Bearer sk-b") in seen.headers


async def test_a_member_that_is_ill_is_left_out_of_its_pool():
    with ScriptedUpstream() as ill, ScriptedUpstream() as well:
        ill.default(error(503))
        well.default(chat())
        checked = pool(backend("ill", ill.url), backend("well", well.url))
        checked["healthCheck"] = {"interval": "30s", "unhealthyAfter": 1}
        async with gateway(chat_config(checked, gateway={"debugHeaders": True})) as gw:
            for checker in gw.snapshot.checkers:
                assert isinstance(checker, Checker)
                checker._verdict.record(good=checker._upstream.name == "well", now=0.0)
            response = await ask(gw)
            [decision] = gw.recorder
        assert (header(response, "x-llmgw-backend"), header(response, "x-llmgw-attempts")) == ("well", "1")
        assert decision.skipped == (("ill", "unhealthy"),)


async def test_checks_begin_soon_after_the_start_and_end_with_the_gateway():
    import asyncio

    with ScriptedUpstream() as up:
        up.default(answer(200, json={}))
        checked = pool(backend("a", up.url), backend("b", up.url))
        checked["healthCheck"] = {"interval": "10ms"}
        async with gateway(chat_config(checked)) as gw:
            await gw.aopen()
            seen = await asyncio.to_thread(up.wait_request, 4)
            assert seen.path == "/v1/models"
        assert asyncio.all_tasks() == {asyncio.current_task()}
