"""What the README says is done here."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.build import build_gateway
from llmgw_middleware.cli import main
from llmgw_middleware.model.identity import Identity

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    config, content = blocks("yaml")
    (tmp_path / "llmgw.yaml").write_text(config)
    (tmp_path / "content.yaml").write_text(content)
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-test")
    return tmp_path


def test_its_configuration_starts(folder):
    gateway = build_gateway(folder / "llmgw.yaml")
    assert [route.name for route in gateway.plan.routes] == ["premium-chat", "chat"]


def test_its_configuration_has_no_errors(folder, capsys):
    assert main(["check", "llmgw.yaml"]) == 0
    assert "no errors" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tier", "turns", "route"),
    [("premium", 21, "long-and-paid"), ("premium", 20, "chat"), ("free", 21, "chat")],
)
def test_its_rule_sees_the_content_and_the_user(folder, capsys, tier, turns, route):
    body = json.dumps({"model": "claude-sonnet-5", "messages": [{"role": "user", "content": "hi"}] * turns})
    words = ["-X", "POST", "--path", "/v1/chat/completions", "-d", body, "--user", f"tier={tier}", "--json"]
    assert main(["explain", "content.yaml", *words]) == 0
    assert json.loads(capsys.readouterr().out)["route"] == route


def test_its_canary_begins_small(folder):
    gateway = build_gateway(folder / "content.yaml")
    assert [dial.canary for dial in gateway.plan.canaries] == ["gemini"]


def test_the_explanation_is_printed_as_shown(folder, capsys):
    [shown] = [block for block in blocks("console") if "explain" in block]
    command, _, output = shown.partition("\n")
    assert main(shlex.split(command.removeprefix("$ llmgw "))) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == output.splitlines()


def test_its_lines_for_an_asgi_application_work(folder, monkeypatch):
    (folder / "shop").mkdir()
    (folder / "shop" / "auth.py").write_text("def identify(request):\n    return None\n")
    monkeypatch.syspath_prepend(folder)
    for name in ("shop", "shop.auth"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    [lines] = [block for block in blocks("python") if "identify=" in block]
    names: dict[str, Any] = {"app": lambda scope, receive, send: None}
    exec(lines, names)
    assert len(names["app"].gateway.plan.routes) == 2


def test_its_lines_for_django_name_what_there_is(folder):
    [lines] = [block for block in blocks("python") if "MIDDLEWARE" in block]
    settings = {"MIDDLEWARE": ["django.contrib.auth.middleware.AuthenticationMiddleware"], "BASE_DIR": folder}
    exec(lines, settings)
    module, _, name = settings["MIDDLEWARE"][-1].rpartition(".")
    source = (ROOT / "integrations").joinpath(*module.split(".")).with_suffix(".py").read_text()
    assert f"class {name}" in source
    assert settings["LLMGW_CONFIG"].exists()


def test_its_line_for_openai_clients_makes_one():
    openai = pytest.importorskip("openai", reason="the official client is not installed")
    [line] = [block for block in blocks("python") if "OpenAI(" in block]
    names = {"OpenAI": openai.OpenAI, "cookie": "c", "token": "t"}
    exec(line, names)
    names["client"].close()


def test_its_commands_are_targets_of_the_makefile():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (\w+)", README))
    assert named
    assert named <= targets


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_what_it_says_is_not_there_is_refused():
    from llmgw_middleware.errors import ConfigError

    for key in ("observe", "console"):
        with pytest.raises(ConfigError, match="not available in this version"):
            build_gateway(
                {"routes": [{"name": "a", "path": "/v1/x", "backend": "http://127.0.0.1:1"}], key: {}}, env={}
            )


def test_who_calls_is_needed_by_its_example(folder):
    assert build_gateway(folder / "llmgw.yaml").uses_identity
    assert Identity().authenticated is False
