"""Every fault ends well: the whole answer, or a clean error where nobody else may be asked."""

from itertools import pairwise

import pytest

from llmgw_middleware.testing.faults import FALLBACK, FAULTS, PRIMARY, TEXT
from tests.gateway.asking import ask, chat_config, gateway, header, pool
from tests.traffic.hearing import hear

LIMIT = "500ms"
"""Stands for the ten seconds of firstToken and streamIdle. Nothing else here depends on time."""

ANSWERED = [name for name, fault in FAULTS.items() if fault.code is None]
SILENT = ("silence", "slow first token", "stall")
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def in_a_list(primary, fallback):
    return [primary, fallback], {"fallback": ["fallback"]}


def in_a_pool(primary, fallback):
    return [pool({**primary, "priority": 0}, {**fallback, "priority": 1})], {}


BOTH = pytest.mark.parametrize("layout", [in_a_list, in_a_pool], ids=["list", "pool"])


def configured(bench, layout, *, stream):
    """Return three attempts, short limits, and a window that no answer here outlasts.

    A whole answer knows no first token: what limits a silent backend then is a ``read`` of its own.
    """
    primary, fallback = bench.backends
    if not stream:
        primary = {**primary, "timeout": {"read": LIMIT}}
    backends, route = layout(primary, fallback)
    return chat_config(
        *backends,
        route={**route, "stream": {"commit": {"window": "2s"}}},
        gateway={"timeout": {"firstToken": LIMIT, "streamIdle": LIMIT}},
        policies={"retry": {"maxAttempts": 3, "initialInterval": "20ms"}},
    )


@STREAMED
@BOTH
@pytest.mark.parametrize("name", ANSWERED)
async def test_the_caller_gets_the_whole_answer_and_notices_nothing(llmgw_faults, name, layout, stream):
    llmgw_faults.play(name)
    async with gateway(configured(llmgw_faults, layout, stream=stream)) as gw:
        heard, decision = await hear(gw, stream=stream)
    assert (heard.status, heard.text, heard.errors, heard.roles) == (200, TEXT, (), 1)
    assert heard.ends == (("stop", "[DONE]") if stream else ("stop",))
    assert heard.models == {decision.model_served} <= {PRIMARY, FALLBACK}
    assert decision.model_served == f"{decision.backend}-model"
    assert heard.usage == {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    assert decision.usage is not None
    assert (decision.usage.input, decision.usage.output) == (9, 3)
    assert (decision.outcome, decision.code) == ("served", None)
    assert decision.attempts[-1].outcome == "served"
    assert len(decision.attempts) == len(llmgw_faults.primary.requests) + len(llmgw_faults.fallback.requests)


@STREAMED
@BOTH
async def test_a_filtered_prompt_is_a_clean_error_and_nobody_else_sees_it(llmgw_faults, layout, stream):
    llmgw_faults.play("content filter")
    async with gateway(configured(llmgw_faults, layout, stream=stream)) as gw:
        heard, decision = await hear(gw, stream=stream)
    assert (heard.status, heard.errors) == (400, ("content_filter",))
    assert "content management policy" in heard.text
    assert (decision.outcome, decision.code) == ("error", "content_filter")
    assert (len(llmgw_faults.primary.requests), llmgw_faults.fallback.requests) == (1, [])


@STREAMED
@BOTH
@pytest.mark.parametrize("name", ["429 with Retry-After", "429 without Retry-After"])
async def test_a_rate_limit_is_asked_no_more_than_four_times_in_three_seconds(
    llmgw_faults, name, layout, stream
):
    llmgw_faults.play(name)
    async with gateway(configured(llmgw_faults, layout, stream=stream)) as gw:
        _, decision = await hear(gw, stream=stream)
    times = sorted(attempt.started for attempt in decision.attempts)
    assert max(sum(start <= t < start + 3 for t in times) for start in times) <= 4
    waited = [t.started for t in decision.attempts if t.backend == "primary"]
    if name == "429 with Retry-After":
        assert all(later - earlier >= 1 for earlier, later in pairwise(waited))


@STREAMED
@BOTH
@pytest.mark.parametrize("name", SILENT)
async def test_a_silent_backend_is_not_asked_twice(llmgw_faults, name, layout, stream):
    llmgw_faults.play(name)
    async with gateway(configured(llmgw_faults, layout, stream=stream)) as gw:
        _, decision = await hear(gw, stream=stream)
    assert [(a.backend, a.outcome) for a in decision.attempts] == [
        ("primary", "upstream_timeout"),
        ("fallback", "served"),
    ]
    assert len(llmgw_faults.primary.requests) == 1


@STREAMED
async def test_a_silent_backend_that_stands_alone_is_not_asked_twice(llmgw_faults, stream):
    llmgw_faults.play("silence")
    config = configured(llmgw_faults, lambda primary, _: ([primary], {}), stream=stream)
    async with gateway(config) as gw:
        heard, _ = await hear(gw, stream=stream)
    assert (heard.status, heard.errors) == (504, ("upstream_timeout",))
    assert len(llmgw_faults.primary.requests) == 1


@pytest.mark.parametrize(
    "name", ["stream cut", "stall", "failover accounting", "fallback that rejects prefill"]
)
async def test_a_stream_that_dies_inside_the_window_goes_elsewhere_first(llmgw_faults, name):
    llmgw_faults.play(name)
    async with gateway(configured(llmgw_faults, in_a_list, stream=True)) as gw:
        _, decision = await hear(gw, stream=True)
    assert [a.backend for a in decision.attempts] == ["primary", "fallback"]


async def test_the_account_holds_one_request_and_only_the_tokens_that_were_delivered(llmgw_faults):
    llmgw_faults.play("failover accounting")
    config = configured(llmgw_faults, in_a_pool, stream=True)
    for member in config["backends"][0]["backends"]:
        member["price"] = {"input": 0.001, "output": 0.01}
    async with gateway(config) as gw:
        _, decision = await hear(gw, stream=True)
        [recorded] = gw.recorder
    assert recorded is decision
    assert decision.cost == pytest.approx(9 * 0.001 + 3 * 0.01)
    assert [a.outcome for a in decision.attempts] == ["upstream_stream_truncated", "served"]


@STREAMED
async def test_every_request_to_a_flapping_primary_is_answered(llmgw_faults, stream):
    llmgw_faults.play("flapping primary")
    async with gateway(configured(llmgw_faults, in_a_pool, stream=stream)) as gw:
        served = [(await hear(gw, stream=stream))[1].backend for _ in range(4)]
    assert served == ["fallback", "primary", "fallback", "primary"]


async def test_a_conversation_that_ends_with_the_assistant_is_refused_by_who_cannot_go_on_from_it(
    llmgw_faults,
):
    llmgw_faults.play("fallback that rejects prefill")
    turns = [{"role": "user", "content": "Sing"}, {"role": "assistant", "content": "La"}]
    async with gateway(configured(llmgw_faults, in_a_list, stream=True)) as gw:
        heard, decision = await hear(gw, stream=True, messages=turns)
    assert (heard.status, heard.errors) == (400, ("invalid_value",))
    assert [a.backend for a in decision.attempts] == ["primary", "fallback"]


async def test_the_answer_says_which_backend_served_it_and_after_how_many_attempts(llmgw_faults):
    llmgw_faults.play("503 persistent")
    config = configured(llmgw_faults, in_a_pool, stream=False)
    config["gateway"]["debugHeaders"] = True
    async with gateway(config) as gw:
        response = await ask(gw)
    assert [header(response, f"x-llmgw-{name}") for name in ("backend", "attempts")] == ["fallback", "2"]
