"""What the pages on canaries and experiments say is done here."""

import re
import shlex
from collections import Counter
from typing import Any

import pytest

from llmgw_middleware.build import build_gateway
from llmgw_middleware.cli import parser
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.policy.rollout import Change
from tests.docs.pages import DOCS, page

CANARIES, EXPERIMENTS = page("canaries.md"), page("experiments.md")


@pytest.fixture
def gateway(tmp_path, monkeypatch) -> Gateway:
    for each in (CANARIES, EXPERIMENTS):
        each.write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return build_gateway("canary.yaml", env={})


def test_the_canary_of_the_page_begins_with_one_percent(gateway):
    assert gateway.rollouts.weight("gpt-5-rollout") == 0.01
    assert gateway.rollouts.canaries()["gpt-5-rollout"]["stable"] == "stable"


def test_what_a_person_decides_can_be_said_in_code(gateway):
    exec(CANARIES.snippet("gateway.rollouts.pause"), {"gateway": gateway})
    assert gateway.rollouts.weight("gpt-5-rollout") == 0.0
    assert gateway.rollouts.canaries()["gpt-5-rollout"]["reason"] == "the prices have changed"


def test_signals_are_given_as_the_page_says(gateway):
    names: dict[str, Any] = {"gateway": gateway, "request_id": "r", "user_id": 7}
    exec(CANARIES.snippet("gateway.signal"), names)


def test_a_function_hears_of_changes(capsys):
    names: dict[str, Any] = {}
    exec(CANARIES.snippet("def canary_changed"), names)
    names["canary_changed"](
        Change(canary="c", kind="promoted", stage=1, weight=0.05, reason="by hand", by="hand")
    )
    assert capsys.readouterr().out == "c promoted 0.05 by hand\n"


def test_the_experiment_of_the_page_deals_callers_out_by_half(gateway):
    splitter = build_gateway("experiment.yaml", env={}).rollouts.dial("prompt-model").splitter
    variants = Counter(splitter.choose(f"user-{number}", chance=0).variant for number in range(10_000))
    assert abs(variants["a"] - 5_000) < 150


COMMANDS = [
    line.partition("#")[0].strip()
    for each in (CANARIES, EXPERIMENTS)
    for block in each.blocks("sh")
    for line in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command):
    words = shlex.split(command)
    assert words[0] == "llmgw"
    assert parser(words[1:2]).parse_args(words[1:]).verb == words[2]


def test_every_snippet_is_run():
    assert (len(CANARIES.snippets), len(EXPERIMENTS.snippets)) == (3, 0)
    assert set(CANARIES.files) | set(EXPERIMENTS.files) == {"canary.yaml", "experiment.yaml", "state.yaml"}


@pytest.mark.parametrize("text", [CANARIES.text, EXPERIMENTS.text], ids=["canaries", "experiments"])
def test_every_link_leads_somewhere(text):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (DOCS / target).exists(), target
