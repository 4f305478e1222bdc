"""The manifests of the page on content-based routing, served as they are, before upstreams on real sockets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.cli import main
from llmgw_middleware.testing.answers import answer, chat
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e.manifest_servers import llmgw
from tests.e2e.servers import Answer, RawCaller
from tests.fixtures import fixture_json, fixture_path

PAGE = "agentgateway/page"
SETS = {"model": (1, 2, 3), "priority": (4, 5, 6), "both": (1, 2, 3, 4, 5, 6)}
BACKENDS = ("openai-backend", "anthropic-backend", "high-priority-backend", "standard-priority-backend")
KEYS = {"OPENAI_SECRET": "sk-openai", "ANTHROPIC_SECRET": "sk-anthropic"}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-3-5-sonnet-20241022",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


class Providers:
    """An OpenAI and an Anthropic upstream, and where each of the page's backends is."""

    def __init__(self, openai: ScriptedUpstream, anthropic: ScriptedUpstream) -> None:
        openai.default(chat("Hello", model="gpt-4o-2024-08-06"))
        anthropic.default(answer(json=MESSAGE))
        self.openai, self.anthropic = openai, anthropic

    def overlay(self) -> dict[str, Any]:
        urls = dict.fromkeys(BACKENDS, self.openai.url) | {"anthropic-backend": self.anthropic.url}
        return {"backends": [{"name": name, "url": f"{url}/v1"} for name, url in urls.items()]}


@pytest.fixture
def providers() -> Iterator[Providers]:
    with ScriptedUpstream() as openai, ScriptedUpstream() as anthropic:
        yield Providers(openai, anthropic)


def manifests(folder: Path, numbers: Sequence[int]) -> Path:
    """Copy the page's files of these numbers into a folder of their own."""
    made = folder / "manifests"
    made.mkdir()
    for number in numbers:
        [file] = fixture_path(PAGE).glob(f"{number}-*.yaml")
        shutil.copy(file, made)
    return made


@contextmanager
def served(folder: Path, numbers: Sequence[int], providers: Providers) -> Iterator[RawCaller]:
    (folder / "local.json").write_text(json.dumps(providers.overlay()))
    words = ["serve", "--manifests", str(manifests(folder, numbers)), "local.json"]
    with llmgw(words, folder, KEYS) as port, RawCaller(port) as caller:
        yield caller


def asked(caller: RawCaller, body: Any) -> Answer:
    return caller.ask(body=body if isinstance(body, bytes) else json.dumps(body).encode())


def question(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello"}], **more}


@pytest.mark.slow
def test_by_model_gpt_reaches_openai_and_claude_reaches_anthropic(tmp_path, providers):
    with served(tmp_path, SETS["model"], providers) as caller:
        gpt, claude = asked(caller, question("gpt-4o")), asked(caller, question("claude-3-5-sonnet-latest"))
    assert (gpt.status, json.loads(gpt.body)["model"]) == (200, "gpt-4o-2024-08-06")
    [to_openai], [to_anthropic] = providers.openai.requests, providers.anthropic.requests
    assert (to_openai.json["model"], to_openai.header("authorization")) == ("gpt-4o", "Bearer sk-openai")
    assert to_openai.header("x-model") is None
    assert (to_anthropic.path, to_anthropic.json["model"]) == ("/v1/messages", "claude-3-5-sonnet-latest")
    assert to_anthropic.header("x-api-key") == "sk-anthropic"
    told = json.loads(claude.body)
    assert (claude.status, told["object"], told["model"]) == (200, "chat.completion", MESSAGE["model"])
    assert told["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.slow
def test_by_priority_high_reaches_gpt_4o_and_none_gpt_4o_mini(tmp_path, providers):
    with served(tmp_path, SETS["priority"], providers) as caller:
        for body in (question("any", priority="high"), question("any"), question("any", priority="low")):
            assert asked(caller, body).status == 200
    sent = [seen.json for seen in providers.openai.requests]
    assert [body["model"] for body in sent] == ["gpt-4o", "gpt-4o-mini", "gpt-4o-mini"]
    assert all("priority" not in body for body in sent)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_malformed_json_is_refused_and_the_next_request_is_served(name, tmp_path, providers):
    with served(tmp_path, SETS[name], providers) as caller:
        broken = asked(caller, b'{"model": "gpt-4o", ')
        good = asked(caller, question("gpt-4o"))
    assert (broken.status, json.loads(broken.body)["error"]["code"]) == (400, "invalid_json")
    assert good.status == 200


@pytest.mark.slow
def test_a_caller_cannot_choose_by_a_header_of_its_own(tmp_path, providers):
    with served(tmp_path, SETS["model"], providers) as caller:
        body = json.dumps(question("gpt-4o")).encode()
        assert caller.ask(body=body, headers={"x-model": "claude-3"}).status == 200
    assert len(providers.openai.requests) == 1
    assert providers.anthropic.requests == []


@pytest.mark.slow
def test_together_the_first_section_outranks_the_second(tmp_path, providers):
    with served(tmp_path, SETS["both"], providers) as caller:
        asked(caller, question("claude-3-5-sonnet-latest", priority="high"))
        asked(caller, question("llama", priority="high"))
        asked(caller, question("llama"))
    assert len(providers.anthropic.requests) == 1
    assert [seen.json["model"] for seen in providers.openai.requests] == ["gpt-4o", "gpt-4o-mini"]


@pytest.mark.slow
def test_the_models_of_the_backends_are_listed(tmp_path, providers):
    with served(tmp_path, SETS["both"], providers) as caller:
        told = json.loads(caller.ask("GET", "/v1/models").body)
    assert {model["id"] for model in told["data"]} == {"gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet-latest"}


@pytest.mark.parametrize("number", range(4))
def test_explain_says_what_the_page_says(number, tmp_path, capsys):
    case = fixture_json(f"{PAGE}/cases.json")["cases"][number]
    folder = manifests(tmp_path, SETS[case["set"]])
    assert main(["explain", str(folder), "--path", case["path"], "-d", case["body"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backend"] == case["expect_backend"]
