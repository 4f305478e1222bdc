"""Seed 004, circuit breaker: at exactly its figures, and over real connections."""

import asyncio

import pytest

from llmgw_middleware.testing.upstream import Silence, Wait, answer, chat, error, raw, stream
from tests.gateway.asking import ask, error_of, header
from tests.traffic.seeded import (
    BACKENDS,
    NOWHERE,
    ask_beta,
    beta_at,
    condition,
    embed,
    prompts,
    replaced,
    seeded,
    trip,
)

BETA = "beta-backend"
ONCE = replaced("maxAttempts: 3", "maxAttempts: 1")


def now():
    return asyncio.get_running_loop().time()


def state(gw, at, name=BETA):
    return condition(gw, name).breaker.state(at).value


def report(gw, at, *, good=0, bad=0):
    breaker = condition(gw, BETA).breaker
    for ok in [True] * good + [False] * bad:
        permit = breaker.admit(at)
        assert permit is not None
        breaker.record(permit, ok=ok, now=at)


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        (0, 19, "closed"),
        (0, 20, "open"),
        (9, 11, "open"),
        (10, 10, "closed"),
        (20, 20, "closed"),
        (20, 21, "open"),
    ],
)
async def test_it_opens_at_more_than_half_of_at_least_twenty(tmp_path, good, bad, expected):
    async with seeded(tmp_path, NOWHERE) as gw:
        report(gw, 100.0, good=good, bad=bad)
        assert state(gw, 100.0) == expected


async def test_failures_of_more_than_a_minute_ago_do_not_count(tmp_path):
    async with seeded(tmp_path, NOWHERE) as gw:
        report(gw, 100.0, bad=19)
        report(gw, 161.0, bad=1)
        assert state(gw, 161.0) == "closed"


@pytest.mark.parametrize(("good", "bad", "expected"), [(5, 0, "closed"), (3, 2, "closed"), (2, 3, "open")])
async def test_thirty_seconds_later_five_probes_decide(tmp_path, good, bad, expected):
    async with seeded(tmp_path, NOWHERE) as gw:
        breaker = condition(gw, BETA).breaker
        report(gw, 100.0, bad=20)
        assert breaker.admit(129.9) is None
        permits = [breaker.admit(130.0) for _ in range(6)]
        assert [permit is not None for permit in permits] == [True] * 5 + [False]
        for permit, ok in zip(permits, [True] * good + [False] * bad, strict=False):
            assert permit is not None
            breaker.record(permit, ok=ok, now=131.0)
        assert state(gw, 131.0) == expected


async def test_requests_that_fail_open_it_and_the_next_one_fails_fast(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(500))
    async with seeded(tmp_path, beta_at(llmgw_upstream.url), change=ONCE) as gw:
        for _ in range(19):
            await ask_beta(gw)
        assert state(gw, now()) == "closed"
        assert (await ask_beta(gw)).status == 502
        assert state(gw, now()) == "open"
        asked = len(llmgw_upstream.requests)
        response = await ask_beta(gw)
        assert (response.status, error_of(response)["code"]) == (503, "circuit_open")
        assert 29 <= int(header(response, "retry-after") or 0) <= 30
        assert len(llmgw_upstream.requests) == asked


async def test_a_request_counts_once_however_often_it_is_repeated(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(500))
    async with seeded(tmp_path, beta_at(llmgw_upstream.url), change=replaced("200ms", "1ms")) as gw:
        for _ in range(19):
            await ask_beta(gw)
        assert len(llmgw_upstream.requests) >= 19 * 3
        assert state(gw, now()) == "closed"


@pytest.mark.parametrize(
    "fault", [error(429), error(400), error(401), error(404)], ids=["429", "400", "401", "404"]
)
async def test_what_is_no_failure_of_the_backend_does_not_open_it(tmp_path, llmgw_upstream, fault):
    llmgw_upstream.default(fault)
    async with seeded(tmp_path, beta_at(llmgw_upstream.url), change=ONCE) as gw:
        for _ in range(25):
            await ask_beta(gw)
        assert state(gw, now()) == "closed"


async def test_a_pool_goes_on_without_the_member_that_is_open(tmp_path, llmgw_upstream):
    llmgw_upstream.default(chat())
    async with seeded(tmp_path, llmgw_upstream.url) as gw:
        trip(condition(gw, BACKENDS[0]), opened_at=now())
        served = [await ask(gw) for _ in range(8)]
    assert all(r.status == 200 and r.decision and r.decision.backend != BACKENDS[0] for r in served)


async def test_when_all_are_open_the_smallest_wait_is_told(tmp_path, llmgw_upstream):
    async with seeded(tmp_path, llmgw_upstream.url) as gw:
        for name, ago in zip(BACKENDS, (0, 10, 20), strict=False):
            trip(condition(gw, name), opened_at=now() - ago)
        response = await ask(gw)
    assert (response.status, error_of(response)["code"]) == (503, "no_healthy_backend")
    assert 9 <= int(header(response, "retry-after") or 0) <= 10
    assert prompts(llmgw_upstream) == 0


async def test_enabled_false_never_opens(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(500))
    change = replaced("enabled: true", "enabled: false")
    async with seeded(tmp_path, beta_at(llmgw_upstream.url), change=lambda text: ONCE(change(text))) as gw:
        for _ in range(25):
            assert (await ask_beta(gw)).status == 502


async def probing(gw, upstream, count):
    """Let ``count`` requests come at once to a circuit whose sleep is over; return their tasks once the probes arrived."""
    trip(condition(gw, BETA), opened_at=now() - 31)
    tasks = [asyncio.create_task(ask_beta(gw)) for _ in range(count)]
    await asyncio.to_thread(upstream.wait_request, 5)
    return tasks


async def test_two_hundred_at_once_are_five_probes(tmp_path, llmgw_upstream):
    llmgw_upstream.default(raw(Wait("go")) + chat())
    async with seeded(tmp_path, beta_at(llmgw_upstream.url)) as gw:
        tasks = await probing(gw, llmgw_upstream, 200)
        refused, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        while len(refused) < 195:
            more, _ = await asyncio.wait(set(tasks) - refused, return_when=asyncio.FIRST_COMPLETED)
            refused |= more
        assert {error_of(task.result())["code"] for task in refused} == {"circuit_open"}
        assert (len(llmgw_upstream.requests), len(refused)) == (5, 195)
        llmgw_upstream.release("go")
        assert sorted(r.status for r in await asyncio.gather(*tasks)) == [200] * 5 + [503] * 195
        assert state(gw, now()) == "closed"
        assert condition(gw, BETA).in_flight == 0


async def test_probes_whose_callers_left_are_given_to_others(tmp_path, llmgw_upstream):
    llmgw_upstream.default(raw(Silence()))
    async with seeded(tmp_path, beta_at(llmgw_upstream.url)) as gw:
        tasks = await probing(gw, llmgw_upstream, 5)
        assert (await ask_beta(gw)).status == 503
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert state(gw, now()) == "half-open"
        llmgw_upstream.default(chat())
        assert [(await ask_beta(gw)).status for _ in range(5)] == [200] * 5
        assert state(gw, now()) == "closed"


async def test_a_failed_round_of_probes_opens_it_for_longer(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(500))
    async with seeded(tmp_path, beta_at(llmgw_upstream.url), change=ONCE) as gw:
        trip(condition(gw, BETA), opened_at=now() - 31)
        assert [(await ask_beta(gw)).status for _ in range(5)] == [502] * 5
        response = await ask_beta(gw)
        assert (response.status, error_of(response)["code"]) == (503, "circuit_open")
        assert 40 <= int(header(response, "retry-after") or 0) <= 60


async def test_a_stream_that_breaks_off_is_one_failure(tmp_path, llmgw_upstream):
    llmgw_upstream.default(stream("a", "b", cut_after=1))
    async with seeded(tmp_path, beta_at(llmgw_upstream.url)) as gw:
        for _ in range(20):
            response = await ask_beta(gw, stream=True)
            assert response.stream is not None
            assert [chunk async for chunk in response.stream]
        assert state(gw, now()) == "open"


async def test_one_backends_circuit_is_no_others(tmp_path, llmgw_upstream):
    llmgw_upstream.default(answer(200, json={"object": "list", "data": [], "model": "e", "usage": {}}))
    async with seeded(tmp_path, llmgw_upstream.url) as gw:
        trip(condition(gw, BETA), opened_at=now())
        assert (await embed(gw)).status == 200
