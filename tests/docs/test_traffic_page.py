"""What the page on failing providers says is so: every file loads, every figure is the program's, every row is played."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from llmgw_middleware.build import build_snapshot, load_plan
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.policy import DEFAULT_RETRY, DEFAULT_TIMEOUTS, BreakerRules, CommitRules
from llmgw_middleware.policy.backoff import delay
from llmgw_middleware.policy.balance import STRATEGIES
from llmgw_middleware.policy.budget import RetryBudget
from llmgw_middleware.policy.classify import LONGEST_HINT
from llmgw_middleware.policy.cooldown import FIRST, LONG, LONGEST_UNTOLD
from llmgw_middleware.testing.script import Close, Reset, Silence
from llmgw_middleware.testing.upstream import (
    ScriptedUpstream,
    answer,
    chat,
    error,
    raw,
    sse,
    stream,
    stream_chunks,
)
from tests.docs.pages import DOCS, page
from tests.gateway.asking import ask, backend, chat_config, error_of, gateway, header
from tests.match.asking import facts
from tests.traffic.hearing import listen

PAGE = page("traffic.md")
YAML = PAGE.blocks("yaml")


def plan(words: str) -> Plan:
    """Load the only file of the page with these words."""
    [text] = [block for block in YAML if words in block]
    return load_plan(yaml.safe_load(text), {}, serving=False)


@pytest.mark.parametrize("text", YAML, ids=[text.split(":")[0] + str(n) for n, text in enumerate(YAML)])
def test_every_file_loads_without_an_error(text):
    loaded = load_plan(yaml.safe_load(text), {}, serving=False)
    assert isinstance(loaded, Plan)


def test_the_figures_of_repeating_are_the_defaults_but_for_the_attempts():
    retry = plan("maxAttempts").retry
    assert retry.over(DEFAULT_RETRY) == retry
    assert (retry.max_attempts, DEFAULT_RETRY.max_attempts) == (3, 2)
    assert DEFAULT_RETRY.over(retry) == type(retry)(max_attempts=2).over(retry)
    assert [delay(retry, n, chance=1.0) for n in (1, 2, 9)] == [0.2, 0.4, 5.0]


def test_the_figures_of_the_circuit_are_the_defaults():
    assert plan("probeRequests").breaker == BreakerRules()


def test_the_figures_of_time_are_the_defaults():
    assert plan("callerStall").timeouts == DEFAULT_TIMEOUTS


def test_the_figures_in_the_text_are_the_programs():
    assert (LONGEST_HINT, LONG, FIRST, LONGEST_UNTOLD) == (120.0, 600.0, 1.0, 30.0)
    budget = RetryBudget()
    assert sum(budget.admit(1.0) for _ in range(200)) == 100


def test_what_is_committed_when_is_what_the_table_says():
    rows = PAGE.text.partition("| `commit` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(.+?)` \|", rows, re.MULTILINE) == ["firstToken", "{window: 2s}", "full"]
    assert plan("commit:").routes[0].commit == CommitRules(kind="window", window=2.0)


def test_the_table_of_strategies_has_them_all():
    rows = PAGE.text.partition("| `strategy` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(.+?)` \|", rows, re.MULTILINE) == list(STRATEGIES)


def test_the_files_say_what_the_text_says():
    pool = plan("least-connections").pools["llm"]
    assert [(m.backend, m.priority) for m in pool.members] == [("reserved", 1), ("on-demand", 2)]
    assert len(plan("apiKey: [").backends["llm"].api_keys) == 2
    limits = plan("maxPending")
    assert (limits.max_in_flight, limits.max_pending, limits.queue_timeout) == (500, 100, 0.5)
    assert limits.drain_timeout == Plan().drain_timeout == 30.0


ROWS = {
    cells[0]: cells[1:]
    for line in PAGE.text.partition("## Repeating")[0].splitlines()
    if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 5
    if not cells[0].startswith(("---", "what happened"))
}
PLAYED = {
    "no connection": None,
    "429": error(429),
    "429, the quota is used up": error(429, code="insufficient_quota", kind="insufficient_quota"),
    "503, 529": error(529),
    "500, 502, 504": error(502),
    "reset after the request was sent": raw(Reset()),
    "a stream breaks off before it was given on": sse(
        stream_chunks("half", finish=False), done=False, finish=False
    )
    + raw(Close()),
    "silence": raw(Silence()),
    "401, 403": error(403),
    "404, no such model": error(404, code="model_not_found"),
    "400, too long for the context": error(400, code="context_length_exceeded"),
    "400, content filter": error(400, code="content_filter"),
    "another 400, 413, 422": error(422, code="bad_value"),
    "a redirect": answer(302, headers={"location": "http://127.0.0.1:1/"}),
    "not HTTP, not JSON, not events": raw(b"SSH-2.0\r\n\r\n", Close()),
}
STREAMED = {"a stream breaks off before it was given on", "silence"}
played = pytest.mark.parametrize("what", ROWS)


def asking(what: str, **more: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": [], "stream": what in STREAMED, **more}
    return {"body": body}


def failing(upstream: ScriptedUpstream, what: str, **route: Any) -> dict[str, Any]:
    script = PLAYED[what]
    if script is None:
        upstream.stop()
    else:
        upstream.default(script)
    return {
        "route": {"stream": {"commit": "full"}, **route},
        "gateway": {"timeout": {"firstToken": "100ms"}},
        "policies": {"retry": {"maxAttempts": 3, "initialInterval": "1ms"}},
    }


def test_every_row_is_played():
    assert list(ROWS) == list(PLAYED)


@played
async def test_it_is_repeated_as_the_row_says_and_the_caller_gets_what_it_says(llmgw_upstream, what):
    again, _, _, told = ROWS[what]
    more = failing(llmgw_upstream, what)
    async with gateway(chat_config(backend("one", llmgw_upstream.url), **more)) as gw:
        response = await ask(gw, **asking(what))
    assert response.decision is not None
    assert len(response.decision.attempts) == (1 if again in {"no", "never"} else 3)
    said = f"{response.status} `{error_of(response)['code']}`"
    assert said == ("422 `bad_value`" if told == "what the provider said" else told)
    assert header(response, "x-should-retry") == "false"


@played
async def test_what_must_not_be_sent_twice_is_not(llmgw_upstream, what):
    again = ROWS[what][0]
    more = failing(llmgw_upstream, what)
    async with gateway(chat_config(backend("one", llmgw_upstream.url), **more)) as gw:
        response = await ask(gw, **asking(what, store=True))
    assert response.decision is not None
    assert len(response.decision.attempts) == (3 if again == "yes" else 1)


@played
async def test_it_counts_as_the_row_says(llmgw_upstream, what):
    counts = ROWS[what][2]
    more = failing(llmgw_upstream, what)
    more["policies"]["circuitBreaker"] = {"minRequests": 1}
    async with gateway(chat_config(backend("one", llmgw_upstream.url), **more)) as gw:
        await ask(gw, **asking(what))
        condition = gw.snapshot.conditions["one"]
        assert repr(condition.breaker).startswith("<CircuitBreaker open") == (counts == "yes")
        rests = condition.why_not(0.0) == "cooling"
    assert rests == (what == "429, the quota is used up")


@played
async def test_another_backend_is_asked_as_the_row_says(llmgw_upstream, what):
    another = ROWS[what][1]
    with ScriptedUpstream() as other:
        other.default(stream("x") if what in STREAMED else chat())
        more = failing(llmgw_upstream, what, fallback=["other"])
        backends = [backend("one", llmgw_upstream.url), backend("other", other.url)]
        async with gateway(chat_config(*backends, **more)) as gw:
            response = await ask(gw, **asking(what))
            if response.stream is not None:
                await listen(response)
        assert bool(other.requests) == (another == "yes")


@pytest.mark.parametrize(
    ("what", "one", "route"),
    [
        ("400, too long for the context", {"contextWindow": 8}, {}),
        ("400, content filter", {}, {"onContentFilter": "next"}),
    ],
)
async def test_another_backend_is_asked_under_the_rows_condition(llmgw_upstream, what, one, route):
    with ScriptedUpstream() as other:
        other.default(chat())
        more = failing(llmgw_upstream, what, fallback=["other"], **route)
        backends = [backend("one", llmgw_upstream.url, **one), backend("other", other.url, contextWindow=9)]
        async with gateway(chat_config(*backends, **more)) as gw:
            assert (await ask(gw, **asking(what))).status == 200


def test_one_comes_before_the_other_as_the_text_says():
    config = {
        "routes": [
            {"name": "own", "path": "/a", "backend": "llm", "retry": {"maxAttempts": 5}},
            {"name": "row", "path": "/b", "backend": "llm"},
            {"name": "none", "path": "/c", "backend": "llm"},
            {"name": "pool", "path": "/d", "backend": "pool"},
        ],
        "backends": [
            {"name": "llm", "url": "http://llm/v1", "retry": {"maxAttempts": 3}},
            {"name": "pool", "type": "pool", "backends": [{"name": "llm"}]},
        ],
        "policies": {
            "retry": {
                "maxAttempts": 2,
                "perRoute": [{"route": "row", "maxAttempts": 4}, {"route": "own", "maxAttempts": 6}],
            }
        },
    }
    snapshot = build_snapshot(load_plan(config, {}))
    found = {}
    for name, chooser in snapshot.choosers.items():
        [target] = chooser.choose(facts(), chance=0.0).targets
        found[name] = chooser.retry_for(target).max_attempts
    assert found == {"own": 5, "row": 4, "none": 3, "pool": 2}


async def test_without_a_word_two_attempts_are_made(llmgw_upstream):
    llmgw_upstream.default(error(503))
    async with gateway(chat_config(backend("one", llmgw_upstream.url))) as gw:
        await ask(gw)
    assert len(llmgw_upstream.requests) == 2


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.text):
        assert (DOCS / target).exists(), target
