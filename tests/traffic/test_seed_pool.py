"""Seed 004, load balancing: each strategy by its words, the shares, and the next backend on an error."""

from asyncio import get_running_loop, to_thread
from collections import Counter
from contextlib import ExitStack

import pytest

from llmgw_middleware.testing.clock import seeded_rng
from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, chat, error
from tests.gateway.asking import ask
from tests.traffic.seeded import (
    BACKENDS,
    NOWHERE,
    condition,
    embed,
    leased,
    pool_of,
    prompts,
    replaced,
    seeded,
)

OPENAI, ANTHROPIC, AZURE, _ = BACKENDS


def strategy(name):
    return replaced("strategy: weighted", f"strategy: {name}")


@pytest.fixture
def providers():
    with ExitStack() as stack:
        yield {name: stack.enter_context(ScriptedUpstream()) for name in BACKENDS}


def urls(providers):
    return {name: upstream.url for name, upstream in providers.items()}


def picks(target, count, **asked):
    found: Counter[str] = Counter()
    for _ in range(count):
        lease = leased(target, **asked)
        found[lease.endpoint.name] += 1
        lease.release()
    return found


async def test_ten_thousand_picks_have_the_seeds_shares(tmp_path):
    async with seeded(tmp_path, NOWHERE) as gw:
        found = picks(pool_of(gw), 10_000)
    assert found == {OPENAI: 6_000, ANTHROPIC: 3_000, AZURE: 1_000}


async def test_a_hundred_requests_arrive_in_the_seeds_shares(tmp_path, providers):
    for upstream in providers.values():
        upstream.default(chat())
    async with seeded(tmp_path, urls(providers)) as gw:
        for _ in range(100):
            assert (await ask(gw)).status == 200
    arrived = {name: prompts(upstream) for name, upstream in providers.items()}
    assert arrived == {OPENAI: 60, ANTHROPIC: 30, AZURE: 10, "beta-backend": 0}


async def test_round_robin_goes_through_the_pool_in_order(tmp_path):
    async with seeded(tmp_path, NOWHERE, change=strategy("round-robin")) as gw:
        names = [leased(pool_of(gw)).endpoint.name for _ in range(6)]
    assert names == [OPENAI, ANTHROPIC, AZURE] * 2


async def test_latency_takes_the_lowest_p90_and_not_the_lowest_mean(tmp_path):
    async with seeded(tmp_path, NOWHERE, change=strategy("latency")) as gw:
        times = {
            OPENAI: [0.1] * 8 + [5.0] * 2,
            ANTHROPIC: [1.0] * 10,
            AZURE: [2.0] * 10,
        }
        for name, seconds in times.items():
            for each in seconds:
                condition(gw, name).latency.record(each, 100.0)
        found = picks(pool_of(gw), 100, now=100.5, chance=0.5)
    assert found == {ANTHROPIC: 100}


async def test_an_answer_is_what_latency_learns_from(tmp_path, providers):
    for upstream in providers.values():
        upstream.default(chat())
    async with seeded(tmp_path, urls(providers), change=strategy("latency"), rng=seeded_rng(1)) as gw:
        first, second = await ask(gw), await ask(gw)
        assert first.decision is not None
        assert second.decision is not None
        name = first.decision.backend
        p90 = condition(gw, name).latency.p90(get_running_loop().time())
    assert p90 == pytest.approx(first.decision.attempts[0].duration, rel=0.02)
    assert second.decision.backend == name


async def test_cost_takes_the_cheapest_and_then_the_next_cheapest(tmp_path, providers):
    providers[AZURE].default(error(500))
    providers[ANTHROPIC].default(chat("mine"))
    async with seeded(tmp_path, urls(providers), change=strategy("cost")) as gw:
        response = await ask(gw)
    assert response.decision is not None
    assert [a.backend for a in response.decision.attempts] == [AZURE, ANTHROPIC]
    assert prompts(providers[OPENAI]) == 0


async def test_the_seeds_price_is_the_one_that_is_accounted(tmp_path, providers):
    providers[AZURE].default(chat())
    async with seeded(tmp_path, urls(providers), change=strategy("cost")) as gw:
        response = await ask(gw)
    assert response.decision is not None
    assert response.decision.cost == pytest.approx(12 * 0.000010)


async def test_least_connections_takes_who_has_the_fewest_for_its_weight(tmp_path):
    async with seeded(tmp_path, NOWHERE, change=strategy("least-connections")) as gw:
        pool = pool_of(gw)
        held = [leased(pool) for _ in range(20)]
        assert Counter(lease.endpoint.name for lease in held) == {OPENAI: 12, ANTHROPIC: 6, AZURE: 2}
        next(lease for lease in held if lease.endpoint.name == AZURE).release()
        assert leased(pool).endpoint.name == AZURE


@pytest.mark.parametrize("failure", [error(429), error(500), error(503), answer(502, body=b"bad")], ids=str)
async def test_on_an_error_the_next_backend_answers(tmp_path, providers, failure):
    providers[OPENAI].default(failure)
    for name in (ANTHROPIC, AZURE):
        providers[name].default(chat("mine"))
    async with seeded(tmp_path, urls(providers)) as gw:
        response = await ask(gw)
    assert (response.status, prompts(providers[OPENAI])) == (200, 1)


async def test_with_fallback_false_no_other_backend_answers(tmp_path, providers):
    for upstream in providers.values():
        upstream.default(error(500))
    async with seeded(tmp_path, urls(providers), change=replaced("fallback: true", "fallback: false")) as gw:
        response = await ask(gw)
    assert response.status == 502
    assert sorted(map(prompts, providers.values()))[:3] == [0, 0, 0]


async def test_health_checks_ask_every_member_with_its_key_and_no_prompt(tmp_path, providers):
    for upstream in providers.values():
        upstream.default(answer(200, json={"data": []}))
    async with seeded(tmp_path, urls(providers)) as gw:
        await gw.aopen()
        for name in BACKENDS[:3]:
            seen = await to_thread(providers[name].wait_request)
            assert (seen.method, seen.path, seen.body) == ("GET", "/v1/models", b"")
            assert seen.header("authorization") == "Bearer sk"


async def test_a_member_that_fails_its_checks_is_left_out(tmp_path, providers):
    for upstream in providers.values():
        upstream.default(chat())
    async with seeded(tmp_path, urls(providers)) as gw:
        verdict = pool_of(gw).endpoints[0].health
        assert verdict is not None
        for _ in range(3):
            verdict.record(good=False, now=0.0)
        for _ in range(8):
            await ask(gw)
        await embed(gw)
    paths = Counter(seen.path for seen in providers[OPENAI].requests)
    assert paths["/v1/chat/completions"] == 0
    assert paths["/v1/embeddings"] == 1
