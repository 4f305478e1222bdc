"""``flask llmgw``: the command line with the application's own configuration."""

from __future__ import annotations

import json

import pytest

from llmgw_flask import LLMGateway, wrap_wsgi
from tests.flask import shop

EXPLAIN = ["explain", "--path", "/v1/chat/completions", "-X", "POST", "-d", '{"model": "m"}', "--json"]


@pytest.fixture(params=[LLMGateway, wrap_wsgi], ids=["extension", "wrap_wsgi"])
def command(request, capsys):
    def run(*words, config=None):
        app = shop.bare()
        request.param(app, config=shop.config() if config is None else config)
        return app.test_cli_runner(catch_exceptions=False).invoke(args=["llmgw", *words])

    return run


@pytest.mark.parametrize(("tier", "route"), [("premium", "premium"), ("free", "everyone")])
def test_explain_uses_the_applications_configuration(command, tier, route):
    told = json.loads(command(*EXPLAIN, "--user", f"tier={tier}").output)
    assert (told["outcome"], told["route"]) == ("route", route)


def test_check_reads_the_applications_files(command, tmp_path):
    config = shop.config()
    (tmp_path / "a.json").write_text(json.dumps({key: config[key] for key in ("identity", "routes")}))
    (tmp_path / "b.json").write_text(json.dumps({"backends": config["backends"]}))
    for source in (tmp_path, [tmp_path / "a.json", tmp_path / "b.json"]):
        result = command("check", "--json", config=source)
        assert (result.exit_code, json.loads(result.output)["ok"]) == (0, True)


def test_problems_end_with_an_exit_code(command):
    config = shop.config()
    config["routes"].append(
        {"name": "never", "path": "/v1/chat/completions", "methods": ["POST"], "backend": "free"}
    )
    result = command("check", "--strict", config=config)
    assert (result.exit_code, "never" in result.output) == (1, True)


def test_where_it_is_switched_off_there_may_be_nothing_to_check(command, monkeypatch):
    monkeypatch.setenv("LLMGW_ENABLED", "false")
    app = shop.bare()
    LLMGateway(app)
    result = app.test_cli_runner().invoke(args=["llmgw", "check"])
    assert (result.exit_code, "LLMGW_CONFIG" in result.output) == (1, True)


def test_help_is_the_commands_own(command):
    assert "--strict" in command("check", "--help").output
