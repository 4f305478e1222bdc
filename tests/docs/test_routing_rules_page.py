"""What the page on routing rules says is done here: it is seed 000, section by section."""

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.build import build_snapshot, load_plan
from llmgw_middleware.cli import main
from llmgw_middleware.explain import Explanation, explain
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import ANONYMOUS, Identity
from tests.docs.pages import DOCS, page

PAGE = page("routing-rules.md")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    PAGE.write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("shop", "rules"):
        sys.modules.pop(name, None)


def told(
    source, *, path: str = "/v1/chat/completions", query: bytes = b"", who=ANONYMOUS, **more
) -> Explanation:
    headers = tuple((n.lower().encode(), v.encode()) for n, v in more.pop("headers", {}).items())
    asked = Request(method=more.pop("method", "POST"), path=path, query=query, headers=headers, body=b"{}")
    return explain(build_snapshot(load_plan(source, {}, serving=False)), asked, who, chance=0.5, **more)


COMMANDS = [*PAGE.commands]
BLOCKS = re.findall(r"^````console\n\$ (.*?)\n(.*?)^````", PAGE.text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", [*COMMANDS, *BLOCKS], ids=lambda c: c[0][:40])
def test_every_command_prints_what_the_page_shows(folder, capsys, command):
    typed, printed = command
    typed, _, piped = typed.partition(" | ")
    main(shlex.split(typed)[1:])
    said = capsys.readouterr().out
    if piped:
        words = shlex.split(piped)
        said = subprocess.run(words, input=said, capture_output=True, text=True, check=True).stdout
    assert said == printed


KINDS = {
    "v1": {"path": "/api/v1/models"},
    "v2": {"path": "/api/v2/models"},
    "web": {"headers": {"X-Client": "web"}},
    "mobile": {"headers": {"x-client": "mobile"}},
    "gpt-4": {"query": b"model=gpt-4"},
    "gpt-3.5": {"query": b"model=gpt-3.5"},
    "us": {"country": "US"},
    "eu": {"country": "FR"},
    "apac": {"country": "JP"},
    "premium-users": {"who": Identity(id="1", attributes={"tier": "premium"}, source="session")},
    "free-users": {"who": Identity(id="1", attributes={"tier": "free"}, source="session")},
    "split": {},
}


@pytest.mark.parametrize(("route", "asked"), KINDS.items(), ids=KINDS.keys())
def test_every_kind_of_rule_takes_its_requests(folder, route, asked):
    assert told("kinds.yaml", **asked).route == route


def test_the_list_of_rules_is_a_configuration(folder):
    import rules  # type: ignore[import-not-found]  # a file of the page

    ask: dict[str, Any] = {"path": "/api/chat/1", "method": "GET"}
    assert told(rules.routing_rules, **ask).backend == "chat-service:8001"
    mobile: dict[str, Any] = {"headers": {"X-Client-Type": "mobile"}}
    assert told(rules.routing_rules, **mobile).backend == "mobile-service:8002"
    assert told(rules.routing_rules, query=b"model=gpt-4", **mobile).route == "route-3"


def test_the_split_is_the_guides_in_proportion_and_sticks(folder):
    chooser = build_snapshot(load_plan("split.yaml", {}, serving=False)).choosers["chat"]

    def side(session: int, chance: float) -> str:
        request = Request(
            method="POST", path="/v1/chat/completions", headers=((b"x-session-id", b"%d" % session),)
        )
        choice = chooser.choose(Facts(request, ANONYMOUS, lambda *_: None), chance=chance)  # type: ignore[arg-type]  # nobody asks where
        assert choice.split is not None
        return choice.split.chosen

    sides = [side(session, 0.0) for session in range(10_000)]
    assert abs(Counter(sides)["stable-backend:8001"] - 8_000) < 3 * 40
    assert sides[:500] == [side(session, 0.99) for session in range(500)]


@pytest.mark.parametrize(("who", "route"), [("alice", "new-chat"), ("carol", "chat")])
def test_a_flag_decides_who_gets_the_new_route(folder, who, route):
    import shop  # type: ignore[import-not-found]  # a file of the page

    on = frozenset({"new-chat"}) if shop.flag_is_on("new-chat", Identity(id=who)) else frozenset()
    assert told("flags.yaml", who=Identity(id=who, source="session"), flags=on).route == route


@pytest.mark.parametrize(
    ("time", "route"), [(1798131599, "chat"), (1798131600, "campaign"), (1798326000, "chat")]
)
def test_a_campaign_begins_and_ends(folder, time, route):
    assert told("flags.yaml", now=float(time)).route == route


@pytest.mark.parametrize("name", sorted(PAGE.files))
def test_every_file_can_be_used(folder, name):
    if name.endswith(".py"):
        compile(PAGE.files[name], name, "exec")
    elif "tests" not in name:
        load_plan(name, {}, serving=False)


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.text):
        assert (Path(DOCS) / target).exists(), target
