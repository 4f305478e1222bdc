"""The sixteen faults as a client without any gateway meets them, and the fixtures that play them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from llmgw_middleware.testing.fault_bench import FaultBench
from llmgw_middleware.testing.faults import FALLBACK, FAULTS, PRIMARY, TEXT

NAMES = [
    "429 with Retry-After",
    "429 without Retry-After",
    "500 once",
    "503 persistent",
    "reset before headers",
    "silence",
    "slow first token",
    "stream cut",
    "stall",
    "malformed chunk",
    "no [DONE]",
    "context length",
    "content filter",
    "fallback that rejects prefill",
    "flapping primary",
    "failover accounting",
]
STATUSES = {
    "429 with Retry-After": (429, "rate_limit_exceeded"),
    "429 without Retry-After": (429, "rate_limit_exceeded"),
    "500 once": (500, None),
    "503 persistent": (503, "overloaded"),
    "context length": (400, "context_length_exceeded"),
    "content filter": (400, "content_filter"),
    "flapping primary": (503, "overloaded"),
}
BROKEN = {"stream cut", "fallback that rejects prefill", "failover accounting"}
LATE = {"silence", "slow first token", "stall"}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def question(*, stream: bool = False, last: str = "user", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": last, "content": "Hi"}], "stream": stream, **more}


def ask(upstream, *, timeout: float = 5.0, **asked: Any) -> httpx.Response:
    return httpx.post(f"{upstream.url}/v1/chat/completions", json=question(**asked), timeout=timeout)


def lines_of(upstream) -> Iterator[str]:
    url = f"{upstream.url}/v1/chat/completions"
    with httpx.Client() as client, client.stream("POST", url, json=question(stream=True)) as told:
        yield from told.iter_lines()


def text_of(response: httpx.Response) -> str:
    if "event-stream" not in response.headers["content-type"]:
        return str(response.json()["choices"][0]["message"]["content"])
    lines = [line[6:] for line in response.text.split("\n") if line.startswith('data: {"id": ')]
    chunks = [json.loads(line) for line in lines]
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])


def test_there_are_sixteen_of_them():
    assert list(FAULTS) == NAMES
    assert [fault.name for fault in FAULTS.values()] == NAMES
    assert [name for name, fault in FAULTS.items() if fault.code] == ["content filter"]


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_tells_its_story_in_sentences(name):
    assert FAULTS[name].story.startswith("The ")
    assert FAULTS[name].story.endswith(".")
    assert repr(FAULTS[name]) == f"<Fault {name}>"


def test_nobody_changes_them_for_others():
    with pytest.raises(TypeError):
        FAULTS["silence"] = FAULTS["stall"]  # type: ignore[index]


@STREAMED
@pytest.mark.parametrize("name", STATUSES)
def test_a_refusal_has_its_status_and_code(llmgw_faults, name, stream):
    llmgw_faults.play(name)
    response = ask(llmgw_faults.primary, stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == STATUSES[name]
    assert (response.headers.get("retry-after") == "1") == (name == "429 with Retry-After")


@STREAMED
@pytest.mark.parametrize("name", sorted(BROKEN - {"failover accounting"}))
def test_a_broken_answer_is_broken(llmgw_faults, name, stream):
    llmgw_faults.play(name)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(llmgw_faults.primary, stream=stream)


@STREAMED
@pytest.mark.parametrize("name", sorted(LATE))
def test_a_late_answer_is_late(llmgw_faults, name, stream):
    llmgw_faults.play(name, slow=30)
    asked = httpx.Request(
        "POST", f"{llmgw_faults.primary.url}/v1/chat/completions", json=question(stream=stream)
    )
    with httpx.Client(timeout=0.2) as client, pytest.raises(httpx.ReadTimeout):
        client.send(asked)


@STREAMED
def test_a_slow_answer_comes_after_all(llmgw_faults, stream):
    llmgw_faults.play("slow first token", slow=0.1)
    response = ask(llmgw_faults.primary, stream=stream)
    assert text_of(response) == TEXT
    assert response.text.count(": ping") == (10 if stream else 0)


def test_a_reset_comes_before_any_header(llmgw_faults):
    llmgw_faults.play("reset before headers")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ask(llmgw_faults.primary)


def test_one_failure_is_one(llmgw_faults):
    llmgw_faults.play("500 once")
    assert [ask(llmgw_faults.primary).status_code for _ in range(3)] == [500, 200, 200]


def test_flapping_goes_on(llmgw_faults):
    llmgw_faults.play("flapping primary")
    assert [ask(llmgw_faults.primary).status_code for _ in range(4)] == [503, 200, 503, 200]


def test_half_an_event_stands_amid_a_whole_stream(llmgw_faults):
    llmgw_faults.play("malformed chunk")
    streamed = ask(llmgw_faults.primary, stream=True)
    assert '"choices":[{"del\n\n' in streamed.text
    assert (text_of(streamed), streamed.text[-14:]) == (TEXT, "data: [DONE]\n\n")
    with pytest.raises(ValueError, match="Expecting"):
        ask(llmgw_faults.primary).json()


def test_an_answer_without_its_formal_end_is_whole(llmgw_faults):
    llmgw_faults.play("no [DONE]")
    whole, streamed = ask(llmgw_faults.primary), ask(llmgw_faults.primary, stream=True)
    assert text_of(whole) == text_of(streamed) == TEXT
    assert "content-length" not in whole.headers
    assert "transfer-encoding" not in whole.headers
    assert "[DONE]" not in streamed.text


def test_the_tokens_of_a_broken_answer_are_told_before_it_breaks(llmgw_faults):
    llmgw_faults.play("failover accounting")
    assert ask(llmgw_faults.primary).json()["usage"]["total_tokens"] == 18_000
    told: list[str] = []
    with pytest.raises(httpx.RemoteProtocolError):
        told.extend(filter(None, lines_of(llmgw_faults.primary)))
    assert len(told) == 3
    assert all('"total_tokens": 18000' in line for line in told)


@STREAMED
@pytest.mark.parametrize("name", NAMES)
def test_the_fallback_answers_well(llmgw_faults, name, stream):
    llmgw_faults.play(name)
    response = ask(llmgw_faults.fallback, stream=stream)
    assert text_of(response) == TEXT
    assert f'"{FALLBACK}"' in response.text


def test_a_fallback_that_rejects_prefill_goes_by_who_spoke_last(llmgw_faults):
    llmgw_faults.play("fallback that rejects prefill")
    spoke = {last: ask(llmgw_faults.fallback, last=last) for last in ("user", "assistant", "tool")}
    assert {last: answer.status_code for last, answer in spoke.items()} == {
        "user": 200,
        "assistant": 400,
        "tool": 200,
    }
    assert "prefill" in spoke["assistant"].json()["error"]["message"]


def test_usage_is_streamed_to_who_asks_for_it(llmgw_faults):
    llmgw_faults.play("500 once")
    asked = ask(llmgw_faults.fallback, stream=True, stream_options={"include_usage": True})
    assert '"total_tokens": 12' in asked.text
    assert "total_tokens" not in ask(llmgw_faults.fallback, stream=True).text


def test_a_request_that_is_no_json_gets_an_answer_too(llmgw_faults):
    llmgw_faults.play("fallback that rejects prefill")
    assert httpx.get(f"{llmgw_faults.fallback.url}/v1/models").status_code == 200


def test_a_bench_is_two_backends_for_a_configuration(llmgw_faults):
    assert [(b["name"], b["url"]) for b in llmgw_faults.backends] == [
        ("primary", f"{llmgw_faults.primary.url}/v1"),
        ("fallback", f"{llmgw_faults.fallback.url}/v1"),
    ]
    assert "primary <ScriptedUpstream http" in repr(llmgw_faults)


def test_a_fault_that_there_is_not_is_a_key_error():
    with FaultBench() as bench, pytest.raises(KeyError, match="sillence"):
        bench.play("sillence")


def test_a_bench_closes_its_ports():
    with FaultBench() as bench:
        bench.play("500 once")
        assert text_of(ask(bench.fallback)) == TEXT
    with pytest.raises(httpx.ConnectError):
        ask(bench.fallback)


def test_a_provider_by_itself_does_what_it_is_told(llmgw_upstream):
    FAULTS["500 once"].play(llmgw_upstream, FaultBench().fallback)
    first, second = ask(llmgw_upstream), ask(llmgw_upstream)
    assert (first.status_code, second.json()["model"]) == (500, PRIMARY)


def run(folder, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_a_run_that_uses_no_fixture_loads_nothing_but_the_fixtures(tmp_path):
    code = (
        "import llmgw_middleware.testing.plugin, sys; print(sorted(m for m in sys.modules if 'llmgw' in m))"
    )
    names = ["llmgw_middleware", "llmgw_middleware.testing", "llmgw_middleware.testing.plugin"]
    assert run(tmp_path, "-W", "error", "-c", code).stdout.strip() == str(names)


def test_a_project_of_its_own_has_the_fixtures_without_a_line_in_its_conftest(tmp_path):
    (tmp_path / "test_shop.py").write_text(
        "def test_both(llmgw_upstream, llmgw_faults):\n"
        "    assert llmgw_upstream.port and llmgw_faults.play('stall').name == 'stall'\n"
    )
    done = run(tmp_path, "-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio")
    assert "1 passed" in done.stdout, done.stdout
