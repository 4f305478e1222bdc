"""``flask llmgw``: the command line with the application's own configuration."""

from __future__ import annotations

import json

import pytest
from flask import abort

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


class TestNamedUsers:
    """``explain --user alice`` asks of alice what a request of hers is asked."""

    @pytest.fixture(params=[LLMGateway, wrap_wsgi], ids=["extension", "wrap_wsgi"])
    def explain(self, request):
        def explain(*words, app=None, **options):
            app = app or shop.with_flask_login()
            request.param(app, config=shop.config(), **options)
            return app.test_cli_runner().invoke(args=["llmgw", *EXPLAIN, *words])

        return explain

    @pytest.mark.parametrize(("name", "route"), [("alice", "everyone"), ("bob", "premium")])
    def test_the_user_loader_knows_them(self, explain, name, route):
        assert json.loads(explain("--user", name).output)["route"] == route

    def test_what_is_said_beside_the_name_changes_what_was_found(self, explain):
        assert json.loads(explain("--user", "bob", "--user", "tier=free").output)["route"] == "everyone"

    def test_a_resolver_of_ones_own_is_asked(self, explain):
        told = json.loads(explain("--user", "alice", identify="tests.flask.hooks:premium").output)
        assert told["route"] == "premium"

    @pytest.mark.parametrize(
        ("words", "options", "reason"),
        [
            (["zoe"], {}, "knows no such id"),
            (["alice", "--user", "bob"], {}, "one caller has one name"),
            (["alice"], {"app": shop.bare}, "Flask-Login only"),
            (["alice"], {"identify": lambda _: None}, "no access"),
            (["alice"], {"identify": lambda _: abort(403)}, "is refused: 403"),
            (["alice"], {"enabled": False}, "switched off"),
        ],
        ids=["unknown", "two", "without Flask-Login", "anonymous", "refused", "switched off"],
    )
    def test_what_cannot_be_told_is_said(self, explain, words, options, reason):
        given = {name: value() if name == "app" else value for name, value in options.items()}
        result = explain("--user", *words, **given)
        assert (result.exit_code, reason in result.output) == (1, True), result.output


def test_a_file_of_tests_runs_against_the_applications_configuration(command, tmp_path):
    (tmp_path / "tests.yaml").write_text(
        "tests: [{request: {body: {model: m}}, user: {tier: premium}, expect: {route: premium}}]"
    )
    result = command("test", str(tmp_path / "tests.yaml"))
    assert (result.exit_code, "1 passed, 0 failed" in result.output) == (0, True)


def test_the_applications_rules_are_documented(command):
    assert command("docs").output.startswith("# Routing rules")


@pytest.mark.parametrize("name", ["canary", "experiment", "mirror"])
def test_what_runs_is_asked_for(command, tmp_path, monkeypatch, name):
    monkeypatch.setenv("LLMGW_RUN_DIR", str(tmp_path))
    assert command(name, "status").exit_code == 1
