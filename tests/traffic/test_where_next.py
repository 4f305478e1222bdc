"""Who is asked next: other keys, other groups, larger windows, and for filtered prompts nobody unless the route says so."""

import asyncio

import pytest

from llmgw_middleware.testing.clock import seeded_rng
from llmgw_middleware.testing.upstream import ScriptedUpstream, Silence, Wait, chat, error, raw, stream
from tests.gateway.asking import ask, backend, chat_config, endpoint_of, error_of, gateway, header, pool, said

TOO_LONG = error(
    400, code="context_length_exceeded", message="This model's maximum context length is 8192 tokens."
)
FILTERED = error(400, code="content_filter", message="Filtered.")
QUOTA = error(429, kind="insufficient_quota", code="insufficient_quota")


@pytest.fixture
def three():
    with ScriptedUpstream() as one, ScriptedUpstream() as two, ScriptedUpstream() as three:
        yield one, two, three


def keys(upstream):
    return [(seen.header("authorization") or "").removeprefix("Bearer ") for seen in upstream.requests]


def with_keys(url, *names, **top):
    return chat_config({"name": "one", "url": f"{url}/v1", "apiKey": list(names)}, **top)


async def test_several_keys_take_turns(llmgw_upstream):
    llmgw_upstream.default(chat())
    async with gateway(with_keys(llmgw_upstream.url, "k1", "k2", "k3")) as gw:
        for _ in range(6):
            await ask(gw)
    assert keys(llmgw_upstream) == ["k1", "k2", "k3"] * 2


@pytest.mark.parametrize("refusal", [error(429, headers={"retry-after": "60"}), error(429), QUOTA, error(401)],
                         ids=["a hint", "no hint", "quota", "refused"])  # fmt: skip
async def test_a_key_that_is_refused_rests_and_the_other_is_used(llmgw_upstream, refusal):
    llmgw_upstream.default(lambda seen: refusal if "k1" in (seen.header("authorization") or "") else chat())
    async with gateway(with_keys(llmgw_upstream.url, "k1", "k2")) as gw:
        served = [(await ask(gw)).status for _ in range(4)]
    assert served[1:] == [200] * 3
    assert keys(llmgw_upstream).count("k1") == 1


async def test_a_limited_key_is_replaced_within_the_same_request(llmgw_upstream):
    llmgw_upstream.default(
        lambda seen: error(429) if "k1" in (seen.header("authorization") or "") else chat()
    )
    async with gateway(with_keys(llmgw_upstream.url, "k1", "k2")) as gw:
        response = await ask(gw)
    assert (response.status, keys(llmgw_upstream)) == (200, ["k1", "k2"])


async def test_when_every_key_rests_the_caller_gets_429_and_the_upstream_nothing(llmgw_upstream):
    llmgw_upstream.default(error(429, headers={"retry-after": "60"}))
    rules = {"retry": {"maxAttempts": 1}}
    async with gateway(with_keys(llmgw_upstream.url, "k1", "k2", policies=rules)) as gw:
        for _ in range(2):
            await ask(gw)
        response = await ask(gw)
    assert (response.status, error_of(response)["code"]) == (429, "rate_limit_exceeded")
    assert 59 <= int(header(response, "retry-after") or 0) <= 60
    assert keys(llmgw_upstream) == ["k1", "k2"]


async def test_no_key_is_shown_anywhere(llmgw_upstream, caplog):
    llmgw_upstream.default(error(429))
    async with gateway(with_keys(llmgw_upstream.url, "sk-secret-1", "sk-secret-2")) as gw:
        response = await ask(gw)
        shown = [repr(gw), repr(gw.snapshot.conditions), repr(gw.plan), repr(response), caplog.text]
    assert not [text for text in shown if "sk-secret" in text]


async def test_the_second_group_serves_only_when_none_of_the_first_can(three):
    first, second, spare = three
    first.default(chat("first"))
    second.default(chat("second"))
    spare.default(chat("spare"))
    members = [
        backend("spare", spare.url, priority=2),
        backend("first", first.url, priority=1),
        backend("second", second.url, priority=1),
    ]
    async with gateway(chat_config(pool(*members))) as gw:
        for _ in range(4):
            await ask(gw)
        assert [len(u.requests) for u in three] == [2, 2, 0]
        first.default(error(500))
        second.default(error(500))
        assert b"spare" in (await ask(gw)).body
        first.default(chat("first"))
        assert (await ask(gw)).status == 200
    assert len(spare.requests) == 1


async def test_a_full_member_is_passed_over(three):
    first, second, _ = three
    first.default(raw(Wait("go")) + chat("first"))
    second.default(chat("second"))
    members = [
        backend("first", first.url, priority=1, maxInFlight=1),
        backend("second", second.url, priority=2),
    ]
    async with gateway(chat_config(pool(*members))) as gw:
        holding = asyncio.create_task(ask(gw))
        await asyncio.to_thread(first.wait_request)
        assert b"second" in (await ask(gw)).body
        first.release("go")
        assert b"first" in (await holding).body


async def test_a_request_too_long_moves_to_a_larger_window_only(three):
    small, unknown, large = three
    small.default(TOO_LONG)
    unknown.default(chat("unknown"))
    large.default(chat("large"))
    members = [
        backend("small", small.url, contextWindow=8_000),
        backend("unknown", unknown.url),
        backend("large", large.url, contextWindow=128_000),
    ]
    async with gateway(chat_config(pool(*members))) as gw:
        assert b"large" in (await ask(gw)).body
    assert (len(small.requests), unknown.requests) == (1, [])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_request_too_long_for_everybody_is_the_callers_to_shorten(three, streamed):
    small, large, _ = three
    small.default(TOO_LONG)
    large.default(TOO_LONG)
    members = [
        backend("small", small.url, contextWindow=8_000),
        backend("large", large.url, contextWindow=9_000),
    ]
    async with gateway(chat_config(pool(*members))) as gw:
        response = await ask(gw, stream=streamed)
    assert (response.status, error_of(response)["code"]) == (400, "context_length_exceeded")
    assert (len(small.requests), len(large.requests)) == (1, 1)


@pytest.mark.parametrize(("rule", "status"), [("stop", 400), ("next", 200)])
async def test_a_filtered_prompt_goes_on_only_where_the_route_says_so(three, rule, status):
    strict, lenient, _ = three
    strict.default(FILTERED)
    lenient.default(chat())
    config = chat_config(
        backend("strict", strict.url),
        backend("lenient", lenient.url),
        route={"fallback": ["lenient"], "onContentFilter": rule},
    )
    async with gateway(config) as gw:
        response = await ask(gw)
    assert response.status == status
    assert (len(strict.requests), len(lenient.requests)) == (1, rule == "next")


async def test_a_filter_is_never_asked_twice(llmgw_upstream):
    llmgw_upstream.default(FILTERED)
    rules = {"retry": {"maxAttempts": 3, "retryOn": [400, 429]}}
    config = chat_config(
        backend("one", llmgw_upstream.url), route={"onContentFilter": "next"}, policies=rules
    )
    async with gateway(config) as gw:
        response = await ask(gw)
    assert (response.status, error_of(response)["code"], len(llmgw_upstream.requests)) == (
        400,
        "content_filter",
        1,
    )


async def test_a_rate_limited_member_rests_for_its_hint_and_no_request_waits_for_it(three):
    limited, good, _ = three
    limited.default(error(429, headers={"retry-after": "60"}))
    good.default(chat())
    async with gateway(chat_config(pool(backend("limited", limited.url), backend("good", good.url)))) as gw:
        assert [(await ask(gw)).status for _ in range(6)] == [200] * 6
    assert (len(limited.requests), len(good.requests)) == (1, 6)


async def test_what_is_skipped_is_in_the_record(three):
    limited, good, _ = three
    limited.default(error(429, headers={"retry-after": "60"}))
    good.default(chat())
    async with gateway(chat_config(pool(backend("limited", limited.url), backend("good", good.url)))) as gw:
        await ask(gw)
        response = await ask(gw)
    assert response.decision is not None
    assert ("limited", "cooling") in response.decision.skipped


@pytest.mark.parametrize("fallback", [True, False], ids=["with fallback", "without"])
async def test_when_everybody_rests_for_a_moment_the_request_waits_for_the_first(three, fallback):
    one, two, _ = three
    for upstream, wait in ((one, "150"), (two, "4000")):
        upstream.script(error(429, headers={"retry-after-ms": wait}))
        upstream.default(chat())
    members = [backend("one", one.url, priority=1), backend("two", two.url, priority=2)]
    rules = {"retry": {"maxAttempts": 3}}
    async with gateway(chat_config(pool(*members, fallback=fallback), policies=rules)) as gw:
        response = await ask(gw)
    assert response.decision is not None
    asked = [attempt.backend for attempt in response.decision.attempts]
    assert (response.status, asked) == (200, ["one", "two", "one"] if fallback else ["one", "one"])


async def test_a_thousand_callers_leave_at_random_and_nothing_is_left_of_them(three):
    rng = seeded_rng(7)
    for upstream, script in zip(
        three, (chat(), stream("a", "b", stall_after=1), raw(Silence())), strict=True
    ):
        upstream.default(script)
    told: list[tuple[str, str]] = []

    class Told:
        def finished(self, decision):
            told.append((decision.request_id, decision.outcome))

    async def one(gw, turns, *, streamed):
        task = asyncio.create_task(whole(gw, streamed=streamed))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def whole(gw, *, streamed):
        response = await ask(gw, stream=streamed)
        if response.stream is not None:
            await said(response)

    members = [backend(str(n), upstream.url) for n, upstream in enumerate(three)]
    limits = {"maxInFlight": 60, "maxPending": 100}
    async with gateway(chat_config(pool(*members), gateway=limits), observers=(Told(),)) as gw:
        for _ in range(10):
            leaving = [one(gw, rng.randrange(400), streamed=rng.random() < 0.5) for _ in range(100)]
            await asyncio.gather(*leaving)
        bound = gw._loops.current()
        assert {name: c.in_flight for name, c in gw.snapshot.conditions.items()} == {"0": 0, "1": 0, "2": 0}
        assert (bound.gate.inside, bound.relays, endpoint_of(gw).in_flight) == (0, set(), 0)
        assert {outcome for _, outcome in told} >= {"cancelled", "served"}
        assert len({request for request, _ in told}) == len(told), "a request is settled once"
        assert len(told) > 900  # who leaves before the first step of all was never there
    assert asyncio.all_tasks() == {asyncio.current_task()}
