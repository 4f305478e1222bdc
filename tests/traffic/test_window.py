"""Inside the window a stream that dies is replaced; outside it the caller is told, and no end is made up."""

import pytest

from llmgw_middleware.testing.faults import TEXT, TEXTS
from llmgw_middleware.testing.upstream import (
    Action,
    Close,
    Pause,
    Reset,
    Silence,
    raw,
    sse,
    stream,
    stream_chunk,
    stream_chunks,
)
from tests.gateway.asking import ask, backend, chat_config, gateway
from tests.traffic.hearing import hear, listen

ENDS: dict[str, tuple[Action, ...]] = {"close": (Close(),), "reset": (Reset(),), "silence": (Silence(),)}
GOOD = stream(*TEXTS, model="fallback-model")


def config(bench, commit, **route):
    return chat_config(
        *bench.backends,
        route={"fallback": ["fallback"], "stream": {"commit": commit}, **route},
        gateway={"timeout": {"streamIdle": "500ms"}},
    )


def begun(*texts):
    return sse(stream_chunks(*texts, finish=False), done=False, finish=False)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("commit", [{"window": "5s"}, "full"], ids=["window", "full"])
async def test_what_was_held_of_a_dead_stream_is_never_shown(llmgw_faults, commit, end):
    llmgw_faults.primary.default(begun("Half of ", "another") + raw(*end))
    llmgw_faults.fallback.default(GOOD)
    async with gateway(config(llmgw_faults, commit)) as gw:
        heard, decision = await hear(gw, stream=True)
    assert (heard.text, heard.ends, heard.errors, heard.roles) == (TEXT, ("stop", "[DONE]"), (), 1)
    assert [a.backend for a in decision.attempts] == ["primary", "fallback"]


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_alone_in_its_list_a_backend_whose_stream_died_is_asked_again(llmgw_upstream, end):
    llmgw_upstream.script(begun("Half of ", "another") + raw(*ENDS[end]))
    llmgw_upstream.default(GOOD)
    alone = chat_config(
        backend("one", llmgw_upstream.url),
        route={"stream": {"commit": "full"}, "retry": {"initialInterval": "10ms"}},
    )
    async with gateway(alone) as gw:
        heard, decision = await hear(gw, stream=True)
    assert (heard.text, heard.ends) == (TEXT, ("stop", "[DONE]"))
    assert [a.outcome for a in decision.attempts] == ["upstream_stream_truncated", "served"]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("commit", ["firstToken", {"window": "50ms"}], ids=["first token", "window"])
async def test_outside_it_the_caller_gets_an_error_in_band_and_no_end(llmgw_faults, commit, end):
    late = sse([stream_chunk({"content": "another"})], done=False, finish=False).actions[1:]
    llmgw_faults.primary.default(begun("Half of ") + raw(Pause(0.2), *late, *end))
    llmgw_faults.fallback.default(GOOD)
    async with gateway(config(llmgw_faults, commit)) as gw:
        heard, decision = await hear(gw, stream=True)
    assert (heard.status, heard.text, heard.ends) == (200, "Half of another", ())
    assert heard.errors == (("upstream_timeout",) if end == (Silence(),) else ("upstream_stream_truncated",))
    assert (decision.outcome, decision.code) == ("truncated", heard.errors[0])
    assert llmgw_faults.fallback.requests == []


async def test_the_window_closes_when_64_kib_are_held(llmgw_faults):
    llmgw_faults.primary.default(begun(*["x" * 1024] * 80) + raw(Close()))
    llmgw_faults.fallback.default(GOOD)
    async with gateway(config(llmgw_faults, {"window": "60s"})) as gw:
        heard, _ = await hear(gw, stream=True)
    assert heard.text == "x" * 1024 * 80
    assert heard.errors == ("upstream_stream_truncated",)


@pytest.mark.parametrize("commit", ["firstToken", {"window": "5s"}, "full"], ids=str)
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_that_breaks_after_the_finish_costs_nothing(llmgw_upstream, commit, end):
    events = stream_chunks(*TEXTS)
    llmgw_upstream.default(sse(events, done=False, finish=False) + raw(*ENDS[end]))
    alone = chat_config(backend("one", llmgw_upstream.url), route={"stream": {"commit": commit}})
    async with gateway(alone) as gw:
        heard = await listen(await ask(gw, stream=True))
    assert (heard.text, heard.ends, heard.errors) == (TEXT, ("stop", "[DONE]"), ())


async def test_a_short_answer_is_not_kept_waiting_for_the_window(llmgw_upstream):
    llmgw_upstream.default(GOOD)
    patient = chat_config(
        backend("one", llmgw_upstream.url),
        route={"stream": {"commit": {"window": "1h"}}, "timeout": {"read": "20s"}},
    )
    async with gateway(patient) as gw:
        heard, _ = await hear(gw, stream=True)
    assert heard.text == TEXT


@pytest.mark.parametrize("commit", [{"window": "20s"}, "full"], ids=["window", "full"])
async def test_pings_do_not_keep_a_held_stream_alive(llmgw_faults, commit):
    pings = [step for _ in range(1000) for step in (Pause(0.02), b"8\r\n: ping\n\n\r\n")]
    llmgw_faults.primary.default(begun("Half of ") + raw(*pings))
    llmgw_faults.fallback.default(GOOD)
    held = config(llmgw_faults, commit, timeout={"read": "8s"})
    held["gateway"]["timeout"]["streamIdle"] = "50ms"
    async with gateway(held) as gw:
        heard, decision = await hear(gw, stream=True)
    assert (heard.text, heard.errors) == (TEXT, ())
    assert [a.outcome for a in decision.attempts] == ["upstream_timeout", "served"]
