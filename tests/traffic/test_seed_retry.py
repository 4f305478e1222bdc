"""Seed 004, retries, routes and timeouts: how often, after what, how long between, and for which route."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from llmgw_middleware.testing.upstream import ScriptedUpstream, Silence, answer, chat, error, raw
from tests.gateway.asking import ask, error_of, header
from tests.traffic.seeded import BACKENDS, ask_beta, beta_at, embed, in_turn, prompts, replaced, seeded

EMBEDDED = answer(
    200, json={"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
)
QUICK = replaced("200ms", "1ms")
ALONE = "fallback: false"


class Always(random.Random):
    """Luck that is always the same."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def random(self):
        return self.value


def alone(text):
    """Let the seed's pool ask one member, again and again."""
    return QUICK(text).replace("fallback: true", ALONE)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_route_without_a_row_makes_three_attempts_on_every_listed_status(
    tmp_path, llmgw_upstream, status
):
    in_turn(llmgw_upstream, error(status), error(status), EMBEDDED)
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        response = await embed(gw)
    assert (response.status, prompts(llmgw_upstream)) == (200, 3)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_three_attempts_are_all(tmp_path, llmgw_upstream, status):
    llmgw_upstream.default(error(status))
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        response = await embed(gw)
    assert (prompts(llmgw_upstream), header(response, "x-should-retry")) == (3, "false")


@pytest.mark.parametrize("status", [529, 520, 501])
async def test_a_status_that_is_not_listed_is_not_repeated(tmp_path, llmgw_upstream, status):
    llmgw_upstream.default(error(status))
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        await embed(gw)
    assert prompts(llmgw_upstream) == 1


@pytest.mark.parametrize(("status", "attempts"), [(429, 2), (503, 2), (500, 1), (502, 1), (504, 1)])
async def test_chat_has_two_attempts_on_429_and_503_and_none_more(tmp_path, llmgw_upstream, status, attempts):
    llmgw_upstream.default(error(status))
    async with seeded(tmp_path, llmgw_upstream.url, change=alone) as gw:
        response = await ask(gw)
    assert (prompts(llmgw_upstream), response.decision and response.decision.route) == (
        attempts,
        "chat-completions",
    )


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_with_fallback_every_member_has_its_turn_whatever_max_attempts_says(
    tmp_path, llmgw_upstream, status
):
    llmgw_upstream.default(error(status))
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        response = await ask(gw)
    assert response.decision is not None
    asked = Counter(attempt.backend for attempt in response.decision.attempts)
    assert asked == dict.fromkeys(BACKENDS[:3], 1)


async def test_the_wait_is_exponential_from_the_initial_interval(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(503))
    async with seeded(tmp_path, llmgw_upstream.url, rng=Always(0.5)) as gw:
        response = await embed(gw)
    assert response.decision is not None
    gaps = [
        later.started - (earlier.started + (earlier.duration or 0))
        for earlier, later in pairwise(response.decision.attempts)
    ]
    assert [gap >= wait for gap, wait in zip(gaps, [0.1, 0.2], strict=True)] == [True, True]
    assert gaps[0] < gaps[1]


async def test_a_hint_replaces_the_computed_wait(tmp_path, llmgw_upstream):
    in_turn(llmgw_upstream, error(429, headers={"retry-after-ms": "300"}), EMBEDDED)
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        response = await embed(gw)
    assert response.decision is not None
    first, second = response.decision.attempts
    assert second.started - first.started >= 0.3


@pytest.mark.parametrize("hint", ["121", "3600"])
async def test_a_hint_beyond_two_minutes_is_not_waited_for_but_told(tmp_path, llmgw_upstream, hint):
    llmgw_upstream.default(error(429, headers={"retry-after": hint}))
    async with seeded(tmp_path, llmgw_upstream.url) as gw:
        response = await embed(gw)
    assert (response.status, header(response, "retry-after"), prompts(llmgw_upstream)) == (429, hint, 1)


async def test_a_hint_beyond_the_deadline_is_not_waited_for(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(429, headers={"retry-after": "31"}))
    async with seeded(tmp_path, llmgw_upstream.url) as gw:
        response = await embed(gw)  # "embeddings are faster than chat": read: 30s
    assert (response.status, prompts(llmgw_upstream)) == (429, 1)


async def test_what_keeps_state_upstream_is_not_sent_twice(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(500))
    body = {"model": "m", "messages": [], "store": True}
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        await ask_beta(gw, body=body)
        assert prompts(llmgw_upstream) == 1
        await ask_beta(gw, body={**body, "store": False})
        assert prompts(llmgw_upstream) == 4


async def test_a_route_may_say_that_it_is_safe_all_the_same(tmp_path, llmgw_upstream):
    llmgw_upstream.default(error(500))
    safe = {"routes": [{"name": "beta-chat", "replaySafe": True}]}
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK, more=safe) as gw:
        await ask_beta(gw, body={"model": "m", "messages": [], "store": True})
    assert prompts(llmgw_upstream) == 3


async def test_a_repeated_request_has_the_same_bytes(tmp_path, llmgw_upstream):
    in_turn(llmgw_upstream, error(503), error(429), chat())
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        await ask_beta(gw, body=b'{ "messages":[ ],"model" : "m" }')
    assert len({seen.body for seen in llmgw_upstream.requests if seen.method == "POST"}) == 1


async def test_a_failing_backend_gets_a_bounded_number_of_repeats(tmp_path, llmgw_upstream):
    """Ten a second, over ten seconds: of two hundred repeats that sixty-seven requests would make, a hundred."""
    llmgw_upstream.default(error(429))
    async with seeded(tmp_path, llmgw_upstream.url, change=QUICK) as gw:
        for _ in range(67):
            await embed(gw)
    assert prompts(llmgw_upstream) == 67 + 100


async def test_routes_take_the_backend_that_they_name(tmp_path):
    with ScriptedUpstream() as beta, ScriptedUpstream() as others:
        beta.default(chat("beta"))
        others.default(chat("stable"))
        urls = dict.fromkeys(BACKENDS, others.url) | {"beta-backend": beta.url}
        async with seeded(tmp_path, urls) as gw:
            responses = [await ask(gw), await ask_beta(gw)]
        assert [(r.decision and r.decision.route) for r in responses] == ["chat-completions", "beta-chat"]
        assert (prompts(beta), prompts(others)) == (1, 1)


async def test_the_embeddings_have_their_own_read_and_nobody_else(tmp_path):
    async with seeded(tmp_path, "http://127.0.0.1:9") as gw:
        reads = {name: chooser.read for name, chooser in gw.snapshot.choosers.items()}
        limits = gw.snapshot.choosers["embeddings"].timeouts_for("openai-backend")
    assert reads == {"chat-completions": 120.0, "embeddings": 30.0, "beta-chat": 120.0}
    assert (limits.connect, limits.write, limits.idle) == (5.0, 10.0, 300.0)


@pytest.mark.parametrize("old", ["read: 30s", "read: 120s"], ids=["the route's", "the gateway's"])
async def test_read_ends_a_request_that_is_not_answered(tmp_path, llmgw_upstream, old):
    llmgw_upstream.default(raw(Silence()))
    asked = embed if old == "read: 30s" else ask_beta
    async with seeded(tmp_path, llmgw_upstream.url, change=replaced(old, "read: 200ms")) as gw:
        response = await asked(gw)
    assert (response.status, error_of(response)["code"], prompts(llmgw_upstream)) == (
        504,
        "upstream_timeout",
        1,
    )


@pytest.mark.parametrize(("idle", "connections"), [("300s", 1), ("0.000001", 3)])
async def test_idle_ends_the_keeping_of_connections(tmp_path, llmgw_upstream, idle, connections):
    llmgw_upstream.default(chat())
    change = replaced("idle: 300s", f"idle: {idle}")
    async with seeded(tmp_path, beta_at(llmgw_upstream.url), change=change) as gw:
        for _ in range(3):
            assert (await ask_beta(gw)).status == 200
    assert llmgw_upstream.accepted == connections
