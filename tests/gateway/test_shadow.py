"""Copies of requests over real sockets: they reach their backend, and disturb nobody."""

import asyncio
import json
import random
import socket
import time
from typing import Any

import pytest

from llmgw_middleware.cli import main
from llmgw_middleware.policy.breaker import BreakerState
from llmgw_middleware.shadow import AT_ONCE, QUEUE
from llmgw_middleware.testing.upstream import ScriptedUpstream, Silence, chat, error, raw, stream
from tests.gateway.asking import ask, backend, chat_config, gateway, said


@pytest.fixture(autouse=True)
def run_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMGW_RUN_DIR", str(tmp_path / "run"))


@pytest.fixture
def real():
    with ScriptedUpstream() as upstream:
        upstream.default(chat("real"))
        yield upstream


@pytest.fixture
def copied():
    with ScriptedUpstream() as upstream:
        upstream.default(chat("copy"))
        yield upstream


def config(real: str, copied: str, **mirror: Any) -> dict[str, Any]:
    route = {"mirror": {"backend": "copied", **mirror}}
    return chat_config(backend("real", real), backend("copied", copied), route=route)


async def settled(gw: Any, requests: int) -> dict[str, Any]:
    """Wait until so many copies are over."""
    async with asyncio.timeout(10):
        while gw.mirrors()["chat"]["requests"] < requests:  # noqa: ASYNC110 - no event tells of a copy
            await asyncio.sleep(0.01)
    seen: dict[str, Any] = gw.mirrors()["chat"]
    return seen


async def test_a_copy_reaches_its_backend_with_its_own_key_and_its_answer_nobody(real, copied):
    async with gateway(config(real.url, copied.url)) as gw:
        answer = await ask(gw)
        assert b"real" in answer.body
        seen = await settled(gw, 1)
    [original], [copy] = real.requests, copied.requests
    assert json.loads(copy.body) == json.loads(original.body)
    assert (b"authorization", b"Bearer sk-copied") in copy.headers
    assert (seen["backend"], seen["statuses"], seen["errors"], seen["dropped"]) == (
        "copied",
        {"200": 1},
        0,
        0,
    )
    assert seen["tokens"] > 0
    assert seen["p90"] > 0


async def test_a_copied_stream_is_read_to_its_end(real, copied):
    for upstream in (real, copied):
        upstream.default(stream("one", "two"))
    async with gateway(config(real.url, copied.url)) as gw:
        await said(await ask(gw, stream=True))
        assert (await settled(gw, 1))["statuses"] == {"200": 1}


async def test_a_share_of_the_requests_is_copied(real, copied):
    async with gateway(config(real.url, copied.url, percent="25%"), rng=random.Random(1)) as gw:
        for _ in range(200):
            await ask(gw)
        seen = await settled(gw, 30)
    assert 30 <= seen["requests"] + seen["dropped"] <= 70


async def test_a_copy_is_never_sent_twice(real, copied):
    copied.default(error(503))
    async with gateway(config(real.url, copied.url)) as gw:
        await ask(gw)
        assert (await settled(gw, 1))["errors"] == 1
    assert len(copied.requests) == 1


def dead_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def timed(gw: Any, count: int) -> list[float]:
    spent = []
    for _ in range(count):
        began = time.perf_counter()
        assert (await ask(gw)).status == 200
        spent.append(time.perf_counter() - began)
    return sorted(spent)


async def test_mirroring_everything_to_a_dead_backend_changes_neither_latency_nor_errors(real):
    async with gateway(chat_config(backend("real", real.url))) as alone:
        without = await timed(alone, 100)
    async with gateway(config(real.url, dead_port())) as gw:
        beside = await timed(gw, 100)
        seen = await settled(gw, 50)
    assert seen["errors"] == seen["requests"]
    assert beside[50] < without[50] * 3 + 0.01
    assert beside[95] < without[95] * 3 + 0.05


async def test_copies_for_a_backend_that_says_nothing_are_dropped_and_counted(real, copied):
    copied.default(raw(Silence()))
    async with gateway(config(real.url, copied.url)) as gw:
        await timed(gw, AT_ONCE + QUEUE + 20)
        seen = gw.mirrors()["chat"]
    assert (seen["dropped"], seen["requests"]) == (20, 0)


async def test_what_happens_to_copies_closes_no_circuit_of_real_requests(real, copied):
    copied.default(error(500))
    words = config(real.url, copied.url)
    words["routes"].append({"name": "direct", "path": "/v1/embeddings", "backend": "copied"})
    async with gateway(words) as gw:
        for _ in range(40):
            await ask(gw)
        await settled(gw, 30)
        assert gw.snapshot.conditions["copied"].breaker.state(0.0) is BreakerState.CLOSED


async def test_the_counts_outlive_a_reload_and_are_shown_on_the_command_line(real, copied, capsys):
    async with gateway(config(real.url, copied.url)) as gw:
        await ask(gw)
        await settled(gw, 1)
        gw.reload()
        await ask(gw)
        await settled(gw, 2)
        assert await asyncio.to_thread(main, ["mirror", "status"]) == 0
        assert "chat  100 % to copied, process" in capsys.readouterr().out
        assert await asyncio.to_thread(main, ["mirror", "status", "--json"]) == 0
        [told] = json.loads(capsys.readouterr().out)["mirrors"]
        assert told["statuses"] == {"200": 2}
