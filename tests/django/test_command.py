from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
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


def explained(capsys, *words: str) -> tuple[Any, str]:
    with override_settings(LLMGW=CONFIG):
        call_command("llmgw", "explain", *EXPLAIN, *words)
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


@pytest.mark.parametrize(
    ("name", "tier", "route"), [("bob", "premium", "premium"), ("alice", "free", "everyone")]
)
def test_explain_loads_the_user_it_names(capsys, name: str, tier: str, route: str):
    told, said = explained(capsys, "--user", name)
    user = User.objects.get(username=name)
    assert (told["route"], told["identity"]["id"]) == (route, str(user.pk))
    assert told["identity"]["attributes"]["tier"] == tier
    assert said == f"user     {name}, auth.User {user.pk}\n"


def test_explain_finds_a_user_by_the_primary_key(capsys):
    bob = User.objects.get(username="bob")
    assert explained(capsys, "--user", str(bob.pk))[0]["route"] == "premium"


def test_explain_says_what_would_be_if_the_user_were_another(capsys):
    told, _ = explained(capsys, "--user", "alice", "--user", "tier=premium")
    assert told["route"] == "premium"
    assert told["identity"]["id"] == str(User.objects.get(username="alice").pk)


def test_explain_asks_for_the_groups_that_a_rule_reads(capsys):
    pilots = {
        "name": "pilots",
        "path": "/v1/*",
        "user": {"groups": {"contains": "pilots"}},
        "backend": "free",
    }
    with override_settings(LLMGW={**CONFIG, "routes": [pilots, *CONFIG["routes"]]}):
        call_command("llmgw", "explain", *EXPLAIN, "--user", "bob")
    assert json.loads(capsys.readouterr().out)["route"] == "pilots"


def test_explain_runs_the_projects_own_resolver(capsys):
    with override_settings(LLMGW_IDENTIFY="tests.django.hooks:by_native_user"):
        told, _ = explained(capsys, "--user", "bob", "-H", "X-Team: blue")
    assert told["identity"] == {
        "id": "bob",
        "authenticated": True,
        "attributes": {"team": "blue", "tier": "free"},
    }


def test_explain_tells_of_a_user_whom_the_resolver_refuses(capsys):
    with (
        override_settings(LLMGW=CONFIG, LLMGW_IDENTIFY="tests.django.hooks:nobody_gets_in"),
        pytest.raises(SystemExit),
    ):
        call_command("llmgw", "explain", *EXPLAIN, "--user", "bob")
    assert "bob, auth.User" in (said := capsys.readouterr().err)
    assert "is refused: 403 Not today." in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["--user", "nobody-knows"], "auth.User has no such user", id="unknown"),
        pytest.param(["--user", "alice", "--user", "bob"], "one caller has one name", id="two"),
    ],
)
def test_explain_refuses_a_name_that_is_no_user(capsys, words: list[str], expected: str):
    with override_settings(LLMGW=CONFIG), pytest.raises(SystemExit):
        call_command("llmgw", "explain", *EXPLAIN, *words)
    assert expected in capsys.readouterr().err


def test_a_gateway_that_is_switched_off_asks_nobody(capsys):
    with override_settings(LLMGW=CONFIG, LLMGW_ENABLED=False), pytest.raises(SystemExit):
        call_command("llmgw", "explain", *EXPLAIN, "--user", "alice")
    assert "LLMGW_ENABLED" in capsys.readouterr().err


def test_init_writes_a_first_configuration_and_the_lines_for_django(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with override_settings(LLMGW=None):
        call_command("llmgw", "init")
    assert "LLMGW_CONFIG" in capsys.readouterr().out
    with override_settings(LLMGW=None, LLMGW_CONFIG=tmp_path / "llmgw.yaml"):
        assert said(capsys, "check", "--json")["ok"] is True


def test_schema_needs_no_configuration(capsys):
    with override_settings(LLMGW=None):
        assert said(capsys, "schema")["$schema"].startswith("https://json-schema.org/")


TESTS = """
tests:
  - {request: {body: {model: m}}, user: {tier: premium}, expect: {route: premium}}
  - {request: {body: {model: m}}, expect: {route: everyone}}
"""


def test_a_file_of_tests_runs_against_the_projects_configuration(capsys, tmp_path):
    (tmp_path / "tests.yaml").write_text(TESTS)
    with override_settings(LLMGW=CONFIG):
        assert said(capsys, "test", str(tmp_path / "tests.yaml"), "--json")["ok"] is True


def test_the_projects_rules_are_documented(capsys):
    with override_settings(LLMGW=CONFIG):
        call_command("llmgw", "docs")
    assert capsys.readouterr().out.startswith("# Routing rules")


@pytest.mark.parametrize("words", [("canary", "status"), ("experiment", "status"), ("mirror", "status")])
def test_what_runs_is_asked_without_any_configuration(capsys, tmp_path, monkeypatch, words):
    monkeypatch.setenv("LLMGW_RUN_DIR", str(tmp_path))
    with override_settings(LLMGW=None), pytest.raises(SystemExit) as ended:
        call_command("llmgw", *words)
    assert ended.value.code == 1
    assert "can be reached" in capsys.readouterr().err
