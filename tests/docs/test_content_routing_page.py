"""The how-to on routing by body and user does what it says: its files are loaded, its commands run, its rules asked."""

import json
import shlex

import pytest
import yaml

from llmgw_middleware.build import build_snapshot, load_plan
from llmgw_middleware.cli import main
from llmgw_middleware.explain import explain
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat
from tests.docs.pages import page
from tests.gateway.asking import PATH, ask, error_of, gateway

PAGE = page("content-routing.md")
YAML = [yaml.safe_load(text) for text in PAGE.blocks("yaml")]
COMMANDS = PAGE.commands


def somebody(tier):
    return Identity(id="ana", attributes={"tier": tier}, source="session")


@pytest.mark.parametrize(("command", "printed"), COMMANDS, ids=["premium and GPT", "premium and Claude"])
def test_a_command_prints_what_the_page_shows(tmp_path, monkeypatch, capsys, command, printed):
    PAGE.write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out.startswith(printed.rstrip())


ASKED = {
    "premium, GPT": ("premium", "gpt-4o", 1, "large"),
    "premium, another": ("premium", "claude-3", 1, "small"),
    "free, GPT": ("free", "gpt-4o", 50, "small"),
    "free, too long": ("free", "gpt-4o", 51, "too_many_messages"),
    "premium, long": ("premium", "gpt-4o", 51, "large"),
}


@pytest.mark.parametrize(("tier", "model", "count", "taken"), ASKED.values(), ids=ASKED)
async def test_body_and_tier_decide_in_one_expression(tier, model, count, taken):
    with ScriptedUpstream() as large, ScriptedUpstream() as small:
        large.default(chat("large"))
        small.default(chat("small"))
        config = json.loads(json.dumps(YAML[0]))
        config["backends"][0]["url"], config["backends"][1]["url"] = f"{large.url}/v1", f"{small.url}/v1"
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}] * count, "logprobs": True}
        async with gateway(config) as gw:
            answer = await ask(gw, body=body, who=somebody(tier))
        if answer.status == 403:
            assert error_of(answer)["code"] == taken
        else:
            assert json.loads(answer.body)["choices"][0]["message"]["content"] == taken
            assert [one.json.get("logprobs") for one in small.requests] == [None] * len(small.requests)
            assert [one.header("x-team") for one in small.requests] == ["none"] * len(small.requests)


@pytest.mark.parametrize(("model", "route"), [("gpt-4o", "gpt"), ("claude-3", "claude")])
def test_a_header_made_of_the_body_chooses(model, route):
    told = explained(YAML[1], {"model": model, "messages": []}, headers=((b"x-model", b"claude-x"),))
    assert told.route == route


def test_a_header_is_no_way_around_the_body():
    assert explained(YAML[1], {"messages": []}, headers=((b"x-model", b"gpt-4o"),)).route is None


def test_a_thread_is_the_key():
    told = explained(YAML[2], {"model": "m", "messages": [], "metadata": {"thread": "7"}})
    assert told.split is not None
    assert told.split.key == "ana/7"


def explained(config, body, headers=()):
    snapshot = build_snapshot(load_plan(config, {}, serving=False))
    asked = Request(method="POST", path=PATH, headers=headers, body=json.dumps(body).encode())
    return explain(snapshot, asked, somebody("premium"), chance=0.5)
