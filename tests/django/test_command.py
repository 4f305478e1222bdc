from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import override_settings

from tests.django.project.gateway import config

CONFIG = config("http://127.0.0.1:9")
EXPLAIN = ["--path", "/v1/chat/completions", "-X", "POST", "-d", '{"model": "m"}', "--json"]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    call_command("llmgw", *words)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("tier", "route"), [("premium", "premium"), ("free", "everyone")])
def test_explain_uses_the_projects_configuration(capsys, tier: str, route: str):
    with override_settings(LLMGW=CONFIG):
        found = said(capsys, "explain", *EXPLAIN, "--user", f"tier={tier}")
    assert (found["outcome"], found["route"]) == ("route", route)


def test_check_reads_the_projects_file(capsys, tmp_path):
    file = tmp_path / "llmgw.json"
    file.write_text(json.dumps(CONFIG))
    with override_settings(LLMGW=None, LLMGW_CONFIG=file):
        assert said(capsys, "check", "--json")["ok"] is True


def test_check_reads_several_files(capsys, tmp_path):
    routes, backends = tmp_path / "routes.json", tmp_path / "backends.json"
    routes.write_text(json.dumps({key: CONFIG[key] for key in ("identity", "routes")}))
    backends.write_text(json.dumps({"backends": CONFIG["backends"]}))
    with override_settings(LLMGW=None, LLMGW_CONFIG=[routes, backends]):
        assert said(capsys, "check", "--json")["ok"] is True


def test_the_environments_configuration_wins(capsys, tmp_path, monkeypatch):
    file = tmp_path / "other.json"
    file.write_text(json.dumps({**CONFIG, "routes": [{"name": "other", "path": "/v1/*", "backend": "free"}]}))
    monkeypatch.setenv("LLMGW_CONFIG", str(file))
    with override_settings(LLMGW=CONFIG):
        assert said(capsys, "explain", *EXPLAIN)["route"] == "other"


def test_problems_end_with_an_exit_code(capsys):
    with override_settings(LLMGW={"routes": [{"nme": "x"}]}), pytest.raises(SystemExit) as ended:
        call_command("llmgw", "check")
    assert ended.value.code == 1
    assert "nme" in capsys.readouterr().out


def test_without_a_configuration_it_says_what_to_set():
    with override_settings(LLMGW=None), pytest.raises(CommandError, match="LLMGW_CONFIG"):
        call_command("llmgw", "check")


def test_the_app_has_no_models_and_the_label_of_its_settings():
    app = apps.get_app_config("llmgw")
    assert app.name == "llmgw_django"
    assert list(app.get_models()) == []
