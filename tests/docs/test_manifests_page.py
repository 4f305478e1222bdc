"""The page on manifests is run as it is printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from llmgw_middleware.build import load_plan
from llmgw_middleware.cli import main
from llmgw_middleware.model.plan import Plan
from tests.conformance import test_gateway_api as gateway_api
from tests.conformance import test_kubernetes as kubernetes
from tests.conformance import test_route_matching as route_matching
from tests.docs.pages import page
from tests.docs.walk import provider
from tests.e2e.manifest_servers import llmgw
from tests.e2e.servers import RawCaller
from tests.fixtures import fixture_path

PAGE = page("manifests.md")
SHOWN = re.compile(r"(?P<command>.*) \| jq -r \.(?P<field>\w+)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's files."""
    for name, text in PAGE.files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def questions(start: str) -> list[tuple[list[str], str, str]]:
    """Return the words of each command that begins so, the field that is picked, and what is printed."""
    found = []
    for command, printed in PAGE.commands:
        if command.startswith(start) and (shown := SHOWN.fullmatch(command)):
            found.append((shlex.split(shown["command"]), shown["field"], printed.strip()))
    return found


@pytest.mark.parametrize("asked", questions("llmgw explain"), ids=lambda asked: asked[2])
def test_explain_prints_what_the_page_prints(asked, folder, monkeypatch, capsys):
    (_, *words), field, printed = asked
    monkeypatch.chdir(folder)
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)[field] == printed


@pytest.mark.slow
def test_every_question_is_answered_as_the_page_says(folder):
    setting, *words = shlex.split(PAGE.command("LLM_URL"))
    assert setting.startswith("LLM_URL=")
    serve = words[1 : words.index("--port")]
    with provider(PAGE) as url, llmgw(serve, folder, {"LLM_URL": url}) as port, RawCaller(port) as caller:
        for command, field, printed in questions("curl"):
            body = command[command.index("-d") + 1].encode()
            assert json.loads(caller.ask(body=body).body)[field] == printed


def test_what_is_in_the_gateways_own_words_decides_alike():
    [own] = [block for block in PAGE.blocks("yaml") if "prefix: gpt-" in block]
    plan = load_plan(yaml.safe_load(own), {}, serving=False)
    assert isinstance(plan, Plan)
    assert [route.target for route in plan.routes] == ["openai-backend", "anthropic-backend"]


def test_what_is_imported_loads(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    _, *words = shlex.split(PAGE.command("llmgw import"))
    assert main(words) == 0
    (folder / "made.yaml").write_text(capsys.readouterr().out)
    made = load_plan(folder / "made.yaml", {}, serving=False)
    assert [route.name for route in made.routes] == ["priority-routing/1", "priority-routing/2"]


def counted() -> list[tuple[int, int]]:
    """Return how many cases of each table are passed, and how many there are, in the order of the page."""
    documents = len(list(kubernetes.documents(fixture_path(kubernetes.CRD))))
    golden = len(list(kubernetes.golden(fixture_path(kubernetes.GOLDEN))))
    set_ups = sum(len(list(kubernetes.scenes(fixture_path(folder)))) for folder in kubernetes.SCENES)
    routes = [case.test for _, case in gateway_api.cases(fixture_path(gateway_api.FOLDER))]
    left_out = sum(test in gateway_api.LEFT_OUT for test in routes) + len(gateway_api.OTHER_STATUS)
    return [
        (route_matching.CASES, route_matching.CASES),
        (len(list(route_matching.aliases(fixture_path(route_matching.ALIASES)))),) * 2,
        (documents - len(kubernetes.ACCEPTED) - len(kubernetes.REFUSED), documents),
        (golden - len(kubernetes.DIFFERENT), golden),
        (set_ups - len(kubernetes.SCENES_REFUSED), set_ups),
        (len(routes) - left_out, len(routes)),
    ]


def test_the_figures_of_the_page_are_those_of_the_tables():
    printed = re.findall(r"\| (\d+) of (\d+) \|", PAGE.text)
    assert [(int(passed), int(total)) for passed, total in printed] == counted()
