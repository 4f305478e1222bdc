"""URL rules: what sees them, what wins over them, and what they cannot say."""

from __future__ import annotations

import json
import os

import pytest
from flask import Flask, g, request, url_for
from flask.cli import routes_command

from llmgw_flask import LLMGateway, wrap_wsgi
from llmgw_middleware import ConfigError
from tests.flask import shop
from tests.flask.shop import ask


def rules(app):
    return {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint == "llmgw"}


@pytest.fixture
def install():
    return LLMGateway


class TestRules:
    def test_each_path_is_a_rule(self):
        app = shop.bare()
        LLMGateway(app, config=shop.config())
        assert rules(app) == {"/v1/chat/completions", "/v1/models"}

    def test_a_prefix_is_a_rule_for_all_below(self):
        app = shop.bare()
        LLMGateway(app, config=shop.config(paths=["/v1/*", "/ai/chat"]))
        assert rules(app) == {"/v1", "/v1/<path:rest>", "/ai/chat"}

    def test_flask_lists_them(self):
        app = shop.bare()
        LLMGateway(app, config=shop.config())
        listed = app.test_cli_runner().invoke(routes_command).output
        assert [line.split()[0] for line in listed.splitlines() if "/v1/chat/completions" in line] == [
            "llmgw"
        ]

    def test_they_have_a_name(self):
        app = shop.bare()
        LLMGateway(app, config=shop.config(paths=["/v1/*"]))
        with app.test_request_context():
            assert url_for("llmgw", rest="chat/completions") == "/v1/chat/completions"

    def test_functions_before_and_after_the_request_see_the_endpoint(self, serve):
        app, seen = shop.bare(), []

        @app.after_request
        def look(response):
            seen.append(g.llmgw.decision.route)
            return response

        app.before_request(lambda: seen.append(request.endpoint))
        ask(serve(app))
        assert seen == ["llmgw", "everyone"]

    def test_a_function_before_the_request_may_refuse_it(self, serve, upstream):
        app = shop.bare()
        app.before_request(lambda: ("closed", 503))
        assert ask(serve(app)).status_code == 503
        assert not upstream.requests

    def test_functions_before_the_request_find_the_body(self, serve):
        app, seen = shop.bare(), []
        app.before_request(lambda: seen.append(request.get_json()["model"]))
        assert ask(serve(app)).status_code == 200
        assert seen == ["m"]

    @pytest.mark.parametrize("first", [True, False], ids=["added before", "added after"])
    def test_a_more_specific_view_of_the_application_wins(self, upstream, first):
        app = shop.bare()
        gateway = LLMGateway(config=shop.config(upstream.url, paths=["/v1/*"]))
        if first:
            gateway.init_app(app)
        app.add_url_rule("/v1/health", "health", lambda: "well")
        if not first:
            gateway.init_app(app)
        assert app.test_client().get("/v1/health").data == b"well"

    def test_options_stay_with_flask(self, serve, upstream):
        response = serve(shop.bare()).options("/v1/chat/completions")
        assert (response.status_code, "POST" in response.headers["allow"]) == (200, True)
        assert not upstream.requests

    def test_factories_share_one_extension(self, upstream, ending):
        gateway = LLMGateway(config=shop.config(upstream.url))
        first, second = shop.bare(), shop.bare()
        for app in (first, second):
            gateway.init_app(app)
            assert ask(ending(app).test_client()).status_code == 200
        assert first.extensions["llmgw"].gateway is not second.extensions["llmgw"].gateway


class TestRefusals:
    @pytest.mark.parametrize("way", [LLMGateway, wrap_wsgi])
    def test_an_application_has_one_gateway(self, way):
        app = shop.bare()
        LLMGateway(app, config=shop.config())
        with pytest.raises(ConfigError, match="already"):
            way(app, config=shop.config())

    @pytest.mark.parametrize(
        ("path", "reason"),
        [({"regex": "/v[12]/chat"}, "pattern"), ("/v1/<model>/chat", "< or >")],
        ids=["pattern", "brackets"],
    )
    def test_what_no_rule_can_say_is_refused_with_the_remedy(self, path, reason):
        config = shop.config()
        config["routes"][0]["path"] = path
        with pytest.raises(ConfigError, match=rf"{reason}(.|\n)*wrap_wsgi"):
            LLMGateway(shop.bare(), config=config)
        wrap_wsgi(shop.bare(), config=config)

    def test_a_pattern_under_a_listed_prefix_is_fine(self, serve):
        config = shop.config(paths=["/v1/*"])
        config["routes"][0]["path"] = {"regex": "/v1/[a-z]+"}
        serve(shop.bare(), config=config)

    def test_an_application_that_matches_hosts_is_refused(self):
        app = Flask("shop", static_folder=None, host_matching=True)
        with pytest.raises(ConfigError, match="wrap_wsgi"):
            LLMGateway(app, config=shop.config())

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ({"LLMGW": {}, "LLMGW_CONFIG": "x.yaml"}, "both set"),
            ({"LLMGW": "x.yaml"}, "use LLMGW_CONFIG"),
            ({"LLMGW_CONFIG": {"routes": []}}, "use LLMGW"),
            ({"LLMGW_ENABLED": "no"}, "True or False"),
            ({"LLMGW_TRUSTED_ORIGINS": "https://x.example"}, "a list"),
            ({"LLMGW_TRUSTED_ORIGINS": ["x.example"]}, "no origin"),
            ({"LLMGW_IDENTIFY": "nowhere:nothing"}, "cannot be loaded"),
            ({"LLMGW": {"routes": [{"nme": "x"}]}}, "nme"),
            ({}, "no configuration"),
        ],
        ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
    )
    @pytest.mark.parametrize("way", [LLMGateway, wrap_wsgi])
    def test_a_mistake_in_the_applications_configuration_is_told_at_once(self, way, said, reason):
        app = shop.bare()
        app.config.update(said)
        given = None if not said or "LLMGW" in said or "LLMGW_CONFIG" in said else shop.config()
        with pytest.raises(ConfigError, match=reason):
            way(app, config=given)


class TestPrecedence:
    @pytest.fixture
    def file(self, tmp_path, upstream):
        file = tmp_path / "llmgw.json"
        file.write_text(json.dumps(shop.config(upstream.url)))
        return file

    def test_the_applications_configuration_wins_over_code(self, file):
        app = shop.bare()
        app.config["LLMGW_CONFIG"] = file
        LLMGateway(app, config={"routes": [{"nme": "wrong"}]})
        assert app.extensions["llmgw"].gateway.plan.sources == (str(file),)

    def test_the_environment_wins_over_both(self, file, monkeypatch):
        monkeypatch.setenv("LLMGW_CONFIG", str(file))
        app = shop.bare()
        app.config["LLMGW"] = {"routes": [{"nme": "wrong"}]}
        LLMGateway(app, config={"routes": [{"nme": "wrong"}]})
        assert app.extensions["llmgw"].gateway.plan.sources == (str(file),)


class TestReload:
    @pytest.fixture
    def file(self, tmp_path):
        return tmp_path / "llmgw.json"

    def reload(self, way, file, before, after):
        file.write_text(json.dumps(before))
        app = shop.bare()
        way(app, config=file)
        app.test_client().get("/")  # from here on Flask takes no rule
        file.write_text(json.dumps(after))
        os.utime(file, (1, 1))
        app.extensions["llmgw"].gateway.reload()
        return app.extensions["llmgw"].gateway

    def test_what_the_rules_lead_to_is_taken(self, file):
        gateway = self.reload(
            LLMGateway, file, shop.config(paths=["/v1/*"]), shop.config(paths=["/v1/chat/*", "/v1/x"])
        )
        assert gateway.intercepts("POST", "/v1/x")
        assert not gateway.intercepts("POST", "/v1/y")

    @pytest.mark.parametrize("path", ["/v2/*", "/v1x", "/*", {"regex": "/v1/.*"}], ids=str)
    def test_a_new_prefix_is_refused_with_the_remedy(self, file, path):
        with pytest.raises(ConfigError, match="wrap_wsgi"):
            self.reload(LLMGateway, file, shop.config(paths=["/v1/*"]), shop.config(paths=["/v1/*", path]))

    def test_the_wrapper_takes_a_new_prefix(self, file):
        gateway = self.reload(wrap_wsgi, file, shop.config(), shop.config(paths=["/v2/*"]))
        assert gateway.intercepts("POST", "/v2/x")

    def test_a_path_that_is_no_longer_ours_is_a_404(self, file):
        file.write_text(json.dumps(shop.config(paths=["/v1/*"])))
        app = shop.bare()
        LLMGateway(app, config=file)
        file.write_text(json.dumps(shop.config(paths=["/v1/chat/*"])))
        app.extensions["llmgw"].gateway.reload()
        assert app.test_client().get("/v1/elsewhere").status_code == 404
